//! A bundle as what Envoy Gateway reads: a folder for `kubectl apply -k`.
//!
//! Per Gateway there are the *filters*, an EnvoyExtensionPolicy on the Gateway; the *dispatch* routes, one
//! rule for each backend, which match the header that the filters set; and behind them the *entry*, which
//! every request matches first. Envoy decides on the filters at the first match and never again: all
//! routes are under the policy of the Gateway, so that no forged header leads past it, and a
//! ClientTrafficPolicy takes such headers off before that match. What the filters replace (routes,
//! limits, canaries) is left out; all other objects are passed on.

mod decided;
mod dispatch;
mod entry;
mod extension;
mod misdirected;
mod object;
mod policy;
mod retry;
mod write;

pub use extension::CodeSource;
pub use object::WrittenObject;
pub(crate) use write::yaml;
pub use write::{Difference, OutputError};

use crate::load::{Document, ENVOY_GATEWAY, GATEWAY_API, Manifests, ObjectKind, find};
use crate::report::{Condition, Report, Severity};
use crate::resolve::model::{Bundle, GatewayBundle};
use crate::resolve::target;
use decided::Decided;
use gateway_filter_sdk::router::{BACKEND_HEADER, HOST_HEADER, ROUTE_HEADER};
use policy::Policies;
use serde_json::Value;
use std::collections::BTreeSet;

/// The headers that decide where a request goes: nobody but the filters may set them.
pub(crate) const OWNED_HEADERS: [&str; 3] = [BACKEND_HEADER, HOST_HEADER, ROUTE_HEADER];

/// How many bytes an object may have: etcd's `--max-request-bytes`, 1.5 MiB by default, as the API server
/// stores an object in one request, less what it adds itself (managedFields, status).
pub const MOST_BYTES: usize = 1_572_864 - 65_536;

/// What a client gets when the filter that should have decided is not there.
pub const UNDECIDED: u16 = 503;

/// How a bundle is written.
#[derive(Debug, Clone)]
pub struct KustomizeOptions {
    /// Where Envoy Gateway gets the modules; of a filter that an EnvoyExtensionPolicy of the manifests
    /// loads already, what stands there if this is absent.
    pub code: Option<CodeSource>,
    /// Filters that are passed over when their module fails; the others answer 503.
    pub fail_open: BTreeSet<String>,
    /// The rate limit service as `<namespace>/<service>:<port>`: a route is written for it, whose
    /// cluster the `rate-limit` filter calls. Absent: the cluster that the configuration names.
    pub rate_limit_service: Option<ServiceName>,
    /// Routes as `<namespace>/<name>` that alone are decided by the filters; empty is all of them.
    pub routes: BTreeSet<String>,
    /// How many bytes an object may have; [`MOST_BYTES`] in a cluster.
    pub most_bytes: usize,
}

impl Default for KustomizeOptions {
    fn default() -> Self {
        Self {
            code: None,
            fail_open: BTreeSet::new(),
            rate_limit_service: None,
            routes: BTreeSet::new(),
            most_bytes: MOST_BYTES,
        }
    }
}

/// A port of a Service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceName {
    /// Namespace of the Service.
    pub namespace: String,
    /// Name of the Service.
    pub name: String,
    /// Its port.
    pub port: u16,
}

/// The objects of a folder, and what could not be written.
#[derive(Debug, Clone, Default)]
pub struct Kustomization {
    /// In the order of their files, and in these from what is referred to, to what refers.
    pub objects: Vec<WrittenObject>,
    /// What is not carried over, by file and line. An entry of severity Error is a part of the
    /// manifests that would not be in force any more.
    pub report: Report,
}

/// Writes a bundle. It always succeeds; whether it says all that the manifests say is in
/// [`Kustomization::report`].
#[must_use]
pub fn kustomize(
    manifests: &Manifests,
    bundle: &Bundle,
    options: &KustomizeOptions,
) -> Kustomization {
    let decided = Decided::new(bundle, options);
    let mut writer = Writer {
        manifests,
        options,
        policies: Policies::new(manifests, decided.clone()),
        decided,
        objects: Vec::new(),
        report: Report::default(),
    };
    writer.kept();
    writer.security_policies();
    extension::kept(&mut writer);
    for gateway in &bundle.gateways {
        writer.gateway(gateway);
    }
    writer.policies();
    writer.taken_names();
    let Writer {
        mut objects,
        mut report,
        ..
    } = writer;
    objects.sort_by(|a, b| a.file.cmp(&b.file));
    // Policies are looked up by what they are attached to, in no order.
    report.entries.sort_by(|a, b| {
        let place = (&a.file, a.line, a.column, &a.message);
        place.cmp(&(&b.file, b.line, b.column, &b.message))
    });
    Kustomization { objects, report }
}

struct Writer<'a> {
    manifests: &'a Manifests,
    options: &'a KustomizeOptions,
    policies: Policies<'a>,
    decided: Decided,
    objects: Vec<WrittenObject>,
    report: Report,
}

impl Writer<'_> {
    /// What is passed on as it is.
    fn kept(&mut self) {
        for document in self.manifests.documents() {
            let kept = match document.object_kind() {
                ObjectKind::Route(_) => self.kept_route(document),
                ObjectKind::BackendTrafficPolicy
                | ObjectKind::ClientTrafficPolicy
                | ObjectKind::EnvoyExtensionPolicy
                | ObjectKind::Ingress => None,
                _ => Some(WrittenObject::kept(document)),
            };
            self.objects.extend(kept);
        }
    }

    /// A route that others serve, for those; what was not accepted stays out.
    fn kept_route(&self, document: &Document) -> Option<WrittenObject> {
        let (kind, namespace, name) = (document.kind(), document.namespace(), document.name());
        let mut object = WrittenObject::kept(document);
        if self.decided.is_partial() && !self.decided.contains(kind, namespace, name) {
            return Some(object);
        }
        let parents = object
            .value
            .pointer_mut("/spec/parentRefs")?
            .as_array_mut()?;
        parents.retain(|parent| {
            let text = |field: &str| parent.get(field).and_then(Value::as_str);
            let kind = text("kind").unwrap_or("Gateway");
            let namespace = text("namespace").unwrap_or(namespace);
            let name = text("name").unwrap_or_default();
            let mut owners = self.manifests.documents();
            !owners.any(|one| (one.kind(), one.namespace(), one.name()) == (kind, namespace, name))
        });
        (!parents.is_empty()).then_some(object)
    }

    /// The part of a SecurityPolicy that runs before the filters looks at the first match, which is the
    /// entry for all routes; that behind them (authorization) at the dispatch route. Only on the Gateway
    /// both are covered.
    fn security_policies(&mut self) {
        let mut ignored = Report::default();
        let policies = &self.manifests.security_policies;
        let attached = target::attach(self.manifests, policies, &mut ignored);
        for (scope, policy) in &attached {
            let Some(policy) = policies.get(*policy).filter(|_| self.decided.has(scope)) else {
                continue;
            };
            let message = format!(
                "{scope} is decided in the filters, where this policy does not reach: let it target \
                 the Gateway"
            );
            let condition = Condition::accepted("TargetNotFound");
            self.report
                .refuse(&policy.document, "spec", condition, message);
        }
    }

    /// A name that an object of the manifests, or of another Gateway, has already.
    fn taken_names(&mut self) {
        let mut names = BTreeSet::new();
        for object in &self.objects {
            let name = (object.kind(), object.namespace(), object.name());
            if !names.insert(name) {
                let mut documents = self.manifests.documents();
                let document = documents
                    .find(|one| (one.kind(), one.namespace(), one.name()) == name)
                    .or_else(|| self.manifests.documents().next());
                let message = format!(
                    "{} {}/{} is an object of the bundle: two cannot have this name",
                    object.kind(),
                    object.namespace(),
                    object.name()
                );
                if let Some(document) = document {
                    let path = "metadata.name";
                    self.report.ignore(document, path, Severity::Error, message);
                }
            }
        }
    }

    fn gateway(&mut self, gateway: &GatewayBundle) {
        let routes = dispatch::Plan::new(gateway, &self.policies, &self.decided);
        if routes.rules().is_empty() {
            return;
        }
        self.not_carried(&routes);
        let dispatched = dispatch::objects(self.manifests, gateway, &routes);
        self.policies.retarget(gateway, &dispatched);
        let entries = entry::objects(self, gateway, &routes);
        let service = self.options.rate_limit_service.as_ref();
        let service = service.filter(|_| called_cluster(gateway).is_some());
        let callout = service.map(|service| entry::callout(gateway, &routes, service));
        self.without_service(gateway);
        self.objects.extend(dispatched.objects);
        self.objects.extend(entries);
        self.objects.extend(misdirected::objects(gateway));
        let filters = extension::objects(self, gateway, &routes);
        self.objects.extend(callout.into_iter().flatten());
        self.objects.extend(filters);
    }

    /// Envoy Gateway has a cluster for each rule of a route and no others.
    fn without_service(&mut self, gateway: &GatewayBundle) {
        let cluster = called_cluster(gateway).filter(|name| !name.contains("route/"));
        let (None, Some(cluster)) = (&self.options.rate_limit_service, cluster) else {
            return;
        };
        let (namespace, name) = (&gateway.namespace, &gateway.name);
        if let Some(found) = find(&self.manifests.gateways, namespace, name) {
            let message = format!(
                "its global limits are counted by a service in cluster `{cluster}`, which Envoy Gateway \
                 has not: name the service (--rate-limit-service)"
            );
            self.report
                .ignore(&found.document, "", Severity::Error, message);
        }
    }

    /// Filters of Envoy that act before ours do, by the route that is matched first.
    fn not_carried(&mut self, routes: &dispatch::Plan) {
        for rule in routes.rules() {
            let without_hosts =
                self.decided.is_partial() && rule.hostnames.is_empty() && rule.rule == 0;
            let lost = [
                ("sessionPersistence", rule.native.session_persistence),
                ("credentialInjection", rule.native.credential_injection),
            ];
            if !without_hosts && lost.iter().all(|(_, present)| !present) {
                continue;
            }
            let route = self.manifests.routes.iter().find(|route| {
                route.is(&rule.namespace, &rule.name) && route.value.kind == rule.kind
            });
            let Some(route) = route else { continue };
            for (feature, _) in lost.into_iter().filter(|(_, present)| *present) {
                let path = format!("spec.rules[{}]", rule.rule);
                let message = format!(
                    "{feature} is not carried over: Envoy does it by the route that a request \
                     matches first"
                );
                self.report
                    .ignore(&route.document, &path, Severity::Error, message);
            }
            if without_hosts {
                let message = "a route that is decided by the filters while others are not needs \
                               hostnames of its own";
                self.report
                    .ignore(&route.document, "spec", Severity::Error, message.to_owned());
            }
        }
    }

    /// The policies, as far as the filters do not do what they say.
    fn policies(&mut self) {
        let (objects, report) = self.policies.objects();
        self.objects.extend(objects);
        self.report.entries.extend(report.entries);
    }
}

/// The cluster of the service that counts limits of the Gateway, if one does.
fn called_cluster(gateway: &GatewayBundle) -> Option<&str> {
    let service = gateway.rate_limit.as_ref()?.service.as_ref()?;
    Some(&service.cluster)
}

/// The folder of a Gateway, and how the names of its objects in a namespace start.
fn folder(gateway: &GatewayBundle) -> String {
    format!("{}-{}", gateway.namespace, gateway.name)
}

fn prefix(gateway: &GatewayBundle, namespace: &str) -> String {
    match gateway.namespace == namespace {
        true => gateway.name.clone(),
        false => folder(gateway),
    }
}

fn gateway_api(version: &str) -> String {
    format!("{GATEWAY_API}/{version}")
}

fn envoy_gateway() -> String {
    format!("{ENVOY_GATEWAY}/v1alpha1")
}
