//! What Envoy is told about a filter besides its module.

/// Envoy's `PluginConfig` and the `VmConfig` in it.
#[derive(Debug, Clone, Default)]
pub struct Plugin {
    /// Plugin name, as `plugin_name` reads.
    pub name: String,
    /// Root id.
    pub root_id: String,
    /// VMs of one id share data, and nothing else does.
    pub vm_id: String,
    /// VM configuration.
    pub vm_configuration: Vec<u8>,
    /// Plugin configuration.
    pub configuration: Vec<u8>,
    /// Environment that WASI shows.
    pub environment: Vec<(String, String)>,
    /// Skip the filter when its VM has failed, instead of answering 503.
    pub fail_open: bool,
}

/// Level of a log line; the order is the one of the ABI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
#[repr(u32)]
pub enum LogLevel {
    /// 0.
    Trace = 0,
    /// 1.
    Debug = 1,
    /// 2, what Envoy logs unless told otherwise.
    #[default]
    Info = 2,
    /// 3.
    Warn = 3,
    /// 4.
    Error = 4,
    /// 5.
    Critical = 5,
}

impl LogLevel {
    pub(crate) fn from_guest(level: u32) -> Option<Self> {
        use LogLevel::{Critical, Debug, Error, Info, Trace, Warn};
        let levels = [Trace, Debug, Info, Warn, Error, Critical];
        levels.into_iter().find(|l| *l as u32 == level)
    }
}

impl std::fmt::Display for LogLevel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Critical => "critical",
        })
    }
}

/// A line that a guest logged, by `proxy_log` or by writing to its stdout or stderr.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// Its level.
    pub level: LogLevel,
    /// Plugin that logged.
    pub plugin: String,
    /// The text; bytes that are not UTF-8 are replaced.
    pub message: String,
}

impl std::fmt::Display for LogLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} [{}] {}", self.plugin, self.level, self.message)
    }
}
