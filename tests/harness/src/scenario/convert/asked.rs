//! What an entry asks of a host, beyond answering requests.

use std::collections::BTreeSet;

use super::super::format::Entry;
use super::super::skip::Feature;

pub(super) fn features(entry: &Entry) -> BTreeSet<Feature> {
    let mut features = BTreeSet::new();
    collect(entry, &mut features);
    features
}

fn collect(entry: &Entry, features: &mut BTreeSet<Feature>) {
    let present = [
        (entry.websocket.is_some(), Feature::WebSocket),
        (entry.policy_status.is_some(), Feature::PolicyStatus),
        (entry.mirror_distribution.is_some(), Feature::Mirror),
        (!entry.mirrored_to.is_empty(), Feature::Mirror),
        (entry.backend_simulation.is_some(), Feature::TimeoutRetry),
        (entry.backend_response.is_some(), Feature::BackendResponse),
        (entry.internal_redirect.is_some(), Feature::InternalRedirect),
        (entry.extension_effects.is_some(), Feature::ExtensionEffects),
    ];
    features.extend(
        present
            .into_iter()
            .filter_map(|(is, feature)| is.then_some(feature)),
    );
    let weighted = entry.weights.as_ref().map(|weights| &weights.request);
    for request in entry.request.iter().chain(weighted) {
        if super::request::is_tls(request) {
            features.insert(Feature::Tls);
        }
        if request.effective_client.is_some() && request.effective_client != request.client_address
        {
            features.insert(Feature::ClientAddressDetection);
        }
    }
    for nested in entry
        .grpc
        .iter()
        .map(AsRef::as_ref)
        .chain(entry.any_of.iter().flatten())
    {
        collect(nested, features);
    }
}
