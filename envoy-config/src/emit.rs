//! What is written: the manifests that Envoy Gateway reads, and those that take the place of Ingress
//! objects.

pub(crate) mod kustomization;
pub(crate) mod migration;
mod yaml;
