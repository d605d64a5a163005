//! The command, its manifests and a client.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use gateway_filter_modules::GATEWAY;
use serde_json::Value;
use tempfile::TempDir;

/// What is waited for comes within this, or never.
const DEADLINE: Duration = Duration::from_secs(120);

/// A folder with `manifests/` and `route-match.wasm`.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        fs::create_dir(folder.manifests()).unwrap();
        fs::write(folder.module(), GATEWAY.bytes).unwrap();
        folder
    }

    pub(crate) fn with(manifests: &str) -> Self {
        let folder = Self::new();
        folder.write("shop.yaml", manifests);
        folder
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn manifests(&self) -> PathBuf {
        self.path().join("manifests")
    }

    pub(crate) fn module(&self) -> PathBuf {
        self.path().join("route-match.wasm")
    }

    /// Replaces a manifest at once, as editors do.
    pub(crate) fn write(&self, name: &str, manifests: &str) {
        replace(&self.manifests().join(name), manifests.as_bytes());
    }

    pub(crate) fn replace_module(&self, content: &[u8]) {
        replace(&self.module(), content);
    }
}

fn replace(file: &Path, content: &[u8]) {
    let unfinished = file.with_extension("unfinished");
    fs::write(&unfinished, content).unwrap();
    fs::rename(unfinished, file).unwrap();
}

/// `gwf serve -o json`, which is ended with this.
pub(crate) struct Served {
    child: Child,
    lines: Receiver<String>,
}

impl Served {
    /// Serves the folder; port 80 is where the kernel has it.
    pub(crate) fn start(folder: &Folder, arguments: &[&str]) -> Self {
        let module = format!("gateway={}", folder.module().display());
        let mut child = Command::new(env!("CARGO_BIN_EXE_gwf"))
            .arg("serve")
            .arg(folder.manifests())
            .args(["-o", "json", "--module", &module])
            .args(["--port", "80=0"])
            .args(arguments)
            .args((!arguments.contains(&"--drain")).then_some("--drain=1"))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, lines }
    }

    /// The next event, which must be of this kind.
    #[track_caller]
    pub(crate) fn next(&mut self, kind: &str) -> Value {
        let Ok(line) = self.lines.recv_timeout(DEADLINE) else {
            let _killed = self.child.kill();
            panic!("no `{kind}`: {}", self.complaint());
        };
        let event: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(event["event"], kind, "{event:#}");
        event
    }

    pub(crate) fn complaint(&mut self) -> String {
        let mut text = String::new();
        let mut stderr = self.child.stderr.take().unwrap();
        stderr.read_to_string(&mut text).unwrap();
        text
    }

    pub(crate) fn signal(&self, name: &str) {
        signal(name, u64::from(self.child.id()));
    }

    /// Waits until it ends.
    #[track_caller]
    pub(crate) fn wait(&mut self) -> ExitStatus {
        eventually("it ends", || self.child.try_wait().unwrap())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _killed = self.child.kill();
        let _status = self.child.wait();
    }
}

pub(crate) fn signal(name: &str, pid: u64) -> bool {
    let mut kill = Command::new("kill");
    kill.args([name, &pid.to_string()]).stderr(Stdio::null());
    kill.status().unwrap().success()
}

/// Waits until there is something.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < DEADLINE, "not in time: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Where the first listener of an event is.
pub(crate) fn address(event: &Value) -> SocketAddr {
    let address = event["listeners"][0]["address"].as_str();
    address.unwrap().parse().unwrap()
}

/// Status, head and body of an answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    /// The Service whose backend answered.
    pub(crate) fn service(&self) -> String {
        let seen: Value = serde_json::from_str(&self.body).unwrap_or_default();
        seen["service"].as_str().unwrap_or("nobody").to_owned()
    }
}

/// One request on a connection of its own.
pub(crate) fn get(at: SocketAddr, host: &str, path: &str, headers: &str) -> Answer {
    let mut stream = TcpStream::connect(at).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let request =
        format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    Answer {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        head: head.to_owned(),
        body: body.to_owned(),
    }
}

/// A Gateway with a listener for HTTP on port 80.
pub(crate) fn gateway(name: &str) -> String {
    format!(
        "---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: {name}, namespace: shop}}
spec:
  gatewayClassName: c
  listeners: [{{name: http, port: 80, protocol: HTTP}}]
"
    )
}

pub(crate) fn service(name: &str) -> String {
    format!(
        "---
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: shop}}
spec: {{ports: [{{port: 8080}}]}}
"
    )
}

/// A route for everything: to a Service, whose name the request and the answer are given, too.
pub(crate) fn route(name: &str, gateway: &str, service: &str) -> String {
    format!(
        "---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {name}, namespace: shop}}
spec:
  parentRefs: [{{name: {gateway}}}]
  rules:
  - filters:
    - {{type: RequestHeaderModifier, requestHeaderModifier: {{set: [{{name: x-asked, value: {service}}}]}}}}
    - {{type: ResponseHeaderModifier, responseHeaderModifier: {{set: [{{name: x-told, value: {service}}}]}}}}
    backendRefs: [{{name: {service}, port: 8080}}]
"
    )
}

/// A Gateway that sends everything to one Service.
pub(crate) fn shop(to: &str) -> String {
    [gateway("public"), service(to), route("all", "public", to)].concat()
}
