//! How the files and objects of a Gateway are named.

use crate::load::{ENVOY_GATEWAY, GATEWAY_API};
use crate::resolve::model::GatewayBundle;

/// The folder of a Gateway, and how the names of its objects in a namespace start.
pub(super) fn folder(gateway: &GatewayBundle) -> String {
    format!("{}-{}", gateway.namespace, gateway.name)
}

pub(super) fn prefix(gateway: &GatewayBundle, namespace: &str) -> String {
    match gateway.namespace == namespace {
        true => gateway.name.clone(),
        false => folder(gateway),
    }
}

pub(super) fn gateway_api(version: &str) -> String {
    format!("{GATEWAY_API}/{version}")
}

pub(super) fn envoy_gateway() -> String {
    format!("{ENVOY_GATEWAY}/v1alpha1")
}

/// Where the entry is.
pub(super) fn entry_file(gateway: &GatewayBundle) -> String {
    format!("{}/entry.yaml", folder(gateway))
}
