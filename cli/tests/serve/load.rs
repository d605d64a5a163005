//! Reloads under load.

use std::fs;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::fixture::{Folder, Served, address, eventually, get, service, shop};
use crate::required_envoy;

const CONNECTIONS: usize = 50;
const HTTP2: usize = 6;
const RELOADS: usize = 20;
/// That many more answers before the next edit.
const BETWEEN: u64 = 300;

/// What the clients saw.
#[derive(Default)]
struct Seen {
    stop: AtomicBool,
    answers: [AtomicU64; 2],
    /// Connections that were opened.
    opened: AtomicU64,
    failures: Mutex<Vec<String>>,
}

impl Seen {
    fn answered(&self) -> u64 {
        self.answers
            .iter()
            .map(|count| count.load(Ordering::SeqCst))
            .sum()
    }

    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::SeqCst)
    }

    fn fail(&self, what: String) {
        self.failures.lock().unwrap().push(what);
    }

    /// The Service that answered, the header that its rule sets on the request and the one that it sets
    /// on the answer must be of one manifest.
    async fn judge(&self, answer: Response<Incoming>) {
        let (head, body) = answer.into_parts();
        let body = match body.collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) => return self.fail(format!("a body breaks off: {error}")),
        };
        let seen: Value = serde_json::from_slice(&body).unwrap_or_default();
        let told = head
            .headers
            .get("x-told")
            .and_then(|told| told.to_str().ok());
        let all = (
            head.status.as_u16(),
            seen["service"].as_str(),
            seen["headers"]["X-Asked"][0].as_str(),
            told,
        );
        let version = match all {
            (200, Some("a"), Some("a"), Some("a")) => 0,
            (200, Some("b"), Some("b"), Some("b")) => 1,
            mixture => return self.fail(format!("{mixture:?}")),
        };
        self.answers[version].fetch_add(1, Ordering::SeqCst);
    }
}

fn request(uri: &Uri) -> Request<Empty<Bytes>> {
    let mut request = Request::new(Empty::new());
    *request.uri_mut() = uri.clone();
    request
        .headers_mut()
        .insert("host", "a.example".parse().unwrap());
    request
}

/// One request after the other, on the same connection until Envoy says that it closes it.
async fn http1_client(at: SocketAddr, seen: Arc<Seen>) {
    let uri = Uri::from_static("/");
    while seen.goes_on() {
        let stream = TcpStream::connect(at).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        seen.opened.fetch_add(1, Ordering::SeqCst);
        tokio::spawn(connection);
        while seen.goes_on() && sender.ready().await.is_ok() {
            let answer = match sender.try_send_request(request(&uri)).await {
                Ok(answer) => answer,
                // Closed before anything was written.
                Err(unsent) if unsent.message().is_some() => break,
                Err(error) => {
                    seen.fail(format!("HTTP/1.1: {:?}", error.into_error()));
                    break;
                }
            };
            let closes = answer
                .headers()
                .get("connection")
                .is_some_and(|value| value == "close");
            seen.judge(answer).await;
            if closes {
                break;
            }
        }
    }
}

/// Four requests at a time, on the same connection until Envoy says that it takes no more.
async fn http2_client(at: SocketAddr, seen: Arc<Seen>) {
    let uri = Uri::from_static("http://a.example/");
    while seen.goes_on() {
        let stream = TcpStream::connect(at).await.unwrap();
        let opened = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
        let (mut sender, connection) = opened.unwrap();
        seen.opened.fetch_add(1, Ordering::SeqCst);
        tokio::spawn(connection);
        while seen.goes_on() && sender.ready().await.is_ok() {
            let mut streams = JoinSet::new();
            for _ in 0..4 {
                let (mut sender, seen, sent) = (sender.clone(), Arc::clone(&seen), request(&uri));
                streams.spawn(async move {
                    match sender.try_send_request(sent).await {
                        Ok(answer) => seen.judge(answer).await,
                        Err(unsent) if unsent.message().is_some() => {}
                        Err(error) => {
                            let error = error.into_error();
                            if !is_unprocessed(&error) {
                                seen.fail(format!("HTTP/2: {error:?}"));
                            }
                        }
                    }
                });
            }
            streams.join_all().await;
        }
    }
}

/// A stream that crossed a GOAWAY: "requests … on streams with a higher identifier … have not been
/// processed" (RFC 9113, 6.8), and clients send them again on another connection.
fn is_unprocessed(error: &hyper::Error) -> bool {
    let source = std::error::Error::source(error);
    let error = source.and_then(|source| source.downcast_ref::<h2::Error>());
    error.is_some_and(|error| {
        error.is_go_away() && error.is_remote() && error.reason() == Some(h2::Reason::NO_ERROR)
    })
}

/// Manifests and a module that are refused, each for another reason.
fn spoil(folder: &Folder, number: usize, served: &mut Served) {
    let good = fs::read(folder.module()).unwrap();
    match number % 3 {
        0 => folder.write("bad.yaml", &service("c").replace("ports", "portz")),
        1 => folder.write("bad.yaml", &unicode_class()),
        _ => folder.replace_module(b"not a module"),
    }
    served.next("rejected");
    match number % 3 {
        0 | 1 => fs::remove_file(folder.manifests().join("bad.yaml")).unwrap(),
        _ => folder.replace_module(&good),
    }
    let reloaded = served.next("reloaded");
    assert_eq!(reloaded["changes"].as_array().unwrap().len(), 0);
}

fn unicode_class() -> String {
    let route = crate::fixture::route("bad", "public", "a");
    let matches = r"- matches: [{path: {type: RegularExpression, value: '/\p{L}+'}}]
    filters:";
    route.replace("- filters:", matches)
}

#[test]
fn reloads_lose_no_request_and_serve_no_mixture() {
    if required_envoy::find().is_none() {
        return;
    }
    let folder = Folder::with(&shop("a"));
    let mut served = Served::start(&folder, &[]);
    let at = address(&served.next("ready"));
    let seen = Arc::new(Seen::default());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut clients = JoinSet::new();
    for number in 0..CONNECTIONS {
        let seen = Arc::clone(&seen);
        if number < HTTP2 {
            clients.spawn_on(http2_client(at, seen), runtime.handle());
        } else {
            clients.spawn_on(http1_client(at, seen), runtime.handle());
        }
    }
    let mut version = "a";
    for number in 0..RELOADS {
        let before = seen.answered();
        eventually("answers between two reloads", || {
            (seen.answered() >= before + BETWEEN).then_some(())
        });
        if number % 2 == 0 {
            version = if version == "a" { "b" } else { "a" };
            folder.write("shop.yaml", &shop(version));
            served.next("reloaded");
        } else {
            spoil(&folder, number / 2, &mut served);
        }
        assert_eq!(get(at, "a.example", "/", "").service(), version);
    }
    seen.stop.store(true, Ordering::SeqCst);
    runtime.block_on(async { while clients.join_next().await.is_some() {} });

    let failures = seen.failures.lock().unwrap();
    let [a, b] = [0, 1].map(|version| seen.answers[version].load(Ordering::SeqCst));
    let opened = seen.opened.load(Ordering::SeqCst);
    println!(
        "{RELOADS} reloads, {a} answers of a, {b} of b, {} failures, {opened} connections",
        failures.len()
    );
    assert!(
        failures.is_empty(),
        "{} of {}: {failures:#?}",
        failures.len(),
        a + b
    );
    assert!(a > BETWEEN && b > BETWEEN);
    assert!(opened > CONNECTIONS as u64, "no connection was replaced");
}
