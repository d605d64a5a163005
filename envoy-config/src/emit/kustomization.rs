//! A bundle as what Envoy Gateway reads: a folder for `kubectl apply -k`.
//!
//! Per Gateway there are the *filters*, an EnvoyExtensionPolicy on the Gateway; the *dispatch* routes, one
//! rule for each backend, which match the header that the filters set; and behind them the *entry*, which
//! every request matches first. Envoy decides on the filters at the first match and never again: all
//! routes are under the policy of the Gateway, so that no forged header leads past it, and a
//! ClientTrafficPolicy takes such headers off before that match. What the filters replace (routes,
//! limits, canaries) is left out; all other objects are passed on.

mod callout;
mod client;
mod decided;
mod dispatch;
mod entry;
mod extension;
mod group;
mod kept;
mod misdirected;
mod module;
mod naming;
mod object;
mod options;
mod policy;
mod reference;
mod retry;
mod write;
mod writer;

pub use entry::UNDECIDED;
pub use object::WrittenObject;
pub use options::{CodeSource, KustomizeOptions, MOST_BYTES, ServiceName};
pub use write::{Difference, Kustomization, OutputError};

use crate::load::{Manifests, find};
use crate::report::{Report, Severity};
use crate::resolve::model::{Bundle, GatewayBundle};
use decided::Decided;
use policy::Policies;
use std::collections::BTreeSet;
use writer::KustomizationWriter;

/// Writes a bundle. It always succeeds; whether it says all that the manifests say is in
/// [`Kustomization::report`].
#[must_use]
pub fn kustomize(
    manifests: &Manifests,
    bundle: &Bundle,
    options: &KustomizeOptions,
) -> Kustomization {
    let decided = Decided::new(bundle, options);
    let mut writer = KustomizationWriter {
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
    let KustomizationWriter {
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

impl KustomizationWriter<'_> {
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
        let callout = service.map(|service| callout::callout(gateway, &routes, service));
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
