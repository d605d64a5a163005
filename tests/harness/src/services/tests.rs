use std::collections::VecDeque;
use std::convert::Infallible;
use std::io::Write as _;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use http::{HeaderMap, Response};
use hyper::body::{Body, Frame, Incoming};
use hyper::server::conn::http2 as server;
use hyper::service::service_fn;
use tokio::net::TcpListener;

use super::*;

/// A response body, frame by frame; one that is empty ends with the headers.
struct Frames {
    frames: VecDeque<Result<Frame<Bytes>, io::Error>>,
    /// It never ends.
    endless: bool,
}

impl Body for Frames {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match self.frames.pop_front() {
            None if self.endless => Poll::Pending,
            frame => Poll::Ready(frame),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.frames.is_empty() && !self.endless
    }
}

fn data(bytes: &[u8]) -> Result<Frame<Bytes>, io::Error> {
    Ok(Frame::data(Bytes::copy_from_slice(bytes)))
}

fn trailers(pairs: &[(&'static str, &'static str)]) -> Result<Frame<Bytes>, io::Error> {
    let mut trailers = HeaderMap::new();
    for (name, value) in pairs {
        trailers.insert(*name, HeaderValue::from_static(value));
    }
    Ok(Frame::trailers(trailers))
}

type Answer = fn() -> Response<Frames>;

fn answer(frames: impl IntoIterator<Item = Result<Frame<Bytes>, io::Error>>) -> Response<Frames> {
    let mut response = Response::new(Frames {
        frames: frames.into_iter().collect(),
        endless: false,
    });
    let grpc = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert("content-type", grpc);
    response
}

/// A gRPC server that ends with the test, and counts its connections.
struct Server {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    _runtime: Runtime,
}

impl Server {
    fn start(at: SocketAddr, answer: Answer) -> Self {
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(listen(at));
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        runtime.spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                count.fetch_add(1, Ordering::SeqCst);
                let service = service_fn(move |request: Request<Incoming>| async move {
                    assert_eq!(request.uri().path(), "/pkg.Service/Method");
                    Ok::<_, Infallible>(answer())
                });
                let connection = server::Builder::new(TokioExecutor::new());
                tokio::spawn(connection.serve_connection(TokioIo::new(stream), service));
            }
        });
        Self {
            address,
            connections,
            _runtime: runtime,
        }
    }
}

/// `SO_REUSEADDR`, for a server that comes back where it was.
async fn listen(at: SocketAddr) -> TcpListener {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(at).unwrap();
    socket.listen(16).unwrap()
}

const ANYWHERE: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

fn client(address: SocketAddr) -> ServiceClient {
    let service = ServiceCluster {
        name: "service".into(),
        address: Some(address),
    };
    ServiceClient::new(&[service]).unwrap()
}

fn ask(client: &ServiceClient, deadline: Duration) -> CalloutAnswer {
    let metadata = vec![(b"x-a".to_vec(), b"1".to_vec())];
    client.unary(
        "service",
        "/pkg.Service/Method",
        &metadata,
        b"m",
        Some(deadline),
    )
}

const LONG: Duration = Duration::from_secs(30);
/// For calls that nobody will ever answer.
const SHORT: Duration = Duration::from_millis(50);

/// The gRPC status that a call ends with.
fn status(answer: &CalloutAnswer) -> u32 {
    match answer {
        CalloutAnswer::Grpc(_) => 0,
        CalloutAnswer::GrpcStatus { code, .. } => *code,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_message_comes_back_in_whatever_pieces() {
    let server = Server::start(ANYWHERE, || {
        answer([
            data(&[0, 0, 0]),
            data(&[0, 3, b'a', b'b']),
            data(b"c"),
            trailers(&[("grpc-status", "0")]),
        ])
    });
    let answer = ask(&client(server.address), LONG);
    assert!(
        matches!(&answer, CalloutAnswer::Grpc(message) if message == b"abc"),
        "{answer:?}"
    );
}

#[test]
fn what_is_no_answer_is_a_status() {
    let cases: [(&str, Answer, u32); 11] = [
        ("trailers only", || trailers_only(200, "8"), 8),
        ("trailers only with 503", || trailers_only(503, "14"), 14),
        ("a status that is none", || trailers_only(200, "99"), 2),
        ("an HTTP error", || with_status(404), 12),
        ("no grpc-status", || answer([data(&framed(b"a"))]), 2),
        ("nothing at all", || answer([]), 2),
        (
            "a status in the trailers",
            || answer([data(&framed(b"a")), trailers(&[("grpc-status", "7")])]),
            7,
        ),
        (
            "OK without a message",
            || answer([trailers(&[("grpc-status", "0")])]),
            13,
        ),
        ("a wrong frame", || answer([data(b"HTTP/1.1 200 OK")]), 13),
        ("compressed", || answer([data(&[1, 0, 0, 0, 1, 9])]), 13),
        ("oversized", || answer([data(&[0, 255, 0, 0, 0])]), 13),
    ];
    for (what, answer, expected) in cases {
        let server = Server::start(ANYWHERE, answer);
        let got = ask(&client(server.address), LONG);
        assert_eq!(status(&got), expected, "{what}: {got:?}");
    }
}

#[test]
fn a_reset_is_an_error_before_and_after_the_headers() {
    let server = Server::start(ANYWHERE, || {
        answer([data(&[0]), Err(io::Error::other("reset"))])
    });
    // The server may drop the headers that it has not sent yet.
    let got = status(&ask(&client(server.address), LONG));
    assert!([INTERNAL, UNAVAILABLE].contains(&got), "{got}");
}

fn trailers_only(status: u16, grpc: &'static str) -> Response<Frames> {
    let mut response = answer([]);
    *response.status_mut() = status.try_into().unwrap();
    let headers = response.headers_mut();
    headers.insert("grpc-status", HeaderValue::from_static(grpc));
    response
}

fn with_status(status: u16) -> Response<Frames> {
    let mut response = answer([data(b"sorry")]);
    *response.status_mut() = status.try_into().unwrap();
    response
}

#[test]
fn nobody_there_is_unreachable() {
    let bound = std::net::TcpListener::bind(ANYWHERE).unwrap();
    let address = bound.local_addr().unwrap();
    drop(bound);
    let client = client(address);
    assert!(matches!(ask(&client, LONG), CalloutAnswer::Unreachable));
    let unknown = client.unary("other", "/pkg.Service/Method", &vec![], b"", Some(LONG));
    assert!(matches!(unknown, CalloutAnswer::Unreachable));
}

#[test]
fn a_server_that_says_nothing_uses_up_the_deadline() {
    // The kernel accepts; nobody reads.
    let silent = std::net::TcpListener::bind(ANYWHERE).unwrap();
    let got = ask(&client(silent.local_addr().unwrap()), SHORT);
    assert_eq!(status(&got), UNAVAILABLE);
}

#[test]
fn a_slow_call_is_given_up_and_the_next_is_answered() {
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    let server = Server::start(ANYWHERE, || {
        let mut message = answer([data(&framed(b"a")), trailers(&[("grpc-status", "0")])]);
        if CALLS.fetch_add(1, Ordering::SeqCst) == 0 {
            message.body_mut().frames.pop_back();
            message.body_mut().endless = true;
        }
        message
    });
    let client = client(server.address);
    assert_eq!(status(&ask(&client, SHORT)), UNAVAILABLE);
    assert_eq!(status(&ask(&client, LONG)), 0);
}

#[test]
fn garbage_is_unavailable() {
    let listener = std::net::TcpListener::bind(ANYWHERE).unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream
            .write_all(b"\xff\xfe\xfd garbage that is no frame at all")
            .unwrap();
        // Open until the client has seen it.
        let _ = io::copy(&mut stream, &mut io::sink());
    });
    assert_eq!(status(&ask(&client(address), LONG)), UNAVAILABLE);
    server.join().unwrap();
}

#[test]
fn a_connection_is_kept_and_made_anew_when_the_server_comes_back() {
    let ok: Answer = || answer([data(&framed(b"a")), trailers(&[("grpc-status", "0")])]);
    let server = Server::start(ANYWHERE, ok);
    let address = server.address;
    let client = client(address);
    for _ in 0..3 {
        assert_eq!(status(&ask(&client, LONG)), 0);
    }
    assert_eq!(server.connections.load(Ordering::SeqCst), 1);

    drop(server);
    while !matches!(ask(&client, LONG), CalloutAnswer::Unreachable) {}

    let _server = Server::start(address, ok);
    assert_eq!(status(&ask(&client, LONG)), 0);
}
