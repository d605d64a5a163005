//! `gwf bundle`.

use super::*;

/// A Gateway, and a Service behind a route of it.
fn manifests() -> String {
    format!("{GATEWAY}---\n{ROUTE}")
}

fn bundle(folder: &Path, args: &[&str]) -> Output {
    gwf(folder, &[&["bundle"], args].concat())
}

#[test]
fn a_folder_is_written_and_differs_no_more() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("in")).unwrap();
    fs::write(folder.path().join("in/all.yaml"), manifests()).unwrap();
    let output = bundle(folder.path(), &["in", "--diff", "out"]);
    assert_eq!(output.status.code(), Some(1));
    let diff = text(&output.stdout);
    let new = "--- /dev/null\n+++ out/infra-gw/dispatch.yaml\n@@ -0,0 +1,";
    assert!(diff.contains(new), "{diff}");
    assert!(!folder.path().join("out").exists());

    let output = bundle(
        folder.path(),
        &["in", "--output-dir", "out", "--image", "oci://r/{name}:1"],
    );
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stderr), "out: 5 files, 5 changed\n");
    let same = ["in", "--diff", "out", "--image", "oci://r/{name}:1"];
    let output = bundle(folder.path(), &same);
    assert_eq!(
        (output.status.code(), text(&output.stdout)),
        (Some(0), String::new())
    );
    let filters = fs::read_to_string(folder.path().join("out/infra-gw/filters.yaml")).unwrap();
    assert!(filters.contains("url: \"r/gateway:1\""), "{filters}");
}

#[test]
fn a_placeholder_for_the_modules_is_told() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("all.yaml"), manifests()).unwrap();
    let output = bundle(folder.path(), &["all.yaml"]);
    assert_eq!(output.status.code(), Some(0));
    let told = text(&output.stderr);
    assert!(
        told.starts_with("the source of the module is a placeholder"),
        "{told}"
    );
}

#[test]
fn a_mistake_in_the_manifests_writes_nothing_and_has_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let planted = [
        (
            manifests().replace("backendRefs", "backendRef"),
            "m.yaml:19:",
        ),
        (manifests().replace("port: 80,", "port: 0,"), "m.yaml:6:"),
        (manifests().replace("[{name: gw}]", "[name: gw"), "m.yaml:1"),
    ];
    for (manifests, place) in planted {
        fs::write(folder.path().join("m.yaml"), &manifests).unwrap();
        let output = bundle(folder.path(), &["m.yaml", "--output-dir", "out"]);
        let told = text(&output.stderr);
        assert!(told.contains(place), "{place}: {told}");
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(!folder.path().join("out").exists());
    }
    // It may be a kind that this cluster has.
    let manifests = manifests().replace("kind: Service", "kind: Servise");
    fs::write(folder.path().join("m.yaml"), manifests).unwrap();
    let output = bundle(folder.path(), &["m.yaml", "--output-dir", "out"]);
    let told = text(&output.stderr);
    assert!(
        told.contains("m.yaml:8: Servise infra/web: ignored"),
        "{told}"
    );
}

#[test]
fn what_is_not_carried_over_writes_nothing_unless_forced() {
    let folder = tempfile::tempdir().unwrap();
    let policy = "---\napiVersion: gateway.envoyproxy.io/v1alpha1\nkind: SecurityPolicy\n\
        metadata: {name: s, namespace: infra}\nspec:\n  targetRefs:\n  \
        - {group: gateway.networking.k8s.io, kind: HTTPRoute, name: r}\n  cors: {allowOrigins: [\"*\"]}\n";
    fs::write(folder.path().join("m.yaml"), manifests() + policy).unwrap();
    let output = bundle(folder.path(), &["m.yaml", "--output-dir", "out"]);
    assert_eq!(output.status.code(), Some(1));
    let told = text(&output.stderr);
    let line =
        "m.yaml:24: SecurityPolicy infra/s: Accepted=False TargetNotFound: HTTPRoute infra/r is";
    assert!(told.contains(line), "{told}");
    assert!(!folder.path().join("out").exists());
    let output = bundle(folder.path(), &["m.yaml", "--output-dir", "out", "--force"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(folder.path().join("out/kustomization.yaml").exists());
}

#[test]
fn ingresses_are_bundled_as_they_are_migrated() {
    let folder = tempfile::tempdir().unwrap();
    let manifests = manifests();
    let (gateway, _) = manifests.split_once("---\napiVersion: gateway").unwrap();
    let ingress = "---\napiVersion: networking.k8s.io/v1\nkind: Ingress\n\
        metadata: {name: i, namespace: infra}\nspec:\n  rules:\n  - host: a.example\n    http:\n      \
        paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 8080}}}}]\n";
    fs::write(folder.path().join("m.yaml"), format!("{gateway}{ingress}")).unwrap();
    let output = bundle(folder.path(), &["m.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let written = text(&output.stdout);
    assert!(written.contains("value: \"infra/web:8080\""), "{written}");
    assert!(!written.contains("kind: Ingress"));
}
