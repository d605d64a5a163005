use super::*;
use crate::chain::Error;

/// A guest that traps when the request has the header `x-trap`.
fn trapper() -> Vec<u8> {
    probe::on_request(
        "(if (i32.eqz (call $get (i32.const 0) (i32.const 100) (i32.const 6) (i32.const 0) (i32.const 4)))
           (then unreachable))",
        r#"(data (i32.const 100) "x-trap")"#,
    )
}

#[test]
fn a_reply_counts_whatever_the_callback_returns_and_its_own_response_callback_runs() {
    let guests = [
        witness(),
        replier("proxy_on_request_headers"),
        witness(),
        dispatcher(),
    ];
    let answer = send(&guests, &get("/in", &[]));
    assert_eq!(answer.status, 429);
    assert!(answer.seen.is_none());
    assert_eq!(answer.body, b"no");
    assert_eq!(
        value(&answer, "content-type").as_deref(),
        Some("text/plain")
    );
    // The filter before and the replier itself; the one behind never saw the request.
    assert_eq!(saw(&answer), 2);
}

#[test]
fn a_reply_to_the_response_is_seen_by_no_filter() {
    let guests = [witness(), replier("proxy_on_response_headers"), witness()];
    let answer = send(&guests, &get("/in", &[]));
    assert_eq!((answer.status, saw(&answer)), (429, 0));
    assert!(answer.seen.is_some());
}

#[test]
fn a_reply_within_the_response_body_cuts_it_off() {
    let answer = send(&[replier("proxy_on_response_body")], &get("/in", &[]));
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body, b"");
    let last = answer.why.last().unwrap();
    assert_eq!(last, "filter-0 replied after the headers: reset");
}

#[test]
fn on_log_comes_for_filters_that_an_early_reply_left_out() {
    let logs = probe::guest(
        r#"(func (export "proxy_on_context_create") (param i32) (param $root i32)
             (if (local.get $root) (then (call $status (i32.const 1)))))
           (func (export "proxy_on_log") (param i32) (call $status (i32.const 2)))
           (func (export "proxy_on_done") (param i32) (result i32) (call $status (i32.const 3)) (i32.const 0))
           (func (export "proxy_on_delete") (param i32) (call $status (i32.const 4)))"#,
    );
    let answer = send(
        &[replier("proxy_on_request_headers"), logs],
        &get("/in", &[]),
    );
    let said = answer
        .why
        .iter()
        .filter_map(|l| l.strip_prefix("filter-1 [info] "));
    assert_eq!(said.collect::<Vec<_>>(), ["1", "2", "3", "4"]);
}

#[test]
fn a_trap_is_503_on_its_worker_for_good_and_the_other_lives() {
    let options = EmbeddedOptions {
        workers: 2,
        ..EmbeddedOptions::default()
    };
    let mut envoy = Bench::new(&[trapper()]).envoy(&options);
    let trap = envoy.send(0, &get("/in", &[("x-trap", "")])).unwrap();
    assert_eq!((trap.status, trap.body.len()), (503, 0));
    let why = trap.why.join("\n");
    assert!(
        why.contains("filter-0: proxy_on_request_headers failed"),
        "{why}"
    );
    assert_eq!(envoy.send(0, &get("/in", &[])).unwrap().status, 503);
    assert_eq!(envoy.send(0, &get("/off", &[])).unwrap().status, 200);
    assert_eq!(envoy.send(1, &get("/in", &[])).unwrap().status, 200);
}

#[test]
fn the_filters_before_see_the_503_of_a_dead_one() {
    let mut envoy = Bench::new(&[witness(), trapper()]).envoy(&EmbeddedOptions::default());
    for headers in [&[("x-trap", "")][..], &[]] {
        let answer = envoy.send(0, &get("/in", headers)).unwrap();
        assert_eq!((answer.status, saw(&answer)), (503, 1));
        let failures = answer.why.iter().filter(|l| l.contains("failed"));
        assert_eq!(failures.count(), 1, "{:?}", answer.why);
    }
}

#[test]
fn a_filter_that_fails_open_is_skipped() {
    let mut envoy = Bench::new(&[trapper(), dispatcher()])
        .fail_open()
        .envoy(&EmbeddedOptions::default());
    for headers in [&[("x-trap", "")][..], &[]] {
        let answer = envoy.send(0, &get("/in", headers)).unwrap();
        assert_eq!((answer.status, service(&answer)), (200, "two"));
    }
}

#[test]
fn a_trap_in_the_response_is_503_too() {
    let wasm = probe::guest(
        r#"(func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) unreachable)"#,
    );
    let answer = send(&[witness(), wasm], &get("/in", &[]));
    assert_eq!((answer.status, saw(&answer)), (503, 0));
}

#[test]
fn a_loop_without_end_is_503_with_its_reason() {
    let endless = probe::on_request("(loop $for_ever (br $for_ever))", "");
    let answer = send(&[endless], &get("/in", &[]));
    assert_eq!(answer.status, 503);
    let why = answer.why.join("\n");
    assert!(why.contains("stopped after 10000000 instructions"), "{why}");
}

#[test]
fn a_stream_that_nothing_continues_is_an_error() {
    let wasm = probe::guest(
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (i32.const 1))"#,
    );
    let mut envoy = Bench::new(&[wasm]).envoy(&EmbeddedOptions::default());
    let error = envoy.send(0, &get("/in", &[])).unwrap_err();
    assert!(matches!(error, Error::Stuck { .. }), "{error}");
    let text = error.to_string();
    assert!(
        text.starts_with("filter-0 paused the request and nothing continues it"),
        "{text}"
    );
}

#[test]
fn a_closed_stream_is_an_error() {
    let wasm = probe::on_request("(drop (call $close (i32.const 0)))", "");
    let mut envoy = Bench::new(&[wasm]).envoy(&EmbeddedOptions::default());
    let error = envoy.send(0, &get("/in", &[])).unwrap_err();
    assert!(matches!(error, Error::Reset { .. }), "{error}");
}

#[test]
fn workers_run_on_threads_of_their_own() {
    const WORKERS: usize = 3;
    const REQUESTS: usize = 300;
    let counter = probe::on_request(
        "(drop (call $metric (i32.const 0) (i32.const 100) (i32.const 1) (i32.const 8)))
         (drop (call $increment (i32.load (i32.const 8)) (i64.const 1)))",
        r#"(data (i32.const 100) "n")"#,
    );
    let options = EmbeddedOptions {
        workers: WORKERS,
        ..EmbeddedOptions::default()
    };
    let mut envoy = Bench::new(&[counter]).envoy(&options);
    std::thread::scope(|threads| {
        for worker in envoy.workers() {
            threads.spawn(|| {
                for _ in 0..REQUESTS {
                    assert_eq!(worker.send(&get("/in", &[])).unwrap().status, 200);
                }
            });
        }
    });
    let count = u64::try_from(WORKERS * REQUESTS).unwrap();
    assert_eq!(envoy.process().metric("n"), Some(count));
}
