//! Gateway API manifests in, filter configurations and Envoy Gateway manifests out.
