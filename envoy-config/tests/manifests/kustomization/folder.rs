//! The objects as files: how large, in which, and beside what others wrote.

use super::{object, reported, written};
use crate::{OPEN, http_route, lines};
use gateway_bundle::{Kustomization, MOST_BYTES, Manifests, bundle};

#[test]
fn what_no_object_holds_is_parted_by_listener_and_then_refused() {
    let gateway = OPEN.replace(
        "- {name: http, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}",
        "- {name: a, port: 80, protocol: HTTP, hostname: a.example}\n  - {name: b, port: 80, protocol: HTTP, hostname: b.example}",
    );
    let long = "x".repeat(900);
    let routes = |listener: &str, count: usize| -> String {
        let route = |number: usize| {
            let rule = format!(
                "{{matches: [{{path: {{value: /{number}/{long}}}}}], backendRefs: [{{name: web, port: 8080}}]}}"
            );
            let spec =
                format!("{{parentRefs: [{{name: gw, sectionName: {listener}}}], rules: [{rule}]}}");
            http_route(&format!("{listener}{number}"), &spec)
        };
        (0..count).map(route).collect()
    };
    let parted = written(&[&gateway, &routes("a", 700), &routes("b", 700)]);
    assert_eq!(reported(&parted), [""; 0]);
    for section in ["a", "b"] {
        let name = format!("gw-filters-{section}");
        let part = object(&parted, "EnvoyExtensionPolicy", &name);
        assert_eq!(part["spec"]["targetRefs"][0]["sectionName"], section);
        let config = &part["spec"]["wasm"][0]["config"]["routes"];
        assert_eq!(config["routes"].as_array().unwrap().len(), 700);
        assert_eq!(config["listeners"].as_array().unwrap().len(), 1);
        assert!(part.to_string().len() <= MOST_BYTES);
    }

    let refused = written(&[&gateway, &routes("a", 1400)]);
    let [line] = reported(&refused).try_into().unwrap();
    assert!(
        line.starts_with("m.yaml:7: Gateway infra/gw: the EnvoyExtensionPolicy for listener infra/gw/a would have ")
            && line.contains("Kubernetes takes 1507328 (etcd's request limit)"),
        "{line}"
    );
}

#[test]
fn the_text_of_a_folder_is_stable_and_lists_its_files() {
    let route = http_route(
        "r",
        "{parentRefs: [{name: gw}], rules: [{backendRefs: [{name: web, port: 8080}]}]}",
    );
    let written = written(&[OPEN, &route]);
    let files = written.files();
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "infra-gw/dispatch.yaml",
            "infra-gw/entry.yaml",
            "infra-gw/filters.yaml",
            "kept.yaml",
            "kustomization.yaml"
        ]
    );
    for name in names.iter().filter(|name| **name != "kustomization.yaml") {
        assert!(files["kustomization.yaml"].contains(&format!("- {name}\n")));
    }
    assert_eq!(files, written_again(&written));
}

/// The same, read back.
fn written_again(written: &Kustomization) -> std::collections::BTreeMap<String, String> {
    let read = Manifests::parse("again.yaml", &written.yaml()).unwrap();
    assert_eq!(lines(&bundle(&read)), [""; 0]);
    written.files()
}

#[test]
fn a_folder_is_compared_and_replaced_and_keeps_what_others_wrote() {
    let folder = tempfile::tempdir().unwrap();
    let with = |backends: &str| {
        let spec = format!("{{parentRefs: [{{name: gw}}], rules: [{{{backends}}}]}}");
        written(&[OPEN, &http_route("r", &spec)])
    };
    let first = with("backendRefs: [{name: web, port: 8080}]");
    let changed = |written: &Kustomization| -> Vec<String> {
        let differences = written.differences(folder.path()).unwrap();
        differences.into_iter().map(|one| one.file).collect()
    };
    assert_eq!(changed(&first).len(), 5);
    first.write(folder.path()).unwrap();
    assert_eq!(changed(&first), [""; 0]);
    let notes = folder.path().join("notes.yaml");
    std::fs::write(&notes, "mine: true\n").unwrap();

    // In the place of one of its own, it writes nothing.
    let theirs = folder.path().join("policies.yaml");
    std::fs::write(&theirs, "mine: true\n").unwrap();
    let limits = "{targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: gw}], circuitBreaker: {}}";
    let policy = format!(
        "apiVersion: gateway.envoyproxy.io/v1alpha1\nkind: BackendTrafficPolicy\n\
         metadata: {{name: b, namespace: infra}}\nspec: {limits}\n---\n"
    );
    let spec = "{parentRefs: [{name: gw}], rules: [{backendRefs: [{name: web, port: 8080}]}]}";
    let third = written(&[OPEN, &http_route("r", spec), &policy]);
    let error = third.write(folder.path()).unwrap_err().to_string();
    assert!(
        error.ends_with("policies.yaml: not written by gwf bundle: it would be lost"),
        "{error}"
    );
    assert_eq!(std::fs::read_to_string(theirs).unwrap(), "mine: true\n");

    let second = with("");
    assert_eq!(
        changed(&second),
        [
            "infra-gw/dispatch.yaml",
            "infra-gw/entry.yaml",
            "infra-gw/filters.yaml",
            "kustomization.yaml"
        ]
    );
    second.write(folder.path()).unwrap();
    assert!(!folder.path().join("infra-gw/dispatch.yaml").exists());
    assert_eq!(std::fs::read_to_string(notes).unwrap(), "mine: true\n");
}
