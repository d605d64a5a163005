use super::*;

/// What the guard counted of the canary: responses and failures.
fn counted(bench: &Bench) -> (i64, i64) {
    bench.canaries.tick(&bench.host);
    let metrics = bench.host.metrics.borrow();
    let metric = |what: &str| {
        let name = format!("canary.shop.guard_canary_{what}");
        metrics.iter().find(|metric| metric.0 == name).unwrap().1
    };
    (metric("responses"), metric("failures"))
}

#[test]
fn each_response_is_told_once() {
    let bench = Bench::one(json!({"weight": 100, "guard": {}}));
    let chosen = |kind: &str| {
        let head = RequestHead::new([(&b"content-type"[..], kind.as_bytes())]);
        let selection = decide(&bench.canaries, &head, &bench.host);
        let CanaryAction::Forward { chosen, .. } = selection.action else {
            panic!("forwarded")
        };
        chosen
    };
    let (mut responses, mut failures) = (0, 0);
    for (kind, status, in_headers, in_trailers, fails) in [
        ("text/html", 200, None, None, 0),
        ("text/html", 404, None, None, 0),
        ("text/html", 503, None, None, 1),
        ("application/grpc", 200, None, Some(0), 0),
        ("application/grpc+proto", 200, None, Some(13), 1),
        ("application/grpc", 200, Some(14), None, 1),
        ("application/grpc", 200, Some(5), None, 0),
        ("application/grpc", 502, None, None, 1),
    ] {
        let mut chosen = chosen(kind);
        let observation = bench
            .canaries
            .responded(&mut chosen, status, in_headers, &bench.host);
        assert_eq!(
            observation == Observation::AwaitsTrailers,
            in_trailers.is_some(),
            "{kind} {status}"
        );
        if let Some(status) = in_trailers {
            bench.canaries.ended(&chosen, status, &bench.host);
        }
        (responses, failures) = (responses + 1, failures + fails);
        assert_eq!(counted(&bench), (responses, failures), "{kind} {status}");
    }
}
