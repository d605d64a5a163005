//! What an entry asks of a host, beyond answering requests.

use std::collections::BTreeSet;

use super::super::format::{Entry, Request, Trial};
use super::super::skip::Feature;

pub(super) fn features(entry: &Entry) -> BTreeSet<Feature> {
    let mut features = BTreeSet::new();
    let present = [
        (entry.websocket.is_some(), Feature::WebSocket),
        (entry.policy_status.is_some(), Feature::PolicyStatus),
        (entry.mirror_distribution.is_some(), Feature::Mirror),
        (!entry.mirrored_to.is_empty(), Feature::Mirror),
        (entry.backend_simulation.is_some(), Feature::TimeoutRetry),
        (!entry.metrics.is_empty(), Feature::Metrics),
        (entry.internal_redirect.is_some(), Feature::InternalRedirect),
        (entry.extension_effects.is_some(), Feature::ExtensionEffects),
    ];
    add(&mut features, present);
    let weighted = entry.weights.as_ref().map(|weights| &weights.request);
    let opened = entry.websocket.as_ref().map(|socket| &socket.request);
    for request in entry.request.iter().chain(weighted).chain(opened) {
        of_request(request, &mut features);
    }
    for nested in entry
        .grpc
        .iter()
        .map(AsRef::as_ref)
        .chain(entry.any_of.iter().flatten())
    {
        of_trial(nested, &mut features);
    }
    features
}

fn of_trial(trial: &Trial, features: &mut BTreeSet<Feature>) {
    let present = [
        (!trial.mirrored_to.is_empty(), Feature::Mirror),
        (trial.backend_simulation.is_some(), Feature::TimeoutRetry),
        (trial.internal_redirect.is_some(), Feature::InternalRedirect),
        (trial.extension_effects.is_some(), Feature::ExtensionEffects),
    ];
    add(features, present);
    if let Some(request) = &trial.request {
        of_request(request, features);
    }
    if let Some(nested) = &trial.grpc {
        of_trial(nested, features);
    }
}

fn of_request(request: &Request, features: &mut BTreeSet<Feature>) {
    let detected = request.effective_client.is_some();
    add(
        features,
        [
            (super::request::is_tls(request), Feature::Tls),
            (
                detected && request.effective_client != request.client_address,
                Feature::ClientAddressDetection,
            ),
        ],
    );
}

fn add<const N: usize>(features: &mut BTreeSet<Feature>, present: [(bool, Feature); N]) {
    let present = present.into_iter();
    features.extend(present.filter_map(|(is, feature)| is.then_some(feature)));
}
