//! Gateway API manifests in, filter configurations and Envoy Gateway manifests out.
//!
//! [`load()`] reads manifests and refuses what an API server would refuse, with the line of each
//! mistake. [`bundle`] then does what the control plane does between the API and the proxy: which
//! routes attach to which listeners, which backends they may use, what each filter means. What is
//! not accepted is in the [`Report`], under the condition that Kubernetes would show. [`migrate`] writes
//! Gateway API manifests for Ingress objects.
//!
//! The modules follow that order, and each uses only those before it: `load`, `resolve`, `emit`. The
//! report stands beside them.
#![warn(missing_docs)]

mod emit;
mod load;
mod report;
mod resolve;

pub use emit::kustomization::{
    CodeSource, Difference, Kustomization, KustomizeOptions, MOST_BYTES, OutputError, ServiceName,
    UNDECIDED, WrittenObject, kustomize,
};
pub use emit::migration::{GatewayName, InvalidGatewayName, MigratedObject, Migration, migrate};
pub use load::model::{Retry, Timeouts};
pub use load::problem::{LoadErrors, Position, Problem};
pub use load::{Document, Manifests, load, load_with};
pub use report::{Condition, Entry, Report, Severity};
pub use resolve::bundle::bundle;
pub use resolve::model::{Backend, Bundle, GatewayBundle, ListenerInfo, SecretName, ServedRule};
pub use resolve::native::{Mirror, NativeSettings};
