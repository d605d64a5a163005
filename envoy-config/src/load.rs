//! Manifest files to objects: read, checked as an API server would, and sorted by kind.

mod document;
mod kinds;
pub(crate) mod model;
pub(crate) mod policy;
pub(crate) mod problem;
pub(crate) mod route_filter;
mod typed;
pub(crate) mod validate;
mod yaml;

pub use document::Document;

use k8s_openapi::api::core::v1::{ConfigMap, Service};
use k8s_openapi::api::networking::v1::Ingress;
pub(crate) use kinds::{ENVOY_GATEWAY, GATEWAY_API, ObjectKind};
use miette::NamedSource;
use model::{GatewaySpec, GrantSpec, ListenerSetSpec, Object, Route};
use policy::{ClientSettings, Extensions, Policy, SecuritySettings, TrafficSettings};
use problem::{LoadErrors, Problem, Source};
use route_filter::HTTPRouteFilterSpec;
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

/// Labels of a namespace.
pub(crate) type Labels = BTreeMap<String, String>;

/// Objects of one kind by namespace and name.
type Named<T> = HashMap<(String, String), Object<T>>;

/// The objects of some manifest files.
#[derive(Debug, Clone, Default)]
pub struct Manifests {
    documents: Vec<Arc<Document>>,
    pub(crate) gateways: Vec<Object<GatewaySpec>>,
    pub(crate) listener_sets: Vec<Object<ListenerSetSpec>>,
    pub(crate) routes: Vec<Object<Route>>,
    pub(crate) grants: Vec<Object<GrantSpec>>,
    pub(crate) route_filters: Named<HTTPRouteFilterSpec>,
    pub(crate) traffic_policies: Vec<Object<Policy<TrafficSettings>>>,
    pub(crate) client_policies: Vec<Object<Policy<ClientSettings>>>,
    pub(crate) extension_policies: Vec<Object<Policy<Extensions>>>,
    pub(crate) security_policies: Vec<Object<Policy<SecuritySettings>>>,
    pub(crate) ingresses: Vec<Object<Ingress>>,
    pub(crate) services: Named<Service>,
    pub(crate) config_maps: Named<ConfigMap>,
    pub(crate) namespaces: BTreeMap<String, Labels>,
}

/// Reads YAML manifests, each file with any number of documents; of a List, its items. Objects
/// without a namespace are in `default`.
///
/// # Errors
/// Every file that cannot be read or is not YAML, and every object that an API server would not
/// accept: unknown fields, wrong types, values out of bounds, two objects of one name.
pub fn load(paths: &[PathBuf]) -> Result<Manifests, LoadErrors> {
    load_with(paths, &[])
}

/// As [`load`], with further manifests: a name for messages, and the text.
///
/// # Errors
/// As [`load`].
pub fn load_with(paths: &[PathBuf], texts: &[(&str, String)]) -> Result<Manifests, LoadErrors> {
    let mut loader = Loader::default();
    for path in paths {
        let name = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => loader.text(&name, &text),
            Err(error) => loader
                .problems
                .push(*Problem::unreadable(&name, error.to_string())),
        }
    }
    for (name, text) in texts {
        loader.text(name, text);
    }
    loader.finish()
}

impl Manifests {
    /// Reads manifests from a text, which messages call `name`. Otherwise as [`load`].
    ///
    /// # Errors
    /// As [`load`].
    pub fn parse(name: &str, text: &str) -> Result<Self, LoadErrors> {
        let mut loader = Loader::default();
        loader.text(name, text);
        loader.finish()
    }

    /// Every object, of every kind, in the order of the files.
    pub fn documents(&self) -> impl Iterator<Item = &Document> {
        self.documents.iter().map(Arc::as_ref)
    }

    /// What a namespace selector sees. A namespace that has no manifest exists all the same, with
    /// the one label that Kubernetes gives to each.
    pub(crate) fn namespace_labels(&self, name: &str) -> Labels {
        let mut labels = self.namespaces.get(name).cloned().unwrap_or_default();
        labels.insert("kubernetes.io/metadata.name".to_owned(), name.to_owned());
        labels
    }

    /// Sorts a checked document in, by its kind.
    fn add(&mut self, document: Arc<Document>) -> Result<(), Box<Problem>> {
        let full_name = (document.namespace().to_owned(), document.name().to_owned());
        match document.object_kind() {
            ObjectKind::Gateway => self.gateways.push(Object::read(&document, "spec")?),
            ObjectKind::ListenerSet => self.listener_sets.push(Object::read(&document, "spec")?),
            ObjectKind::Route(kind) => {
                let Object {
                    document,
                    value: spec,
                } = Object::read(&document, "spec")?;
                self.routes.push(Object {
                    document,
                    value: Route { kind, spec },
                });
            }
            ObjectKind::ReferenceGrant => self.grants.push(Object::read(&document, "spec")?),
            ObjectKind::HTTPRouteFilter => {
                self.route_filters
                    .insert(full_name, Object::read(&document, "spec")?);
            }
            ObjectKind::BackendTrafficPolicy => {
                self.traffic_policies.push(Object::read(&document, "spec")?);
            }
            ObjectKind::ClientTrafficPolicy => {
                self.client_policies.push(Object::read(&document, "spec")?);
            }
            ObjectKind::EnvoyExtensionPolicy => {
                self.extension_policies.push(policy::extension(&document)?);
            }
            ObjectKind::Ingress => self.ingresses.push(Object::read(&document, "")?),
            ObjectKind::Service => {
                self.services
                    .insert(full_name, Object::read(&document, "")?);
            }
            ObjectKind::ConfigMap => {
                self.config_maps
                    .insert(full_name, Object::read(&document, "")?);
            }
            ObjectKind::Namespace => {
                let labels = document.metadata().labels.clone().unwrap_or_default();
                self.namespaces.insert(document.name().to_owned(), labels);
            }
            ObjectKind::SecurityPolicy => {
                self.security_policies
                    .push(Object::read(&document, "spec")?);
            }
            ObjectKind::GatewayClass | ObjectKind::Kept | ObjectKind::Unknown => {}
        }
        self.documents.push(document);
        Ok(())
    }
}

#[derive(Default)]
struct Loader {
    manifests: Manifests,
    problems: Vec<Problem>,
    /// Where each object was seen first.
    seen: HashMap<String, String>,
}

impl Loader {
    fn text(&mut self, name: &str, text: &str) {
        let source: Source = NamedSource::new(name, Arc::from(text)).with_language("yaml");
        match yaml::parse(&source) {
            Ok(documents) => documents
                .into_iter()
                .flat_map(yaml::YamlDocument::objects)
                .for_each(|yaml| self.document(&source, yaml)),
            Err(problem) => self.problems.push(*problem),
        }
    }

    fn document(&mut self, source: &Source, yaml: yaml::YamlDocument) {
        let document = match Document::new(source, yaml) {
            Ok(document) => Arc::new(document),
            Err(problem) => return self.problems.push(*problem),
        };
        let place = format!("{}:{}", document.file(), document.position("").line);
        let identity = format!("{} {}", document.group(), document.object());
        if let Some(first) = self.seen.insert(identity, place) {
            let message = format!("defined twice, first at {first}");
            return self.problems.push(*document.problem("", message));
        }
        let mut problems = kinds::check(&document);
        if problems.is_empty() {
            problems.extend(self.manifests.add(document).err().map(|problem| *problem));
        }
        problems.sort_by_key(|problem| problem.position.map(|position| position.offset));
        self.problems.append(&mut problems);
    }

    fn finish(self) -> Result<Manifests, LoadErrors> {
        if self.problems.is_empty() {
            Ok(self.manifests)
        } else {
            Err(LoadErrors {
                problems: self.problems,
            })
        }
    }
}
