//! What is written: the manifests that Envoy Gateway reads, and those that take the place of Ingress
//! objects.

pub(crate) mod ingress;
pub(crate) mod kustomization;
