mod reentrant;

use super::*;
use crate::filter::json;
use crate::host::mock::MockHost;
use crate::host::{HttpCall, MapType};
use crate::route::InvalidConfig;
use reentrant::Reentrant;
use std::cell::Cell;
use std::time::Duration;

/// Does what the request header `x-do` says, and logs each callback.
struct Probe(Rc<Config>);

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    value: String,
}

impl HttpFilter for Probe {
    type Config = Config;

    fn configure(text: &[u8], _host: &dyn Host) -> Result<Config, InvalidConfig> {
        json(text)
    }

    fn new(config: Rc<Config>) -> Self {
        Probe(config)
    }

    fn on_request_headers(&mut self, request: &Request) -> Result<Flow, HostError> {
        request.host().log(LogLevel::Debug, "request");
        let head = request.head()?;
        match head.header(b"x-do").as_deref() {
            Some(b"call") => call(request),
            Some(b"reroute") => Ok(Flow::Reroute),
            Some(b"refused") => {
                let _ = request.set_header("x a", "b");
                Ok(Flow::Reroute)
            }
            Some(b"fail") => request.set_header("x-a", "b").and(Err(failure())),
            _ => {
                request.set_header("x-config", &self.0.value)?;
                Ok(Flow::Reroute)
            }
        }
    }

    fn on_response_headers(&mut self, response: &Response) -> Result<Flow, HostError> {
        response.set_header("x-a", "b")?;
        Err(failure())
    }

    fn on_http_call_response(
        &mut self,
        answer: &CallAnswer,
        request: &Request,
    ) -> Result<Flow, HostError> {
        request
            .host()
            .log(LogLevel::Debug, &format!("answer {}", answer.call));
        match answer.size {
            0 => Ok(Flow::Continue),
            1 => call(request),
            _ => Err(failure()),
        }
    }

    fn on_tick(config: &Config, host: &dyn Host) {
        host.log(LogLevel::Debug, &config.value);
    }

    fn on_log(&mut self, request: &Request) {
        request.host().log(LogLevel::Debug, "end");
    }
}

fn call(request: &Request) -> Result<Flow, HostError> {
    request.http_call(&HttpCall {
        cluster: "service",
        headers: &[],
        body: b"",
        timeout: Duration::ZERO,
    })?;
    Ok(Flow::Pause)
}

fn failure() -> HostError {
    HostError::InvalidHeader("x".to_owned())
}

/// A host whose request says what the filter does.
fn asking(what: &str) -> MockHost {
    MockHost::default()
        .request([(":path", "/"), ("x-do", what)])
        .response([(":status", "200")])
}

fn configure(dispatcher: &Dispatcher<Probe>, host: &MockHost, root: u32, text: &str) -> bool {
    let configuration = BufferType::PluginConfiguration;
    host.buffers.borrow_mut().insert(configuration, text.into());
    dispatcher.on_context_create(root, 0);
    dispatcher.on_configure(host, root, text.len())
}

/// A dispatcher with root context 1 and stream context 2.
fn started(host: &MockHost) -> Dispatcher<Probe> {
    let dispatcher = Dispatcher::default();
    assert!(configure(&dispatcher, host, 1, r#"{"value": "one"}"#));
    dispatcher.on_context_create(2, 1);
    dispatcher
}

fn logged(host: &MockHost) -> Vec<String> {
    let logs = host.logs.take();
    logs.into_iter().map(|(_, message)| message).collect()
}

#[test]
fn each_configuration_ticks_for_itself() {
    let host = MockHost::default();
    let dispatcher = started(&host);
    assert!(configure(&dispatcher, &host, 3, r#"{"value": "two"}"#));
    for root in [1, 3, 5] {
        dispatcher.on_tick(&host, root);
    }
    dispatcher.on_delete(1);
    dispatcher.on_tick(&host, 1);
    assert_eq!(logged(&host), ["one", "two"]);
}

#[test]
fn a_host_may_call_back_in_the_middle_of_any_hostcall() {
    let mock = asking("nothing");
    let dispatcher = started(&mock);
    let passed_over = Cell::new(0);
    let meanwhile = |hostcall: &str, host: &dyn Host| {
        // The same stream is at work: it is passed over, as long as its filter runs.
        let again = dispatcher.on_request_headers(host, 2, true);
        if hostcall == "set_header" {
            assert_eq!(again, CONTINUE);
            passed_over.set(passed_over.get() + 1);
        }
        dispatcher.on_response_headers(host, 2, true);
        dispatcher.on_http_call_response(host, 0, 0);
        dispatcher.on_log(host, 2);
        // Other streams and configurations come and go.
        dispatcher.on_context_create(8, 0);
        assert!(dispatcher.on_configure(host, 8, usize::MAX));
        dispatcher.on_context_create(9, 8);
        dispatcher.on_request_headers(host, 9, true);
        dispatcher.on_delete(9);
        dispatcher.on_delete(8);
    };
    let host = Reentrant::new(&mock, &meanwhile);
    assert_eq!(dispatcher.on_request_headers(&host, 2, true), CONTINUE);
    assert!(passed_over.get() > 0);
    assert_eq!(
        mock.header(MapType::RequestHeaders, "x-config").as_deref(),
        Some("one")
    );
    // The stream is back in its place.
    logged(&mock);
    dispatcher.on_log(&mock, 2);
    assert_eq!(logged(&mock), ["end"]);
}

#[test]
fn what_a_reentrant_callback_skips_is_not_run_later() {
    let mock = asking("nothing");
    let dispatcher = started(&mock);
    let meanwhile = |hostcall: &str, host: &dyn Host| {
        if hostcall == "set_header" {
            dispatcher.on_request_headers(host, 2, true);
            dispatcher.on_log(host, 2);
        }
    };
    let host = Reentrant::new(&mock, &meanwhile);
    dispatcher.on_request_headers(&host, 2, true);
    assert_eq!(logged(&mock), ["request"]);
}

#[test]
fn contexts_and_calls_that_are_not_known_are_passed_over() {
    let host = asking("nothing");
    let dispatcher = started(&host);
    // A stream of a root that was never configured.
    dispatcher.on_context_create(3, 0);
    dispatcher.on_context_create(4, 3);
    dispatcher.on_context_create(5, 77);
    for context in [0, 3, 4, 5, 77, u32::MAX] {
        assert_eq!(
            dispatcher.on_request_headers(&host, context, true),
            CONTINUE
        );
        assert_eq!(
            dispatcher.on_request_body(&host, context, 9, true),
            CONTINUE
        );
        assert_eq!(dispatcher.on_request_trailers(&host, context), CONTINUE);
        assert_eq!(
            dispatcher.on_response_headers(&host, context, true),
            CONTINUE
        );
        assert_eq!(
            dispatcher.on_response_body(&host, context, 9, true),
            CONTINUE
        );
        assert_eq!(dispatcher.on_response_trailers(&host, context), CONTINUE);
        dispatcher.on_http_call_response(&host, context, 0);
        dispatcher.on_grpc_response(&host, context, 0, 0);
        dispatcher.on_log(&host, context);
        dispatcher.on_delete(context);
    }
    assert_eq!(logged(&host), [""; 0]);
    assert_eq!(*host.reply.borrow(), None);
    assert!(!host.resumed.get());
    dispatcher.on_request_headers(&host, 2, true);
    assert_eq!(logged(&host), ["request"]);
}

/// With ABI 0.2.1 a write has cleared the route.
#[test]
fn the_route_is_cleared_only_where_no_write_has_done_it() {
    for (what, calls) in [
        ("write", &[][..]),
        ("reroute", &["clear_route_cache"]),
        ("refused", &["clear_route_cache"]),
    ] {
        let host = asking(what);
        if what == "refused" {
            host.failing
                .borrow_mut()
                .insert("proxy_replace_header_map_value");
        }
        assert_eq!(started(&host).on_request_headers(&host, 2, true), CONTINUE);
        assert_eq!(*host.foreign_calls.borrow(), calls, "{what}");
    }
}

#[test]
fn an_answered_call_resumes_the_request_once() {
    let host = asking("call");
    let dispatcher = started(&host);
    assert_eq!(dispatcher.on_request_headers(&host, 2, true), PAUSE);
    assert_eq!(host.calls.borrow().len(), 1);
    dispatcher.on_http_call_response(&host, 0, 0);
    assert!(host.resumed.take());
    assert_eq!(logged(&host), ["request", "answer 0"]);
    dispatcher.on_http_call_response(&host, 0, 0);
    assert!(!host.resumed.get());
    assert_eq!(logged(&host), [""; 0]);
}

#[test]
fn a_request_may_be_paused_again_by_another_call() {
    let host = asking("call");
    let dispatcher = started(&host);
    dispatcher.on_request_headers(&host, 2, true);
    dispatcher.on_http_call_response(&host, 0, 1);
    assert!(!host.resumed.get());
    dispatcher.on_http_call_response(&host, 1, 0);
    assert!(host.resumed.get());
    assert_eq!(logged(&host), ["request", "answer 0", "answer 1"]);
}

#[test]
fn the_answer_for_a_stream_that_is_gone_is_passed_over() {
    let host = asking("call");
    let dispatcher = started(&host);
    dispatcher.on_request_headers(&host, 2, true);
    dispatcher.on_delete(2);
    dispatcher.on_http_call_response(&host, 0, 0);
    assert!(!host.resumed.get());
    assert_eq!(logged(&host), ["request"]);
}

#[test]
fn an_error_in_the_request_phase_answers_500() {
    let said = failure().to_string();
    let host = asking("fail");
    let dispatcher = started(&host);
    assert_eq!(dispatcher.on_request_headers(&host, 2, true), PAUSE);
    assert_eq!(*host.reply.borrow(), Some(Reply::new(500)));
    assert_eq!(logged(&host), ["request", &said]);

    let host = asking("call");
    let dispatcher = started(&host);
    dispatcher.on_request_headers(&host, 2, true);
    dispatcher.on_http_call_response(&host, 0, 2);
    assert_eq!(*host.reply.borrow(), Some(Reply::new(500)));
    assert!(
        !host.resumed.get(),
        "a request that is answered goes nowhere"
    );
    assert_eq!(logged(&host), ["request", "answer 0", &said]);
}

#[test]
fn an_error_in_the_response_phase_is_logged_and_the_response_goes_on() {
    let host = asking("nothing");
    let dispatcher = started(&host);
    assert_eq!(dispatcher.on_response_headers(&host, 2, true), CONTINUE);
    assert_eq!(*host.reply.borrow(), None);
    assert_eq!(logged(&host), [failure().to_string()]);
}

#[test]
fn a_configuration_that_is_refused_is_logged_with_its_path_and_leaves_the_other_in_force() {
    let host = asking("nothing");
    let dispatcher = started(&host);
    assert!(!configure(&dispatcher, &host, 3, r#"{"value": 7}"#));
    let logs = host.logs.take();
    assert_eq!(logs[0].0, LogLevel::Error);
    let message = "configuration refused: value: invalid type: integer `7`, expected a string";
    assert!(logs[0].1.starts_with(message), "{}", logs[0].1);
    // As Envoy does with a root context that refuses.
    dispatcher.on_delete(3);
    dispatcher.on_context_create(4, 1);
    dispatcher.on_request_headers(&host, 4, true);
    assert_eq!(
        host.header(MapType::RequestHeaders, "x-config").as_deref(),
        Some("one")
    );
}

#[test]
fn streams_keep_the_configuration_they_began_with() {
    let host = asking("nothing");
    let dispatcher = started(&host);
    assert!(configure(&dispatcher, &host, 3, r#"{"value": "two"}"#));
    dispatcher.on_context_create(4, 3);
    // The old root goes when its listener is drained; a stream of it may still run.
    dispatcher.on_delete(1);
    for (context, value) in [(4, "two"), (2, "one")] {
        dispatcher.on_request_headers(&host, context, true);
        assert_eq!(
            host.header(MapType::RequestHeaders, "x-config").as_deref(),
            Some(value)
        );
    }
}
