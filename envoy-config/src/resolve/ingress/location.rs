//! The hosts and paths of an Ingress, and where they lead.

use crate::load::{Manifests, Object, validate};
use crate::report::{Report, Severity};
use gateway_filter_sdk::route::spec::{BackendRefSpec, MatchKind, MatchSpec, ValueMatchSpec};
use k8s_openapi::api::networking::v1::{HTTPIngressPath, Ingress, IngressBackend, IngressSpec};

/// A path of a host.
pub(crate) struct Location {
    /// Absent is every host.
    pub(crate) host: Option<String>,
    path_type: String,
    value: String,
    pub(crate) backend: BackendRefSpec,
    /// Where it stands in its Ingress.
    pub(super) path: String,
}

impl Location {
    /// Whether ingress-nginx has them in one place.
    pub(super) fn is_at(&self, other: &Self) -> bool {
        (&self.host, &self.path_type, &self.value) == (&other.host, &other.path_type, &other.value)
    }

    /// "ImplementationSpecific: … Implementations can treat this as a separate pathType or treat it
    /// identically to the Prefix or Exact path types."
    pub(crate) fn path_match(&self) -> MatchSpec {
        let kind = match &*self.path_type {
            "Exact" => MatchKind::Exact,
            _ => MatchKind::PathPrefix,
        };
        MatchSpec {
            path: Some(ValueMatchSpec {
                kind: Some(kind),
                value: Some(self.value.clone()),
            }),
            ..MatchSpec::default()
        }
    }
}

/// The paths that can be carried over; the others are remarked upon.
pub(super) fn of_ingress(
    manifests: &Manifests,
    ingress: &Object<Ingress>,
    remarks: &mut Report,
) -> Vec<Location> {
    let Some(spec) = &ingress.value.spec else {
        return Vec::new();
    };
    beside_rules(ingress, spec, remarks);
    let mut locations = Vec::new();
    for (index, rule) in spec.rules.iter().flatten().enumerate() {
        let paths = rule.http.iter().flat_map(|http| &http.paths);
        for (number, one) in paths.enumerate() {
            let path = format!("spec.rules[{index}].http.paths[{number}]");
            let host = rule.host.clone().filter(|host| !host.is_empty());
            match location(manifests, ingress, host, one, path.clone()) {
                Ok(found) => locations.push(found),
                Err(message) => {
                    let message = format!("not carried over: {message}");
                    remarks.ignore(&ingress.document, &path, Severity::Error, message);
                }
            }
        }
    }
    let of_nginx = |one: &&Location| one.path_type == "ImplementationSpecific" && one.value != "/";
    for one in locations.iter().filter(of_nginx) {
        let message = format!(
            "{} as a prefix in whole segments; ingress-nginx compares characters",
            one.value
        );
        remarks.ignore(&ingress.document, &one.path, Severity::Note, message);
    }
    locations
}

/// What is not in a rule.
fn beside_rules(ingress: &Object<Ingress>, spec: &IngressSpec, remarks: &mut Report) {
    if spec.default_backend.is_some() {
        let message = "not carried over: a Gateway has no default backend";
        remarks.ignore(
            &ingress.document,
            "spec.defaultBackend",
            Severity::Warning,
            message.to_owned(),
        );
    }
    for (index, tls) in spec.tls.iter().flatten().enumerate() {
        let hosts = tls.hosts.clone().unwrap_or_default().join(", ");
        let message = format!(
            "TLS is the business of the Gateway's listeners: Secret {} for {hosts}",
            tls.secret_name
                .as_deref()
                .unwrap_or("of its default certificate"),
        );
        let path = format!("spec.tls[{index}]");
        remarks.ignore(&ingress.document, &path, Severity::Note, message);
    }
}

fn location(
    manifests: &Manifests,
    ingress: &Object<Ingress>,
    host: Option<String>,
    one: &HTTPIngressPath,
    path: String,
) -> Result<Location, String> {
    let value = one.path.clone().filter(|value| !value.is_empty());
    let value = value.unwrap_or_else(|| "/".to_owned());
    validate::path(&value).map_err(|reason| format!("`{value}`: {reason}"))?;
    // With `use-regex` and `rewrite-target` ingress-nginx takes paths for patterns.
    if one.path_type != "Exact" && value.contains(['(', ')', '*', '+', '$']) {
        return Err(format!("`{value}`: a regular expression"));
    }
    let namespace = ingress.document.namespace();
    Ok(Location {
        host,
        path_type: one.path_type.clone(),
        value,
        backend: backend(manifests, namespace, &one.backend)?,
        path,
    })
}

fn backend(
    manifests: &Manifests,
    namespace: &str,
    backend: &IngressBackend,
) -> Result<BackendRefSpec, String> {
    let Some(service) = &backend.service else {
        let resource = backend.resource.as_ref();
        let kind = resource.map_or("nothing", |resource| &resource.kind);
        return Err(format!("a backend of kind {kind}"));
    };
    let port = service.port.clone().unwrap_or_default();
    let port = match port.name.filter(|name| !name.is_empty()) {
        None => port.number,
        Some(name) => {
            let key = (namespace.to_owned(), service.name.clone());
            let found = manifests.services.get(&key);
            let spec = found.and_then(|found| found.value.spec.as_ref());
            let mut ports = spec
                .and_then(|spec| spec.ports.as_ref())
                .into_iter()
                .flatten();
            let port = ports.find(|one| one.name.as_ref() == Some(&name));
            let port = port.ok_or_else(|| {
                format!(
                    "Service {namespace}/{} with a port `{name}` is not among the manifests",
                    service.name
                )
            })?;
            Some(port.port)
        }
    };
    let port = port.and_then(|port| u16::try_from(port).ok());
    let port = port.ok_or_else(|| format!("Service {} without a port", service.name))?;
    Ok(BackendRefSpec {
        group: None,
        kind: None,
        name: service.name.clone(),
        namespace: None,
        port: Some(port),
        weight: None,
        filters: Vec::new(),
        invalid: None,
    })
}
