//! A process that ends however this process ends.
//!
//! Dropping [`Guarded`] kills it. Where nothing is dropped (Ctrl-C, `SIGKILL`, an abort) a shell
//! does it, the warden: it reads from a pipe that this process holds open and never writes to while
//! the other one runs, and the kernel closes it with this process. Both are in process groups of
//! their own, so that Ctrl-C in a terminal reaches neither before the other.

use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};

/// A line means that the process is ended already; the end of the pipe, that its owner is.
const WARDEN: &str = r#"read -r _ || { kill -KILL "$1"; rm -rf "$2"; }"#;

/// A process with its warden.
#[derive(Debug)]
pub struct Guarded {
    child: Mutex<Child>,
    pid: u32,
    warden: Child,
}

impl Guarded {
    /// Starts `command`; the warden removes `folder`, which is its owner's to remove otherwise.
    pub fn spawn(command: &mut Command, folder: &Path) -> io::Result<Self> {
        let mut child = command.process_group(0).spawn()?;
        let pid = child.id();
        match warden(pid, folder) {
            Ok(warden) => Ok(Self {
                child: Mutex::new(child),
                pid,
                warden,
            }),
            Err(error) => {
                let _gone = child.kill().and_then(|()| child.wait());
                Err(error)
            }
        }
    }

    /// How it ended, if it did.
    pub fn exited(&self) -> Option<ExitStatus> {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        child.try_wait().ok().flatten()
    }

    /// What it writes, if it was given a pipe; whoever asks first gets it.
    pub fn stdout(&self) -> Option<ChildStdout> {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        child.stdout.take()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.pid
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        let child = self.child.get_mut().unwrap_or_else(PoisonError::into_inner);
        // The process id stays the child's until it is waited for, and the warden is gone by then.
        let _killed = child.kill();
        if let Some(mut pipe) = self.warden.stdin.take() {
            let _told = pipe.write_all(b"\n");
        }
        let _warden = self.warden.wait();
        let _status = child.wait();
    }
}

fn warden(pid: u32, folder: &Path) -> io::Result<Child> {
    Command::new("sh")
        .args(["-c", WARDEN, "gwf-warden", &pid.to_string()])
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use tempfile::TempDir;

    use super::*;

    /// Something to guard, a folder and the warden of both.
    fn guarded() -> (Child, TempDir, Child) {
        let child = Command::new("sleep").arg("600").spawn().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let warden = warden(child.id(), folder.path()).unwrap();
        (child, folder, warden)
    }

    #[test]
    fn the_warden_ends_what_its_owner_left_behind() {
        let (mut child, folder, mut warden) = guarded();
        // What the kernel does when the owner is killed.
        drop(warden.stdin.take());
        assert_eq!(child.wait().unwrap().signal(), Some(9));
        warden.wait().unwrap();
        assert!(!folder.path().exists());
    }

    #[test]
    fn the_warden_touches_nothing_once_it_is_told() {
        let (mut child, folder, mut warden) = guarded();
        warden.stdin.take().unwrap().write_all(b"\n").unwrap();
        warden.wait().unwrap();
        assert_eq!(child.try_wait().unwrap(), None);
        assert!(folder.path().exists());
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
