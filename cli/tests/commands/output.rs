//! Results and errors: documents for programs, closed pipes, `--quiet`.

use super::*;

#[test]
fn errors_are_a_document_as_well() {
    let folder = folder();
    let wrong = ROUTE
        .replace("backendRefs", "backendRef")
        .replace("spec: {ports", "spec: {prts");
    fs::write(folder.path().join("routes/route.yaml"), wrong).unwrap();
    let args = [&["explain", "-f", ".", "-o", "json"], &REQUEST[..]].concat();
    let rejected = gwf(folder.path(), &args);
    assert_eq!(rejected.status.code(), Some(2));
    let document = json(&rejected);
    assert_documented("error", &document);
    let errors = document["errors"].as_array().unwrap();
    let places: Vec<_> = errors
        .iter()
        .map(|error| (error["file"].as_str().unwrap(), error["line"].as_u64()))
        .collect();
    let file = "./routes/route.yaml";
    assert_eq!(places, [(file, Some(4)), (file, Some(12))]);
    let message = errors[1]["message"].as_str().unwrap();
    assert!(
        message.contains("spec.rules[0].backendRef: unknown field"),
        "{message}"
    );

    let unknown = [
        &[
            "explain",
            "-f",
            "gateway.yaml",
            "--gateway",
            "a/b",
            "-o",
            "json",
        ],
        &REQUEST[..],
    ];
    let document = json(&gwf(folder.path(), &unknown.concat()));
    let message = document["errors"][0]["message"].as_str().unwrap();
    assert_eq!(
        message,
        "--gateway a/b: the manifests have no such Gateway; they have infra/gw"
    );

    let replayed = gwf(folder.path(), &["replay", "none", "-o", "json"]);
    assert_eq!(replayed.status.code(), Some(2));
    assert_documented("error", &json(&replayed));
}

#[test]
fn serve_reports_its_errors_as_an_event() {
    let folder = folder();
    let args = ["serve", "-f", "gateway.yaml", "-o", "json"];
    let mut serve = command(folder.path(), &args);
    let output = serve.env("GWF_ENVOY", "/no/such/envoy").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let event = json(&output);
    assert_eq!(event["event"], "failed");
    assert_documented("serve", &event);
    let message = event["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("/no/such/envoy"), "{message}");
}

#[test]
fn what_is_not_carried_over_is_a_sarif_log() {
    let folder = folder();
    let policy = "apiVersion: gateway.envoyproxy.io/v1alpha1\nkind: SecurityPolicy\n\
        metadata: {name: s, namespace: infra}\nspec:\n  targetRefs:\n  \
        - {group: gateway.networking.k8s.io, kind: HTTPRoute, name: r}\n  cors: {allowOrigins: [\"*\"]}\n";
    fs::write(folder.path().join("policy.yaml"), policy).unwrap();
    let output = gwf(folder.path(), &["bundle", "-f", ".", "-o", "sarif"]);
    assert_eq!(output.status.code(), Some(1));
    let log = json(&output);
    assert_eq!(log["version"], "2.1.0");
    let result = &log["runs"][0]["results"][0];
    assert_eq!(
        (&result["ruleId"], &result["level"]),
        (&"TargetNotFound".into(), &"error".into())
    );
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "./policy.yaml");
    assert_eq!(place["region"]["startLine"], 4);

    fs::write(folder.path().join("policy.yaml"), "a: [").unwrap();
    let output = gwf(folder.path(), &["bundle", "-f", ".", "-o", "sarif"]);
    assert_eq!(output.status.code(), Some(2));
    let result = &json(&output)["runs"][0]["results"][0];
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "./policy.yaml");
}

#[test]
fn objects_are_a_list_in_json() {
    let folder = folder();
    let bundled = json(&gwf(folder.path(), &["bundle", "-f", ".", "-o", "json"]));
    assert_eq!(bundled["kind"], "List");
    let items = bundled["items"].as_array().unwrap();
    assert!(
        items
            .iter()
            .any(|item| item["kind"] == "EnvoyExtensionPolicy")
    );
    let both = gwf(
        folder.path(),
        &["bundle", "-f", ".", "-o", "json", "--output-dir", "out"],
    );
    assert_eq!(both.status.code(), Some(2));
    assert!(!folder.path().join("out").exists());
}

#[test]
fn whoever_closes_the_pipe_has_seen_enough() {
    let folder = folder();
    let mut child = command(folder.path(), &["bundle", "-f", "."])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(
        !text(&output.stderr).contains("pipe"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn quiet_leaves_errors_only() {
    let (folder, out) = (folder(), tempfile::tempdir().unwrap());
    let write = [
        "bundle",
        "-f",
        ".",
        "--output-dir",
        out.path().to_str().unwrap(),
    ];
    let loud = gwf(folder.path(), &write);
    assert!(text(&loud.stderr).contains("placeholder"));
    let quiet = gwf(folder.path(), &[&write[..], &["--quiet"]].concat());
    assert_eq!(
        (quiet.status.code(), text(&quiet.stderr)),
        (Some(0), String::new())
    );
    let error = gwf(folder.path(), &["-q", "bundle", "-f", "none.yaml"]);
    assert_eq!(error.status.code(), Some(2));
    assert!(text(&error.stderr).contains("none.yaml"));
}

#[test]
fn a_replay_is_documented() {
    let folder = folder();
    fs::write(
        folder.path().join("cases.yaml"),
        "name: t\ngateway: {namespace: infra, name: gw}\ncases:\n\
         - {name: right, request: {path: /}, response: {statusCodes: [200]}}\n\
         - {name: wrong, request: {path: /}, response: {statusCodes: [299]}}\n",
    )
    .unwrap();
    fs::write(
        folder.path().join("manifests.yaml"),
        format!("{GATEWAY}---\n{ROUTE}"),
    )
    .unwrap();
    let replayed = gwf(
        folder.path(),
        &["replay", ".", "-o", "json", "--host", "core,wasmtime"],
    );
    assert_eq!(replayed.status.code(), Some(1));
    let document = json(&replayed);
    assert_eq!(
        (&document["passed"], &document["failed"]),
        (&1.into(), &1.into())
    );
    assert_documented("replay", &document);
}
