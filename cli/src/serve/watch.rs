//! Waits for changes of manifests and modules.

use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode, EventKind, ModifyKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;

use gateway_harness::manifest_files::is_manifest;

/// An editor or compiler that writes several files, or one in parts, is given so long for each.
const QUIET: Duration = Duration::from_millis(100);
/// Looks this often at the latest, however busy the files are.
const BUSY: usize = 20;

/// Every other access is reading, which this process does, too.
const WRITTEN: AccessKind = AccessKind::Close(AccessMode::Write);

/// Watches the folders of files, so that a file that is replaced stays watched.
#[derive(Debug)]
pub(super) struct Watcher {
    _watcher: RecommendedWatcher,
    changes: UnboundedReceiver<()>,
    /// There was one that nobody knows of yet.
    pending: bool,
}

impl Watcher {
    /// Watches manifest files, folders of manifests with all beneath, and modules.
    pub(super) fn new(manifests: &[PathBuf], modules: &[PathBuf]) -> Result<Self, notify::Error> {
        let (sender, changes) = unbounded_channel();
        let (folders, files): (Vec<_>, Vec<_>) =
            manifests.iter().cloned().partition(|path| path.is_dir());
        let files: Vec<PathBuf> = files.into_iter().chain(modules.to_vec()).collect();
        let names: Vec<_> = files.iter().filter_map(|file| file.file_name()).collect();
        let names: Vec<_> = names.into_iter().map(ToOwned::to_owned).collect();
        let named = move |path: &PathBuf| {
            is_manifest(path)
                || path
                    .file_name()
                    .is_some_and(|own| names.iter().any(|n| n == own))
        };
        let tell = move |event: notify::Result<notify::Event>| {
            // What cannot be told is looked at, too: nothing happens if nothing changed.
            let matters = event.map_or(true, |event| match event.kind {
                _ if event.need_rescan() => true,
                EventKind::Access(kind) => kind == WRITTEN && event.paths.iter().any(&named),
                // Of a folder that is moved nothing but its own name is told.
                EventKind::Create(_)
                | EventKind::Remove(_)
                | EventKind::Modify(ModifyKind::Name(_)) => true,
                _ => event.paths.iter().any(&named),
            });
            if matters {
                // The receiver goes with the server.
                let _gone = sender.send(());
            }
        };
        let mut watcher = notify::recommended_watcher(tell)?;
        for folder in &folders {
            watcher.watch(folder, RecursiveMode::Recursive)?;
        }
        let mut around: Vec<&Path> = files.iter().map(|file| folder_of(file)).collect();
        around.sort_unstable();
        around.dedup();
        for folder in around {
            // Within a folder that is watched with all beneath, it would end that.
            if !folders.iter().any(|outer| folder.starts_with(outer)) {
                watcher.watch(folder, RecursiveMode::NonRecursive)?;
            }
        }
        Ok(Self {
            _watcher: watcher,
            changes,
            pending: false,
        })
    }

    /// Waits for a change, and then until there is none for a moment. If the waiting is given up, the
    /// next one goes on with it.
    pub(super) async fn changed(&mut self) {
        if !self.pending {
            let _change = self.changes.recv().await;
            self.pending = true;
        }
        for _ in 0..BUSY {
            if timeout(QUIET, self.changes.recv()).await.is_err() {
                break;
            }
            while self.changes.try_recv().is_ok() {}
        }
        self.pending = false;
    }
}

fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}
