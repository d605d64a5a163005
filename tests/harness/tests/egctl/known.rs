//! What is not as manifests ask, and is meant to be so.

use std::collections::BTreeSet;

/// Who says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    Both,
    EnvoyGateway,
    /// This project's report.
    Report,
}

use By::{Both, EnvoyGateway, Report};

/// By source, the conditions of its objects, and who says so.
const KNOWN: &[(&str, &[(By, &str)])] = &[
    (
        "docs/canary.md, example 1",
        &[
            // The canary filter alone, on native routes, which `gwf bundle` does not write.
            (
                Report,
                "EnvoyExtensionPolicy default/checkout-canary: Accepted=False Invalid",
            ),
        ],
    ),
    (
        "cli/tests/explain",
        &[
            (
                Both,
                "BackendTrafficPolicy shop/broken: Accepted=False Invalid",
            ),
            (
                Both,
                "HTTPRoute shop/broken: ResolvedRefs=False UnsupportedValue",
            ),
            (
                Both,
                "HTTPRoute shop/wide: ResolvedRefs=False RefNotPermitted",
            ),
            // A rule in the shadow of another, which is to be explained.
            (
                EnvoyGateway,
                "HTTPRoute shop/catalogue: RouteRulesOverlap=True RouteRulesOverlap",
            ),
            (
                EnvoyGateway,
                "HTTPRoute shop/legacy: RouteRulesOverlap=True RouteRulesOverlap",
            ),
        ],
    ),
    (
        "tests/scenarios/black-hole",
        &[
            (
                Both,
                "HTTPRoute default/hole: ResolvedRefs=False BackendNotFound",
            ),
            (
                Both,
                "HTTPRoute default/hole: ResolvedRefs=False InvalidKind",
            ),
            // A reason of Envoy Gateway's own for a Service that lacks the port; the Gateway API has none.
            (
                EnvoyGateway,
                "HTTPRoute default/hole: ResolvedRefs=False PortNotFound",
            ),
        ],
    ),
    (
        "tests/scenarios/cross-namespace",
        &[
            (
                Both,
                "HTTPRoute other/refused: Accepted=False NotAllowedByListeners",
            ),
            (
                Both,
                "HTTPRoute team/allowed: ResolvedRefs=False RefNotPermitted",
            ),
            // The report does not look at the references of a route that is attached to nothing.
            (
                EnvoyGateway,
                "HTTPRoute other/refused: ResolvedRefs=False RefNotPermitted",
            ),
            // The listener takes the route by a label of its namespace, which egctl drops.
            (
                EnvoyGateway,
                "HTTPRoute team/allowed: Accepted=False NotAllowedByListeners",
            ),
        ],
    ),
    (
        "the bundle of tests/scenarios/cross-namespace",
        &[
            // As above.
            (
                EnvoyGateway,
                "HTTPRoute team/default-example-dispatch: Accepted=False NotAllowedByListeners",
            ),
            (
                EnvoyGateway,
                "HTTPRoute team/default-example-entry: Accepted=False NotAllowedByListeners",
            ),
        ],
    ),
    (
        "tests/scenarios/grpc-method-routing",
        &[(
            Both,
            "GRPCRoute default/methods: ResolvedRefs=False BackendNotFound",
        )],
    ),
    (
        "tests/scenarios/httproute-filter",
        &[(
            Both,
            "HTTPRoute default/filters: ResolvedRefs=False UnsupportedValue",
        )],
    ),
    (
        "tests/scenarios/https-listeners",
        &[
            // Hosts that several listeners could serve, which the scenario is about.
            (
                EnvoyGateway,
                "Gateway default/example: OverlappingTLSConfig=True OverlappingCertificates",
            ),
            (
                EnvoyGateway,
                "Gateway default/example: OverlappingTLSConfig=True OverlappingHostnames",
            ),
        ],
    ),
    (
        "the bundle of tests/scenarios/https-listeners",
        &[
            // As above.
            (
                EnvoyGateway,
                "Gateway default/example: OverlappingTLSConfig=True OverlappingCertificates",
            ),
            (
                EnvoyGateway,
                "Gateway default/example: OverlappingTLSConfig=True OverlappingHostnames",
            ),
        ],
    ),
    (
        "tests/scenarios/priority",
        &[
            // Equal matches, which the scenario is about. For Envoy Gateway that is worth a remark.
            (
                EnvoyGateway,
                "HTTPRoute default/b-young: RouteRulesOverlap=True RouteRulesOverlap",
            ),
            (
                EnvoyGateway,
                "HTTPRoute default/c-old: RouteRulesOverlap=True RouteRulesOverlap",
            ),
            (
                EnvoyGateway,
                "HTTPRoute default/name-alpha: RouteRulesOverlap=True RouteRulesOverlap",
            ),
            (
                EnvoyGateway,
                "HTTPRoute default/name-beta: RouteRulesOverlap=True RouteRulesOverlap",
            ),
        ],
    ),
    (
        "tests/scenarios/rate-limit-policies",
        &[
            (
                Both,
                "BackendTrafficPolicy default/broken: Accepted=False Invalid",
            ),
            (
                Both,
                "BackendTrafficPolicy default/json: Merged=True Merged",
            ),
            (
                Both,
                "BackendTrafficPolicy default/of-gateway: Merged=True Merged",
            ),
            (
                Both,
                "BackendTrafficPolicy default/of-gateway: Overridden=True Overridden",
            ),
            (
                Both,
                "BackendTrafficPolicy default/of-listener: Overridden=True Overridden",
            ),
            (
                Both,
                "BackendTrafficPolicy default/of-route: Overridden=True Overridden",
            ),
            (
                Both,
                "BackendTrafficPolicy default/strategic: Merged=True Merged",
            ),
        ],
    ),
    (
        "the bundle of tests/scenarios/rate-limit-policies",
        &[
            // By the policy of a listener, which takes the same headers off.
            (
                EnvoyGateway,
                "ClientTrafficPolicy default/example-owned-headers: Overridden=True Overridden",
            ),
        ],
    ),
    (
        "tests/scenarios/traffic-splitting",
        &[(
            Both,
            "HTTPRoute default/split: ResolvedRefs=False BackendNotFound",
        )],
    ),
];

/// The conditions of a source that Envoy Gateway or the report is to tell.
pub(crate) fn expected(source: &str, from: By) -> BTreeSet<String> {
    let of_source = KNOWN.iter().filter(|(name, _)| *name == source);
    let told = of_source.flat_map(|(_, conditions)| *conditions);
    let told = told.filter(|(by, _)| *by == Both || *by == from);
    told.map(|(_, condition)| (*condition).to_owned()).collect()
}

/// The sources of which something is known.
pub(crate) fn sources() -> impl Iterator<Item = &'static str> {
    KNOWN.iter().map(|(source, _)| *source)
}
