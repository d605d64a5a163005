//! How objects of each kind are checked.

use super::document::Document;
use super::kind::ObjectKind;
use super::policy::schema::{BackendTrafficPolicy, ClientTrafficPolicy, EnvoyExtensionPolicy};
use super::problem::Problem;
use super::route_filter::HTTPRouteFilter;
use super::{typed, validate};
use gateway_api::experimental::referencegrants;
use gateway_api::experimental::{gatewayclasses, gateways, grpcroutes, httproutes, listenersets};
use gateway_filter_sdk::route::spec::RouteKind;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Service};
use k8s_openapi::api::networking::v1::Ingress;

/// What an API server would say against the object: version, shape, then values.
pub(super) fn check(document: &Document) -> Vec<Problem> {
    let kind = document.object_kind();
    let versions = versions(kind);
    if !versions.is_empty() && !versions.contains(&document.version()) {
        let message = format!(
            "{} has no version `{}`, only {}",
            document.kind(),
            document.version(),
            versions.join(", ")
        );
        return vec![*document.problem("apiVersion", message)];
    }
    let mut problems = match kind {
        ObjectKind::GatewayClass => typed::check::<gatewayclasses::GatewayClass>(document),
        ObjectKind::Gateway => typed::check::<gateways::Gateway>(document),
        ObjectKind::ListenerSet => typed::check::<listenersets::ListenerSet>(document),
        ObjectKind::Route(RouteKind::HTTPRoute) => typed::check::<httproutes::HttpRoute>(document),
        ObjectKind::Route(RouteKind::GRPCRoute) => typed::check::<grpcroutes::GrpcRoute>(document),
        ObjectKind::ReferenceGrant => typed::check::<referencegrants::ReferenceGrant>(document),
        ObjectKind::HTTPRouteFilter => typed::check::<HTTPRouteFilter>(document),
        ObjectKind::BackendTrafficPolicy => typed::check::<BackendTrafficPolicy>(document),
        ObjectKind::ClientTrafficPolicy => typed::check::<ClientTrafficPolicy>(document),
        ObjectKind::EnvoyExtensionPolicy => typed::check::<EnvoyExtensionPolicy>(document),
        ObjectKind::Ingress => typed::check::<Ingress>(document),
        ObjectKind::Service => typed::check::<Service>(document),
        ObjectKind::ConfigMap => typed::check::<ConfigMap>(document),
        ObjectKind::Namespace => typed::check::<Namespace>(document),
        ObjectKind::SecurityPolicy | ObjectKind::Kept | ObjectKind::Unknown => Vec::new(),
    };
    if problems.is_empty() {
        problems = validate::check(document, kind);
    }
    problems
}

/// The served versions; empty where any will do.
fn versions(kind: ObjectKind) -> &'static [&'static str] {
    match kind {
        ObjectKind::GatewayClass
        | ObjectKind::Gateway
        | ObjectKind::Route(RouteKind::HTTPRoute)
        | ObjectKind::ReferenceGrant => &["v1", "v1beta1"],
        ObjectKind::HTTPRouteFilter
        | ObjectKind::BackendTrafficPolicy
        | ObjectKind::ClientTrafficPolicy
        | ObjectKind::EnvoyExtensionPolicy => &["v1alpha1"],
        ObjectKind::ListenerSet
        | ObjectKind::Route(RouteKind::GRPCRoute)
        | ObjectKind::Ingress
        | ObjectKind::Service
        | ObjectKind::ConfigMap
        | ObjectKind::Namespace => &["v1"],
        ObjectKind::SecurityPolicy | ObjectKind::Kept | ObjectKind::Unknown => &[],
    }
}
