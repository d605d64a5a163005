use super::*;
use crate::exchange::{FailWith, Failing, Message};
use crate::scenario::model::{Copies, MirroredTo};

fn mirror(name: &str) -> MirroredTo {
    MirroredTo {
        namespace: "infra".to_owned(),
        name: name.to_owned(),
    }
}

fn copy(service: &str, path: &str) -> Seen {
    Seen {
        path: path.to_owned(),
        ..seen_by(service)
    }
}

fn shown(found: Vec<Mismatch>) -> Vec<String> {
    let shown = |m: Mismatch| format!("{}: {} / {}", m.field, m.expected, m.got);
    found.into_iter().map(shown).collect()
}

#[test]
fn each_mirror_must_get_the_path_that_the_backend_must_see() {
    let mut trial = trial();
    trial.mirrored_to = vec![mirror("a"), mirror("b")];
    let judged =
        |trial: &Trial, received: &[Seen]| shown(copied(trial, received, &Backends::default()));
    let both = [copy("a", "/"), copy("main", "/"), copy("b", "/")];
    assert_eq!(judged(&trial, &both), [""; 0]);
    assert_eq!(
        judged(&trial, &[copy("main", "/"), copy("b", "/other")]),
        [
            "mirroredTo.infra/a: / / (absent)",
            "mirroredTo.infra/b: / / /other",
        ]
    );

    trial.expected.request = Some(ExpectedRequest {
        path: Some("/rewritten".to_owned()),
        ..ExpectedRequest::default()
    });
    let rewritten = [copy("a", "/rewritten"), copy("b", "/rewritten")];
    assert_eq!(judged(&trial, &rewritten), [""; 0]);
    assert_eq!(judged(&trial, &both).len(), 2);
}

#[test]
fn copies_are_counted_at_each_mirror() {
    let wanted = ["a", "b"].map(|name| Copies {
        to: mirror(name),
        min: 1.5,
        max: 3.0,
    });
    let of = |services: &str| {
        let received: Vec<_> = services
            .chars()
            .map(|service| copy(&service.to_string(), "/"))
            .collect();
        shown(copies(&wanted, &received, &Backends::default()))
    };
    assert_eq!(of("aabbbmmmmm"), [""; 0]);
    assert_eq!(
        of("abbbb"),
        [
            "mirrorDistribution.infra/a: 1.5 to 3 copies / 1",
            "mirrorDistribution.infra/b: 1.5 to 3 copies / 4",
        ]
    );
}

#[test]
fn messages_must_come_back_in_order() {
    let [text, bytes] = [Message::Text("a".into()), Message::Binary(vec![1])];
    let expected = Expected {
        status: Status::Http(vec![101]),
        messages: vec![text.clone(), bytes.clone()],
        ..expected()
    };
    let with = |messages: &[&Message]| Answer {
        messages: messages.iter().map(|one| (*one).clone()).collect(),
        ..answer(101, &[])
    };
    assert_eq!(judged(&expected, &with(&[&text, &bytes])), [""; 0]);
    assert_eq!(
        judged(&expected, &with(&[&text])),
        ["websocket.messages[1]: Binary([1]) / (absent)"]
    );
    assert_eq!(judged(&expected, &with(&[&bytes, &text])).len(), 2);
}

#[test]
fn a_backend_that_fails_on_demand_may_be_reached() {
    let expected = Expected {
        status: Status::Http(vec![500]),
        ..expected()
    };
    let failed = Answer {
        seen: Some(seen_by("a")),
        ..answer(500, &[])
    };
    let mut sent = sent();
    assert_eq!(
        judge(&expected, &sent, &failed, &Backends::default()).len(),
        1
    );
    sent.simulation.failing = Some(Failing {
        attempts: 1,
        with: FailWith::Status(500),
        after: std::time::Duration::ZERO,
    });
    assert_eq!(judge(&expected, &sent, &failed, &Backends::default()), []);
}
