//! A backend's socket and its connections.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd as _;
use std::sync::Arc;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::{Backend, Shared};
use crate::model::{Cluster, UpstreamProtocol};

/// Starts the backend of `cluster` on the current runtime, which ends it too. Once aborted it takes
/// no further connections; those that it has go on.
pub async fn start(
    cluster: &Cluster,
    shared: &Arc<Shared>,
) -> io::Result<(SocketAddr, AbortHandle)> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let backend = Arc::new(Backend {
        cluster: cluster.clone(),
        shared: Arc::clone(shared),
    });
    let accepting = tokio::spawn(async move {
        // Accepting fails only for the connection at hand, or while descriptors are short.
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    tokio::spawn(serve(stream, Arc::clone(&backend)));
                }
                Err(_) => tokio::task::yield_now().await,
            }
        }
    });
    Ok((address, accepting.abort_handle()))
}

/// A connection that ends in an error is Envoy's to report: as the answer it gives its client.
async fn serve(stream: TcpStream, backend: Arc<Backend>) {
    // The connection takes the stream; this is the same socket.
    let Ok(socket) = stream.as_fd().try_clone_to_owned() else {
        return;
    };
    let socket = TcpSocket::from_std_stream(socket.into());
    let reset = Arc::new(Notify::new());
    // Who speaks HTTP/2 to a backend that is for HTTP/1.1 shall not be understood.
    let builder = match backend.cluster.protocol {
        UpstreamProtocol::Http1 => Builder::new(TokioExecutor::new()).http1_only(),
        UpstreamProtocol::Http2 | UpstreamProtocol::Client => Builder::new(TokioExecutor::new()),
    };
    let resetting = Arc::clone(&reset);
    let service = service_fn(move |request| {
        let (backend, reset) = (Arc::clone(&backend), Arc::clone(&resetting));
        async move {
            match backend.answer(request).await {
                Some(response) => Ok::<_, Infallible>(response),
                None => {
                    reset.notify_one();
                    std::future::pending().await
                }
            }
        }
    });
    tokio::select! {
        _ended = builder.serve_connection_with_upgrades(TokioIo::new(stream), service) => {}
        // Closed without lingering, a socket sends RST.
        () = reset.notified() => drop(socket.set_zero_linger()),
    }
}
