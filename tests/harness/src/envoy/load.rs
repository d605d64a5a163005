//! Many requests over few connections, and what they cost Envoy.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use http::header::HOST;
use http::{HeaderValue, Request, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::task::JoinSet;

use super::{EnvoyError, client};
use crate::exchange::Exchange;

/// What a load came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Load {
    /// Number of answers by HTTP status.
    pub by_status: BTreeMap<u16, u64>,
    /// From the first connection to the last answer.
    pub elapsed: Duration,
}

/// Sends so many `requests`, the `exchanges` in turn, in HTTP/1.1 over `connections` that are kept
/// alive, one request at a time on each.
pub(super) async fn run(
    listener: SocketAddr,
    connections: usize,
    requests: u64,
    timeout: Duration,
    client: Option<IpAddr>,
    exchanges: &[Exchange],
) -> Result<Load, EnvoyError> {
    let each = exchanges
        .iter()
        .map(|exchange| origin_form(client::request(exchange)?));
    let each: Arc<[_]> = each.collect::<Result<_, _>>()?;
    let left = Arc::new(AtomicU64::new(requests));
    let since = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..connections.max(1) {
        let stream = client::connect(listener, client).await?;
        let _nodelay = stream.set_nodelay(true);
        let (sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(EnvoyError::no_answer)?;
        tokio::spawn(connection);
        tasks.spawn(drive(sender, Arc::clone(&each), Arc::clone(&left), timeout));
    }
    let mut by_status = BTreeMap::new();
    while let Some(task) = tasks.join_next().await {
        for (status, count) in task.map_err(EnvoyError::no_answer)?? {
            *by_status.entry(status).or_default() += count;
        }
    }
    Ok(Load {
        by_status,
        elapsed: since.elapsed(),
    })
}

async fn drive(
    mut sender: http1::SendRequest<Full<Bytes>>,
    each: Arc<[Request<Full<Bytes>>]>,
    left: Arc<AtomicU64>,
    timeout: Duration,
) -> Result<BTreeMap<u16, u64>, EnvoyError> {
    let mut by_status = BTreeMap::new();
    let take = || {
        left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
            left.checked_sub(1)
        })
    };
    while let Ok(number) = take()
        && let Some(request) = usize::try_from(number)
            .ok()
            .and_then(|number| each.get(number.checked_rem(each.len())?))
    {
        sender.ready().await.map_err(EnvoyError::no_answer)?;
        let response = tokio::time::timeout(timeout, sender.send_request(request.clone()))
            .await
            .map_err(EnvoyError::no_answer)?
            .map_err(EnvoyError::no_answer)?;
        *by_status.entry(response.status().as_u16()).or_default() += 1;
        let mut body = response.into_body();
        while let Some(frame) = body.frame().await {
            frame.map_err(EnvoyError::no_answer)?;
        }
    }
    Ok(by_status)
}

/// The authority goes into `host`, where HTTP/1.1 has it.
fn origin_form(mut request: Request<Full<Bytes>>) -> Result<Request<Full<Bytes>>, EnvoyError> {
    let uri = std::mem::take(request.uri_mut()).into_parts();
    let host = uri
        .authority
        .as_ref()
        .map_or("", |authority| authority.as_str());
    let host = HeaderValue::try_from(host).map_err(EnvoyError::no_answer)?;
    request.headers_mut().insert(HOST, host);
    *request.uri_mut() = uri.path_and_query.map(Uri::from).unwrap_or_default();
    Ok(request)
}

/// Ticks in a second of `/proc/<pid>/stat`: `USER_HZ`, 100 wherever Envoy runs.
const USER_HZ: u64 = 100;

/// CPU time that the process `pid` has used, its threads and kernel time included; precise to 10 ms.
pub(super) fn cpu_time(pid: u32) -> Result<Duration, EnvoyError> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .map_err(EnvoyError::io("cannot read envoy's CPU time (Linux only)"))?;
    let ticks = ticks(&stat).ok_or_else(|| EnvoyError::Cpu(stat.clone()))?;
    Ok(Duration::from_millis(ticks.saturating_mul(1000 / USER_HZ)))
}

/// `utime` and `stime`, fields 14 and 15 of proc(5); the second field, the name, may hold anything
/// but ends at the last parenthesis.
fn ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    user.checked_add(system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_user_and_system_time_whatever_the_process_is_called() {
        let stat = "7 (a ) 1 (b) S 1 7 7 0 -1 4194560 1 2 3 4 250 50 8 9 20 0 1 0 55 1024 1\n";
        assert_eq!(ticks(stat), Some(300));
        assert_eq!(ticks("7 (a) S 1"), None);
    }
}
