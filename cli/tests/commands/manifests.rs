//! Where manifests come from, and names that they do not have.

use super::*;

#[test]
fn manifests_are_named_by_position_or_as_with_kubectl() {
    let folder = folder();
    let both = ["gateway.yaml", "-f", "routes/route.yaml"];
    for manifests in [
        &["."][..],
        &["-f", "."],
        &["--filename", "gateway.yaml", "--filename", "routes"],
        &both,
    ] {
        let explained = gwf(
            folder.path(),
            &[&["explain", "-o", "json"], &REQUEST[..], manifests].concat(),
        );
        assert_eq!(explained.status.code(), Some(0), "{manifests:?}");
        let backend = &json(&explained)["explanations"][0]["answers"][0]["backend"];
        assert_eq!(*backend, "infra/web:8080", "{manifests:?}");
        let bundled = gwf(folder.path(), &[&["bundle"], manifests].concat());
        assert_eq!(bundled.status.code(), Some(0), "{manifests:?}");
        assert!(text(&bundled.stdout).contains("infra/web:8080"));
    }
    for command in ["explain", "bundle", "migrate", "serve"] {
        let none = gwf(folder.path(), &[command]);
        assert_eq!(none.status.code(), Some(2), "{command}");
        assert!(text(&none.stderr).contains("MANIFESTS"), "{command}");
    }
}

#[test]
fn a_dash_is_standard_input() {
    let folder = folder();
    let args = [
        &["explain", "-f", "-", "-f", "gateway.yaml", "-o", "json"],
        &REQUEST[..],
    ]
    .concat();
    let explained = gwf_reading(folder.path(), &args, ROUTE);
    assert_eq!(
        explained.status.code(),
        Some(0),
        "{}",
        text(&explained.stderr)
    );
    let document = json(&explained);
    let explanation = &document["explanations"][0];
    assert_eq!(explanation["answers"][0]["backend"], "infra/web:8080");
    assert_eq!(explanation["winner"]["place"]["file"], "standard input");
    assert_documented("explain", &document);

    let wrong = ROUTE.replace("backendRefs", "backendRef");
    let rejected = gwf_reading(folder.path(), &["bundle", "-f", "-"], &wrong);
    assert_eq!(rejected.status.code(), Some(2));
    let error = text(&rejected.stderr);
    assert!(error.contains("standard input:12:"), "{error}");
}

#[test]
fn names_that_the_manifests_do_not_have_are_errors() {
    let folder = folder();
    for (args, message) in [
        (
            &["bundle", "--gateway", "infra/other"][..],
            "--gateway infra/other: the manifests have no such Gateway; they have infra/gw",
        ),
        (
            &["bundle", "--route", "infra/other"],
            "--route infra/other: no Gateway serves a route of this name",
        ),
        (
            &["bundle", "--rate-limit-service", "infra/web:1"],
            "--rate-limit-service infra/web:1: the Service has no port 1",
        ),
    ] {
        let output = gwf(folder.path(), &[args, &["-f", "."]].concat());
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        let error = text(&output.stderr);
        assert!(error.contains(message), "{args:?}: {error}");
        assert_eq!(text(&output.stdout), "", "{args:?}");
    }
}
