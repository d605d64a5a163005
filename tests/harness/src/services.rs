//! The calls that filters make, to servers outside of the harness: real gRPC over real sockets.
//!
//! What comes of a call is told as Envoy tells it (`source/common/grpc/async_client_impl.cc`). Real
//! time passes in the server only; to the filter a call takes none.

mod answer;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Request};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::sync::Mutex;
use tokio::time::timeout;

use self::answer::{INTERNAL, UNAVAILABLE, ended, unary};
use crate::exchange::Headers;
use crate::model::ServiceCluster;
use crate::wasm_host::{Callout, CalloutAnswer, CalloutKind, Responder};

/// How long a call without deadline is waited for: a test that hangs tells nothing.
const PATIENCE: Duration = Duration::from_secs(15);

type Sender = SendRequest<Full<Bytes>>;

/// Makes unary gRPC calls over cleartext HTTP/2. A connection is kept between calls, and made anew
/// when the server has closed it.
///
/// Its methods block and must not be called from asynchronous code.
#[derive(Debug)]
pub struct ServiceClient {
    services: BTreeMap<String, Service>,
    runtime: Runtime,
}

#[derive(Debug)]
struct Service {
    address: SocketAddr,
    connection: Mutex<Option<Sender>>,
}

impl ServiceClient {
    /// A client of these services; nothing is connected yet.
    ///
    /// # Errors
    ///
    /// If the operating system refuses a thread.
    pub fn new(services: &[ServiceCluster]) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let service = |service: &ServiceCluster| {
            let connection = Mutex::default();
            let address = service.address?;
            Some((
                service.name.clone(),
                Service {
                    address,
                    connection,
                },
            ))
        };
        Ok(Self {
            services: services.iter().filter_map(service).collect(),
            runtime,
        })
    }

    /// Answers the calls of an [`EmbeddedEnvoy`](crate::chain::EmbeddedEnvoy).
    #[must_use]
    pub fn responder(self) -> Responder {
        Arc::new(move |call| self.call(call))
    }

    /// What comes of a filter's call. Over HTTP nobody is reached: no filter of the project calls so.
    #[must_use]
    pub fn call(&self, call: &Callout) -> CalloutAnswer {
        let CalloutKind::Grpc {
            service,
            method,
            metadata,
        } = &call.kind
        else {
            return CalloutAnswer::Unreachable;
        };
        let path = format!("/{service}/{method}");
        self.unary(&call.cluster, &path, metadata, &call.body, call.timeout)
    }

    /// Sends one message to `path`, `/<service>/<method>`, and waits for what comes of it, at most
    /// until the deadline.
    #[must_use]
    pub fn unary(
        &self,
        cluster: &str,
        path: &str,
        metadata: &Headers,
        message: &[u8],
        deadline: Option<Duration>,
    ) -> CalloutAnswer {
        let Some(server) = self.services.get(cluster) else {
            return CalloutAnswer::Unreachable;
        };
        let uri = format!("http://{cluster}{path}");
        let Ok(request) = request(&uri, metadata, message, deadline) else {
            return ended(INTERNAL, "the call cannot be sent");
        };
        self.runtime.block_on(async {
            match timeout(deadline.unwrap_or(PATIENCE), server.exchange(request)).await {
                Ok(answer) => answer,
                Err(_) if deadline.is_none() => CalloutAnswer::Silence,
                Err(_) => ended(UNAVAILABLE, "upstream request timeout"),
            }
        })
    }
}

impl Service {
    async fn exchange(&self, request: Request<Full<Bytes>>) -> CalloutAnswer {
        let Ok(mut sender) = self.sender().await else {
            return CalloutAnswer::Unreachable;
        };
        match sender.send_request(request).await {
            Ok(response) => unary(response).await,
            Err(error) => ended(
                UNAVAILABLE,
                format!("upstream connect error or disconnect/reset before headers. {error}"),
            ),
        }
    }

    /// The connection that is there, if the server has not closed it, or a new one.
    async fn sender(&self) -> io::Result<Sender> {
        let mut connection = self.connection.lock().await;
        if let Some(sender) = connection.as_ref().filter(|sender| !sender.is_closed()) {
            return Ok(sender.clone());
        }
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let (sender, driver) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .map_err(io::Error::other)?;
        // How it ends is told by the calls that are under way.
        tokio::spawn(driver);
        Ok(connection.insert(sender).clone())
    }
}

/// The request as `Grpc::Common::prepareHeaders` makes it.
fn request(
    uri: &str,
    metadata: &Headers,
    message: &[u8],
    deadline: Option<Duration>,
) -> Result<Request<Full<Bytes>>, http::Error> {
    let mut request = Request::post(uri)
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    if let Some(deadline) = deadline {
        request = request.header("grpc-timeout", format!("{}m", deadline.as_millis()));
    }
    for (name, value) in metadata {
        let name = HeaderName::from_bytes(name)?;
        request = request.header(name, HeaderValue::from_bytes(value)?);
    }
    request.body(Full::from(framed(message)))
}

/// A message behind its five bytes: not compressed, of this length.
fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    [&[0], length.to_be_bytes().as_slice(), message].concat()
}
