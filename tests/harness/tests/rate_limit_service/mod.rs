//! A real rate limit service (envoyproxy/ratelimit) and its Redis: for several test targets and the
//! benchmarks.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use thiserror::Error;

use gateway_harness::child_process::Guarded;

/// Where `just ratelimit-tools` installs the service.
const TOOLS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../.tools/bin");
/// How long a server may take to start.
const START: Duration = Duration::from_secs(30);
/// The pause between two looks at a server that starts.
const LOOK: Duration = Duration::from_millis(5);

/// Why there is no rate limit service.
#[derive(Debug, Error)]
pub enum ServiceError {
    /// The operating system refused something.
    #[error("{what}: {source}")]
    Io {
        /// What was to be done.
        what: &'static str,
        /// Why it could not be.
        source: io::Error,
    },
    /// It neither answered nor ended in time, or it ended.
    #[error("{name} does not start:\n{log}")]
    NotReady {
        /// Which server.
        name: &'static str,
        /// What it printed.
        log: String,
    },
}

impl ServiceError {
    fn io(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { what, source }
    }
}

/// A running service and its Redis, on ports of their own that they keep over restarts. Dropping it
/// ends both.
#[derive(Debug)]
pub struct RateLimitService {
    binaries: Binaries,
    ports: Ports,
    service: Option<Guarded>,
    redis: Option<Guarded>,
    folder: TempDir,
}

#[derive(Debug)]
struct Binaries {
    service: PathBuf,
    redis: PathBuf,
}

#[derive(Debug)]
struct Ports {
    redis: SocketAddr,
    grpc: SocketAddr,
    http: SocketAddr,
    debug: SocketAddr,
}

impl RateLimitService {
    /// Starts both and waits until they answer. The service knows the `domains` and no limit: a
    /// request has to bring its limits along. Absent where one of the binaries is not found:
    /// `GWF_RATELIMIT` and `GWF_REDIS_SERVER`, else `service_cmd` and `redis-server` in the
    /// workspace's `.tools/bin` or on the `PATH`.
    ///
    /// # Errors
    ///
    /// If one of them does not start.
    pub fn start(domains: &[&str]) -> Result<Option<Self>, ServiceError> {
        let Some(binaries) = Binaries::find() else {
            return Ok(None);
        };
        let folder = tempfile::Builder::new().prefix("gwf-ratelimit-").tempdir();
        let mut started = Self {
            binaries,
            ports: Ports::free().map_err(ServiceError::io("no free port"))?,
            service: None,
            redis: None,
            folder: folder.map_err(ServiceError::io("cannot make a folder"))?,
        };
        let written = started.write_domains(domains);
        written.map_err(ServiceError::io("cannot write the configuration"))?;
        started.start_redis()?;
        started.start_service()?;
        Ok(Some(started))
    }

    /// Where the service answers gRPC.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.ports.grpc
    }

    /// Kills the service.
    pub fn kill_service(&mut self) {
        self.service = None;
    }

    /// Kills Redis, and with it all counters.
    pub fn kill_redis(&mut self) {
        self.redis = None;
    }

    /// Starts the service, which needs a Redis, and waits until it answers.
    ///
    /// # Errors
    ///
    /// If it does not.
    pub fn start_service(&mut self) -> Result<(), ServiceError> {
        let Ports {
            redis,
            grpc,
            http,
            debug,
        } = &self.ports;
        let mut command = Command::new(&self.binaries.service);
        command
            .envs([
                ("USE_STATSD", "false"),
                ("LOG_LEVEL", "warn"),
                ("REDIS_SOCKET_TYPE", "tcp"),
                ("RUNTIME_SUBDIRECTORY", "runtime"),
                ("RUNTIME_WATCH_ROOT", "false"),
                ("LOCAL_CACHE_SIZE_IN_BYTES", "0"),
                ("HOST", "127.0.0.1"),
                ("GRPC_HOST", "127.0.0.1"),
                ("DEBUG_HOST", "127.0.0.1"),
            ])
            .env("REDIS_URL", redis.to_string())
            .env("RUNTIME_ROOT", self.folder.path())
            .env("GRPC_PORT", grpc.port().to_string())
            .env("PORT", http.port().to_string())
            .env("DEBUG_PORT", debug.port().to_string());
        let healthy = || {
            let answer = ask(*http, b"GET /healthcheck HTTP/1.0\r\n\r\n")?;
            TcpStream::connect(grpc)?;
            Ok(answer.starts_with(b"HTTP/1.0 200"))
        };
        let service = self.spawn("the rate limit service", &mut command, healthy)?;
        self.service = Some(service);
        Ok(())
    }

    /// Starts Redis, empty, and waits until it answers.
    ///
    /// # Errors
    ///
    /// If it does not.
    pub fn start_redis(&mut self) -> Result<(), ServiceError> {
        let at = self.ports.redis;
        let mut command = Command::new(&self.binaries.redis);
        command
            .args(["--bind", "127.0.0.1", "--port", &at.port().to_string()])
            .args(["--save", "", "--appendonly", "no", "--dir"])
            .arg(self.folder.path());
        let ready = || Ok(ask(at, b"PING\r\nQUIT\r\n")?.starts_with(b"+PONG"));
        let redis = self.spawn("Redis", &mut command, ready)?;
        self.redis = Some(redis);
        Ok(())
    }

    /// Forgets all counters.
    ///
    /// # Errors
    ///
    /// If Redis does not answer.
    pub fn flush(&self) -> Result<(), ServiceError> {
        let flushed = ask(self.ports.redis, b"FLUSHALL\r\nQUIT\r\n");
        let flushed = flushed.map_err(ServiceError::io("cannot reach Redis"))?;
        if flushed.starts_with(b"+OK") {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&flushed).into_owned();
        Err(ServiceError::io("Redis keeps its counters")(
            io::Error::other(said),
        ))
    }

    fn write_domains(&self, domains: &[&str]) -> io::Result<()> {
        let folder = self.folder.path().join("runtime/config");
        fs::create_dir_all(&folder)?;
        for (number, domain) in domains.iter().enumerate() {
            let name = serde_json::Value::from(*domain);
            fs::write(
                folder.join(format!("{number}.yaml")),
                format!("domain: {name}\n"),
            )?;
        }
        Ok(())
    }

    fn spawn(
        &self,
        name: &'static str,
        command: &mut Command,
        ready: impl Fn() -> io::Result<bool>,
    ) -> Result<Guarded, ServiceError> {
        let path = self.folder.path().join(format!("{name}.log"));
        let mut spawn = || -> io::Result<Guarded> {
            let log = fs::File::create(&path)?;
            command
                .stdin(Stdio::null())
                .stdout(log.try_clone()?)
                .stderr(log);
            Guarded::spawn(command, self.folder.path())
        };
        let server = spawn().map_err(ServiceError::io("cannot start a server"))?;
        let begun = Instant::now();
        while !ready().unwrap_or(false) {
            if server.exited().is_some() || begun.elapsed() > START {
                let log = fs::read_to_string(&path).unwrap_or_default();
                return Err(ServiceError::NotReady { name, log });
            }
            thread::sleep(LOOK);
        }
        Ok(server)
    }
}

impl Binaries {
    fn find() -> Option<Self> {
        Some(Self {
            service: locate(env::var_os("GWF_RATELIMIT"), "service_cmd")?,
            redis: locate(env::var_os("GWF_REDIS_SERVER"), "redis-server")?,
        })
    }
}

/// A chosen binary is taken as it is, so that a typing error is reported and not passed over.
fn locate(chosen: Option<OsString>, name: &str) -> Option<PathBuf> {
    if let Some(chosen) = chosen {
        return Some(chosen.into());
    }
    let path = env::var_os("PATH").unwrap_or_default();
    std::iter::once(Path::new(TOOLS).to_path_buf())
        .chain(env::split_paths(&path))
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

impl Ports {
    /// Bound all at once, so that they differ, and given back.
    fn free() -> io::Result<Self> {
        let bind = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        let bound = [bind()?, bind()?, bind()?, bind()?];
        let [redis, grpc, http, debug] = &bound;
        Ok(Self {
            redis: redis.local_addr()?,
            grpc: grpc.local_addr()?,
            http: http.local_addr()?,
            debug: debug.local_addr()?,
        })
    }
}

/// Sends a request after which the server closes the connection, and reads all it says.
fn ask(at: SocketAddr, request: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(at)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.write_all(request)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}
