use super::*;

#[test]
fn requests_of_a_label_are_answered_by_one_backend() {
    let entries = format!(
        "{PLAIN}  samePod: x\n  repeat: 2\n{PLAIN}  samePod: y\n{PLAIN}  samePod: x\n{PLAIN}  samePod: y\n"
    );
    let scenarios = scenario("steps", &entries);
    let answers = |last: Answer| Script::new([from("a"), from("a"), from("b"), from("a"), last]);
    assert_eq!(run(&scenarios, &answers(from("b"))), ["passed"; 4]);
    let verdict = run(&scenarios, &answers(from("a"))).remove(3);
    assert_eq!(verdict, "failed at None: samePod.y: n/b / n/a");
    let verdict = run(&scenarios, &answers(answer(200))).remove(3);
    assert_eq!(
        verdict,
        "failed at None: samePod: (a backend) / (the gateway)"
    );
    let verdict = run(&scenarios, &Script::new([from("a"), from("b")])).remove(0);
    assert_eq!(verdict, "failed at Some(2): samePod.x: n/a / n/b");

    let until = "  eventually: {differentBackend: true, within: 3}\n";
    let entries = format!("{PLAIN}{PLAIN}{until}  samePod: x\n{PLAIN}  samePod: x\n");
    let script = Script::new(["a", "a", "b", "b"].map(from));
    let verdicts = run(&scenario("steps", &entries), &script);
    assert_eq!(verdicts, ["passed"; 3], "only the awaited one counts");
}

#[test]
fn each_request_may_be_of_another_client() {
    let repeated = "- name: a\n  request: {path: '/${n}', headers: {X-User: 'user-${n}'}}\n  \
                    response: {statusCodes: [200]}\n  repeat: 2\n";
    let weights = "- name: b\n  weights:\n    request: {path: '/', headers: {X-User: 'user-${n}'}}\n    \
                   response: {statusCodes: [200]}\n    namespace: n\n    requests: 2\n    \
                   expected: {a: 1, b: 0}\n    tolerance: 0.1\n    attempts: 2\n";
    let entries = [repeated, weights].concat();
    let script = Script::new(["a", "a", "a", "b", "a", "a"].map(from));
    assert_eq!(run(&scenario("cases", &entries), &script), ["passed"; 2]);
    let users: Vec<_> = script
        .sent()
        .iter()
        .map(|sent| String::from_utf8(sent.headers[0].1.clone()).unwrap())
        .collect();
    let (two, four) = (
        ["user-1", "user-2"],
        ["user-1", "user-2", "user-3", "user-4"],
    );
    assert_eq!(users, [&two[..], &four].concat());
    assert_eq!(script.sent()[1].path, b"/2");
}

#[test]
fn backends_are_told_to_fail() {
    let entries = format!("{PLAIN}  backendStatus: {{v2: 503, v1: 200}}\n");
    let script = Script::new([answer(200)]);
    assert_eq!(run(&scenario("cases", &entries), &script), ["passed"]);
    let sent = script.sent().remove(0);
    assert_eq!(sent.status_of("v2"), Some(503));
    assert_eq!(sent.status_of("v3"), None);
}
