//! Manifests and cases with mistakes, and hosts that are not there.

use super::*;

#[test]
fn mistakes_in_manifests_are_told_with_line_and_field() {
    for (right, wrong, parts) in [
        (
            "gatewayClassName: c",
            "gatewayClasName: c",
            &[
                "manifests.yaml:5:3: Gateway n/g: spec.gatewayClasName: unknown field",
                "did you mean `gatewayClassName`?",
            ][..],
        ),
        (
            "port: 80,",
            "port: eighty,",
            &[
                "manifests.yaml:7:20: Gateway n/g: spec.listeners[0].port: invalid type: string \"eighty\"",
            ],
        ),
        (
            "    - name: g",
            "   - nme: g",
            &["manifests.yaml:14:6: HTTPRoute n/r: spec.parentRefs[0].nme: unknown field"],
        ),
        (
            "    - name: g",
            "    - name: g\n     namespace: n",
            &["manifests.yaml:15:", "not valid YAML", "indented"],
        ),
        (
            "  rules:",
            "\trules:",
            &[
                "manifests.yaml:14:13: ",
                "YAML is indented with spaces, not tabs",
            ],
        ),
        (
            "kind: HTTPRoute",
            "kind: HTTPRoute\nkind: GRPCRoute",
            &["manifests.yaml:11:1", "the key `kind` appears twice"],
        ),
        (
            "kind: HTTPRoute\nmetadata: {namespace: n, name: r}",
            "kind: HTTPRoute",
            &["manifests.yaml:", "metadata"],
        ),
        (
            "port: 80,",
            "port: 80000,",
            &[
                "manifests.yaml:7:20: Gateway n/g: spec.listeners[0].port",
                "65535",
            ],
        ),
    ] {
        assert!(MANIFESTS.contains(right), "{right}");
        let told = Input::new(&MANIFESTS.replacen(right, wrong, 1), CASES).replay(&[]);
        told.refused(parts);
    }
}

#[test]
fn several_mistakes_are_told_together() {
    let manifests = MANIFESTS.replace("port: 80", "prt: 80");
    let told = Input::new(&manifests, CASES).replay(&[]);
    assert_eq!(told.status, Some(2));
    for line in [
        "manifests.yaml:7:20:",
        "manifests.yaml:17:21:",
        "manifests.yaml:23:12:",
    ] {
        assert_eq!(
            told.err.matches(&format!("{line} ")).count(),
            1,
            "{}",
            told.err
        );
    }
}

#[test]
fn mistakes_in_cases_are_told_with_line_and_field() {
    for (right, wrong, parts) in [
        (
            "request: {path: /two}",
            "request: {pth: /two}",
            &["cases.yaml:9:15: cases[1].request.pth: unknown field `pth`"][..],
        ),
        (
            "[200]",
            "[ok]",
            &["cases.yaml:6:30: cases[0].response.statusCodes[0]: invalid u16"],
        ),
        (
            "    request: {path: /two}",
            "   request: {path: /two}",
            &["cases.yaml:9:4: "],
        ),
        (
            "    request: {path: /two}",
            "\trequest: {path: /two}",
            &["cases.yaml:8:11: ", "found a tab"],
        ),
        (
            "cases:",
            "tests:",
            &["cases.yaml:3:1: tests: unknown field `tests`"],
        ),
        ("name: T", "name: T\nname: U", &["cases.yaml:2:1: ", "name"]),
    ] {
        assert!(CASES.contains(right), "{right}");
        let told = Input::new(MANIFESTS, &CASES.replacen(right, wrong, 1)).replay(&[]);
        told.refused(parts);
    }
}

#[test]
fn a_gateway_that_is_not_there_is_told_once() {
    let told = Input::new(MANIFESTS, &CASES.replace("name: g}", "name: other}")).replay(&[]);
    told.failed(&["cases.yaml:4", "also    1 more in this scenario"]);
    let error =
        "manifests.yaml: there is no Gateway n/other with a listener for HTTP; there is n/g";
    assert_eq!(told.out.matches(error).count(), 1, "{}", told.out);
}

#[test]
fn a_failed_case_comes_with_what_the_manifests_were_refused_for() {
    let manifests = MANIFESTS.replace(
        "{name: s, port: 8080}",
        "{name: s, namespace: m, port: 8080}",
    );
    let refusal = "manifests.yaml:17: HTTPRoute n/r: ResolvedRefs=False RefNotPermitted";
    let input = Input::new(&manifests, CASES);
    input.replay(&[]).failed(&["manifests of T", refusal]);
    let passing = CASES.replace("[200]}\n    backend: s", "[500]}");
    let input = Input::new(&manifests, &passing);
    let quiet = input.replay(&[]);
    assert_eq!(quiet.status, Some(0), "{}", quiet.out);
    assert!(!quiet.out.contains(refusal), "{}", quiet.out);
    let verbose = input.replay(&["--verbose"]);
    assert!(verbose.out.contains(refusal), "{}", verbose.out);
}

#[test]
fn folders_without_scenario_are_refused() {
    let input = good();
    fs::remove_file(input.path("cases.yaml")).unwrap();
    input
        .replay(&[])
        .refused(&["no scenario in", "manifests.yaml and cases.yaml"]);
    fs::write(input.path("cases.yaml"), CASES).unwrap();
    fs::remove_file(input.path("manifests.yaml")).unwrap();
    input
        .replay(&[])
        .refused(&["cannot read manifests.yaml", "No such file"]);
    fs::write(input.path("manifests.yaml"), b"kind: \xff\n").unwrap();
    input.replay(&[]).refused(&["manifests.yaml", "UTF-8"]);
}

#[test]
fn an_envoy_that_is_none_is_told_once() {
    let input = good();
    let envoy = input.path("envoy");
    let output = Command::new(env!("CARGO_BIN_EXE_gwf"))
        .args(["replay", "--host", "envoy"])
        .arg(input.0.path())
        .env("GWF_ENVOY", &envoy)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let err = String::from_utf8_lossy(&output.stderr);
    let told = format!("{} is not an Envoy that runs here", envoy.display());
    assert_eq!(err.matches(&told).count(), 1, "{err}");
}
