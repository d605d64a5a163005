//! The loaded objects, by kind.

use super::document::Document;
use super::kind::ObjectKind;
use super::model::{GatewaySpec, GrantSpec, ListenerSetSpec, Route};
use super::object::Object;
use super::policy::{self, ClientSettings, Extensions, Policy, SecuritySettings, TrafficSettings};
use super::problem::Problem;
use super::route_filter::HTTPRouteFilterSpec;
use gateway_filter_sdk::route::spec::RouteKind;
use k8s_openapi::api::core::v1::{ConfigMap, Service};
use k8s_openapi::api::networking::v1::Ingress;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Labels of a namespace.
pub(crate) type Labels = BTreeMap<String, String>;

/// Objects of one kind by namespace and name.
type ByName<T> = HashMap<(String, String), Object<T>>;

/// The objects of some manifest files.
#[derive(Debug, Clone, Default)]
pub struct Manifests {
    documents: Vec<Arc<Document>>,
    pub(crate) gateways: Vec<Object<GatewaySpec>>,
    pub(crate) listener_sets: Vec<Object<ListenerSetSpec>>,
    pub(crate) routes: Vec<Object<Route>>,
    pub(crate) grants: Vec<Object<GrantSpec>>,
    pub(crate) route_filters: ByName<HTTPRouteFilterSpec>,
    pub(crate) traffic_policies: Vec<Object<Policy<TrafficSettings>>>,
    pub(crate) client_policies: Vec<Object<Policy<ClientSettings>>>,
    pub(crate) extension_policies: Vec<Object<Policy<Extensions>>>,
    pub(crate) security_policies: Vec<Object<Policy<SecuritySettings>>>,
    pub(crate) ingresses: Vec<Object<Ingress>>,
    pub(crate) services: ByName<Service>,
    pub(crate) config_maps: ByName<ConfigMap>,
    pub(crate) namespaces: BTreeMap<String, Labels>,
}

impl Manifests {
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
    pub(super) fn add(&mut self, document: Arc<Document>) -> Result<(), Box<Problem>> {
        let full_name = (document.namespace().to_owned(), document.name().to_owned());
        match document.object_kind() {
            ObjectKind::Gateway => self.gateways.push(Object::read(&document, "spec")?),
            ObjectKind::ListenerSet => self.listener_sets.push(Object::read(&document, "spec")?),
            ObjectKind::Route(kind) => self.routes.push(route(&document, kind)?),
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

fn route(document: &Arc<Document>, kind: RouteKind) -> Result<Object<Route>, Box<Problem>> {
    let Object {
        document,
        value: spec,
    } = Object::read(document, "spec")?;
    Ok(Object {
        document,
        value: Route { kind, spec },
    })
}
