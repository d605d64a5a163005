//! The loop: an edit, a new configuration, a reload.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;
use tokio::time::MissedTickBehavior;

use super::changes;
use super::error::ServeError;
use super::event::Event;
use super::generation::{Generation, GenerationBuilder};
use super::options::ServeOptions;
use super::running::Running;
use super::watch::Watcher;
use super::{access_log, plan, sources, trial};
use crate::output;
use gateway_harness::envoy::process;
use gateway_harness::envoy::{self, Binary, WasmLog};

/// How often it is looked whether what was replaced is still in use.
const TIDY: Duration = Duration::from_millis(250);

type Tell = Arc<dyn Fn(&Event) + Send + Sync>;

/// Serves until the process is told to end (`SIGINT`, `SIGTERM`). `tell` learns what happens, must not
/// take long, and says whether anybody still wants to know; serving ends when nobody does. Everything that was started ends with this function.
///
/// # Errors
///
/// If the first configuration is refused, if Envoy ends, or does not answer.
pub fn run(
    binary: &Binary,
    options: ServeOptions,
    tell: impl Fn(&Event) -> bool + Send + Sync + 'static,
) -> Result<(), ServeError> {
    let unread = Arc::new(Notify::new());
    let noticed = Arc::clone(&unread);
    let tell: Tell = Arc::new(move |event| {
        if !tell(event) {
            noticed.notify_one();
        }
    });
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(ServeError::io("cannot start the runtime"))?;
    let served = runtime.block_on(async {
        let cannot = "cannot wait for signals";
        let mut interrupt = signal(SignalKind::interrupt()).map_err(ServeError::io(cannot))?;
        let mut terminate = signal(SignalKind::terminate()).map_err(ServeError::io(cannot))?;
        tokio::select! {
            _ = interrupt.recv() => Ok(()),
            _ = terminate.recv() => Ok(()),
            () = unread.notified() => Ok(()),
            error = serve(binary, Arc::new(options), tell) => Err(error),
        }
    });
    // Reading manifests may be under way, and is not waited for.
    runtime.shutdown_background();
    served
}

async fn serve(binary: &Binary, options: Arc<ServeOptions>, tell: Tell) -> ServeError {
    match start(binary, options, tell).await {
        Ok((mut server, mut watcher)) => server.run(&mut watcher).await,
        Err(error) => error,
    }
}

struct Server {
    binary: Binary,
    options: Arc<ServeOptions>,
    envoy: envoy::EnvoyOptions,
    builder: GenerationBuilder,
    running: Running,
    current: Generation,
    /// Digest of the files that were last looked at.
    seen: Vec<u8>,
    /// There may be something that only a replaced configuration needs.
    untidy: bool,
    tell: Tell,
}

async fn start(
    binary: &Binary,
    options: Arc<ServeOptions>,
    tell: Tell,
) -> Result<(Server, Watcher), ServeError> {
    let envoy = envoy::EnvoyOptions {
        concurrency: 2,
        wasm_log: WasmLog::Warning,
        ..envoy::EnvoyOptions::default()
    };
    let folder = process::folder()?;
    let builder = GenerationBuilder::new(&options, folder.path());
    let mut builder = builder.map_err(ServeError::io("cannot make a folder for modules"))?;
    let seen = digest(&options).await?;
    let planned = planned(&options).await?;
    planned.check_ports(&options)?;
    let first = builder.build(planned, &options).await?;
    trial::run(binary, &first.resources, &envoy).await?;
    let watcher = Watcher::new(options.manifests.paths(), &options.modules.files())?;
    let running = Running::start(binary, folder, &first.resources, options.drain, &envoy).await?;
    builder.commit(&first);
    if let Some(stdout) = running.stdout() {
        let tell = Arc::clone(&tell);
        tokio::spawn(access_log::follow(stdout, move |event| tell(event)));
    }
    let mut server = Server {
        binary: binary.clone(),
        options,
        envoy,
        builder,
        running,
        current: Generation::default(),
        seen,
        untidy: false,
        tell,
    };
    server.adopt(first);
    (server.tell)(&Event::Ready(server.current.facts.clone()));
    Ok((server, watcher))
}

impl Server {
    /// Returns when there is no going on.
    async fn run(&mut self, watcher: &mut Watcher) -> ServeError {
        let mut tidy = tokio::time::interval(TIDY);
        tidy.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // Files may have changed before they were watched.
        let mut done = self.look().await;
        while done.is_ok() {
            done = tokio::select! {
                error = self.running.ended() => Err(error),
                () = watcher.changed() => self.look().await,
                _ = tidy.tick(), if self.untidy => self.tidy().await,
            };
        }
        match done {
            Err(error) => error,
            Ok(()) => self.running.ended().await,
        }
    }

    /// Reloads if a file has other contents than last time.
    async fn look(&mut self) -> Result<(), ServeError> {
        let seen = digest(&self.options).await?;
        if std::mem::replace(&mut self.seen, seen.clone()) == seen {
            return Ok(());
        }
        self.untidy = true;
        let event = match self.reload().await {
            Ok(changes) => Event::Reloaded {
                changes,
                facts: self.current.facts.clone(),
            },
            Err(ServeError::Rejected(refusal)) => Event::Rejected {
                errors: output::entries(&refusal),
            },
            Err(error) => return Err(error),
        };
        (self.tell)(&event);
        Ok(())
    }

    /// Says what changed.
    async fn reload(&mut self) -> Result<Vec<String>, ServeError> {
        let planned = planned(&self.options).await?;
        let next = self.builder.build(planned, &self.options).await?;
        if next.resources != self.current.resources {
            trial::run(&self.binary, &next.resources, &self.envoy).await?;
            self.running.replace(&next.resources).await?;
        }
        self.builder.commit(&next);
        let changes = changes::between(&self.current.state, &next.state);
        self.adopt(next);
        Ok(changes)
    }

    fn adopt(&mut self, mut generation: Generation) {
        generation.facts.envoy.clone_from(&self.binary.version);
        generation.facts.pid = self.running.pid();
        generation.facts.admin = Some(self.running.admin());
        self.current = generation;
    }

    /// Removes what only a replaced configuration needed, once its connections are closed.
    async fn tidy(&mut self) -> Result<(), ServeError> {
        if self.running.prune(&self.current.resources).await? {
            self.builder.retain(&self.current);
            self.untidy = false;
        }
        Ok(())
    }
}

/// Of manifests and modules. Where the manifests cannot be found, planning says why.
async fn digest(options: &Arc<ServeOptions>) -> Result<Vec<u8>, ServeError> {
    blocking(options, |options| {
        let manifests = options.manifests.files().unwrap_or_default();
        sources::digest(manifests.into_iter().chain(options.modules.files()))
    })
    .await
}

async fn planned(options: &Arc<ServeOptions>) -> Result<plan::Plan, ServeError> {
    Ok(blocking(options, plan::plan).await??)
}

/// The echo backends run on the same threads, and must not wait.
async fn blocking<T: Send + 'static>(
    options: &Arc<ServeOptions>,
    work: impl FnOnce(&ServeOptions) -> T + Send + 'static,
) -> Result<T, ServeError> {
    let options = Arc::clone(options);
    let done = tokio::task::spawn_blocking(move || work(&options)).await;
    done.map_err(std::io::Error::other)
        .map_err(ServeError::io("cannot read the manifests"))
}
