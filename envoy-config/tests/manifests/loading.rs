//! What an API server would refuse, at its line and column.

use super::{OPEN, bundled, http_route, lines};
use gateway_bundle::{Manifests, load};
use std::path::PathBuf;

/// The errors of a text, a line each.
#[track_caller]
fn errors(text: &str) -> Vec<String> {
    let errors = Manifests::parse("m.yaml", text).expect_err("it is refused");
    errors.problems.iter().map(ToString::to_string).collect()
}

/// Of a route whose spec is this, without the part that is the same for all.
#[track_caller]
fn route_errors(spec: &str) -> Vec<String> {
    let start = "m.yaml:4:";
    let object = ": HTTPRoute infra/r: ";
    let errors = errors(&http_route("r", spec)).into_iter();
    let short = |line: String| {
        let (column, rest) = line
            .strip_prefix(start)
            .unwrap()
            .split_once(object)
            .unwrap();
        assert!(column.parse::<usize>().unwrap() > 1, "{line}");
        rest.to_owned()
    };
    errors.map(short).collect()
}

#[test]
fn an_unknown_field_is_named_with_its_place_and_what_was_meant() {
    let text = "\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: a
spec:
  rules:
  - matchs:
    - path: {value: /}
";
    assert_eq!(
        errors(text),
        [
            "m.yaml:7:5: HTTPRoute default/a: spec.rules[0].matchs: unknown field, expected one of \
          `backendRefs`, `filters`, `matches`, `name`, `retry`, `sessionPersistence`, `timeouts` \
          (did you mean `matches`?)"
        ]
    );
}

#[test]
fn a_wrong_type_is_named_with_its_place() {
    let text = "\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: a}
spec:
  rules:
  - backendRefs:
    - name: web
      port: \"8080\"
";
    assert_eq!(
        errors(text),
        [
            "m.yaml:8:7: HTTPRoute default/a: spec.rules[0].backendRefs[0].port: \
          invalid type: string \"8080\", expected i32"
        ]
    );
}

#[test]
fn an_unknown_value_of_an_enumeration_is_named() {
    assert_eq!(
        route_errors("{rules: [{matches: [{path: {type: Prefix, value: /}}]}]}"),
        [
            "spec.rules[0].matches[0].path.type: unknown variant `Prefix`, expected one of `Exact`, \
          `PathPrefix`, `RegularExpression`"
        ]
    );
}

#[test]
fn a_misspelled_field_is_not_reported_as_missing_too() {
    let listener = |name: &str| {
        format!(
            "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {{name: g}}\nspec:\n  \
             gatewayClassName: c\n  listeners: [{{{name}: http, port: 80, protocol: HTTP}}]\n"
        )
    };
    let misspelled = errors(&listener("nme"));
    assert_eq!(misspelled.len(), 1, "{misspelled:?}");
    assert!(
        misspelled[0].ends_with("(did you mean `name`?)"),
        "{misspelled:?}"
    );
    assert_eq!(errors(&listener("certainlyUnknown")).len(), 2);
}

#[test]
fn yaml_mistakes_have_a_place() {
    let indent = "apiVersion: v1\nkind: Service\n  metadata:\n    name: a\n";
    assert_eq!(
        errors(indent),
        [
            "m.yaml:3:11: not valid YAML: mapping values are not allowed in this context \
          (is this line indented as its neighbours are?)"
        ]
    );
    let tab = "apiVersion: v1\nkind: Service\nmetadata:\n\tname: a\n";
    let [error] = errors(tab).try_into().unwrap();
    assert!(error.starts_with("m.yaml:4:"), "{error}");
    assert!(
        error.ends_with("(YAML is indented with spaces, not tabs)"),
        "{error}"
    );
    let twice = "apiVersion: v1\nkind: Service\nmetadata:\n  name: a\n  name: b\n";
    assert_eq!(errors(twice), ["m.yaml:5:3: the key `name` appears twice"]);
}

#[test]
fn a_document_must_be_an_object_with_kind_and_name() {
    assert_eq!(
        errors("- a\n"),
        ["m.yaml:1:1: not a Kubernetes object: a mapping is expected"]
    );
    assert_eq!(errors("apiVersion: v1\n"), ["m.yaml:1:1: kind is missing"]);
    assert_eq!(
        errors("kind: Service\n"),
        ["m.yaml:1:1: apiVersion is missing"]
    );
    assert_eq!(
        errors("apiVersion: v1\nkind: Service\nmetadata:\n  labels: {}\n"),
        ["m.yaml:3:1: Service: metadata.name is missing"]
    );
    assert_eq!(
        errors("apiVersion: v1\nkind: Service\nmetadata:\n  name: 1\n"),
        ["m.yaml:4:3: Service: metadata.name must be a non-empty string"]
    );
}

#[test]
fn an_object_is_defined_once() {
    let service =
        "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{port: 1}]}\n";
    let twice = format!("{service}---\n{service}");
    assert_eq!(
        errors(&twice),
        ["m.yaml:6:1: Service default/a: defined twice, first at m.yaml:1"]
    );
}

#[test]
fn a_version_must_be_served() {
    let text = "apiVersion: gateway.networking.k8s.io/v2\nkind: HTTPRoute\nmetadata: {name: a}\n";
    assert_eq!(
        errors(text),
        [
            "m.yaml:1:1: HTTPRoute default/a: apiVersion: HTTPRoute has no version `v2`, only v1, v1beta1"
        ]
    );
}

#[test]
fn every_broken_object_is_told_at_once() {
    let text = [
        http_route("a", "{rulez: []}"),
        http_route("b", "{hostnames: [1]}"),
    ]
    .concat();
    assert_eq!(errors(&text).len(), 2);
}

#[test]
fn several_files_are_one_set_of_manifests() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("1.yaml"), folder.path().join("2.yaml"));
    std::fs::write(&first, OPEN).unwrap();
    let backends = "[{backendRefs: [{name: web, port: 8080}, {name: gone, port: 1}]}]";
    let spec = format!("{{parentRefs: [{{name: gw}}], rules: {backends}}}");
    std::fs::write(&second, http_route("r", &spec)).unwrap();
    let bundle = gateway_bundle::bundle(&load(&[first, second.clone()]).unwrap());
    assert_eq!(bundle.gateways[0].backends.len(), 1);
    let [entry] = bundle.report.entries.as_slice() else {
        panic!("{}", bundle.report)
    };
    assert_eq!(
        (entry.file.as_str(), entry.line),
        (second.to_str().unwrap(), 4)
    );
}

#[test]
fn no_text_makes_it_panic() {
    let spec = "{parentRefs: [{name: gw}], rules: [{matches: [{path: {value: /ä}}]}]}";
    let text = [OPEN, &http_route("r", spec)].concat();
    let ends: Vec<usize> = text.char_indices().map(|(index, _)| index).collect();
    for end in ends {
        let (before, after) = text.split_at(end);
        for changed in [
            before.to_owned(),
            format!("{before}\t{after}"),
            format!("{before}: [{after}"),
        ] {
            if let Ok(manifests) = Manifests::parse("m.yaml", &changed) {
                let bundle = gateway_bundle::bundle(&manifests);
                assert!(bundle.gateways.len() <= 1, "{changed}");
            }
        }
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let errors = load(&[PathBuf::from("/no/such/file.yaml")]).unwrap_err();
    let line = errors.problems[0].to_string();
    assert!(
        line.starts_with("/no/such/file.yaml: No such file"),
        "{line}"
    );
}

#[test]
fn values_out_of_bounds_are_refused() {
    for (spec, expected) in [
        (
            "{hostnames: [10.0.0.1]}",
            "spec.hostnames[0]: `10.0.0.1`: not a hostname: neither addresses nor ports are allowed",
        ),
        (
            "{hostnames: [a.*.com]}",
            "spec.hostnames[0]: `a.*.com`: a `*` may only be the whole first label of a hostname, where one is allowed",
        ),
        ("{rules: []}", "spec.rules: must not be empty"),
        (
            "{rules: [{matches: [{path: {value: a}}]}]}",
            "spec.rules[0].matches[0].path.value: `a`: a path starts with `/`",
        ),
        (
            "{rules: [{matches: [{path: {value: /a//b}}]}]}",
            "spec.rules[0].matches[0].path.value: `/a//b`: a path has no empty and no `.` or `..` segments: they never reach a match",
        ),
        (
            "{rules: [{matches: [{path: {type: RegularExpression, value: ''}}]}]}",
            "spec.rules[0].matches[0].path.value: ``: must not be empty",
        ),
        (
            "{rules: [{matches: [{headers: [{name: 'a b', value: c}]}]}]}",
            "spec.rules[0].matches[0].headers[0].name: `a b`: not a name: 1 to 256 letters, digits or !#$%&'*+-.^_`|~",
        ),
        (
            "{rules: [{backendRefs: [{name: a, port: 70000}]}]}",
            "spec.rules[0].backendRefs[0].port: 70000 is not within 1 and 65535",
        ),
        (
            "{rules: [{backendRefs: [{name: a, port: 1, weight: -1}]}]}",
            "spec.rules[0].backendRefs[0].weight: -1 is not within 0 and 1000000",
        ),
        (
            "{rules: [{backendRefs: [{name: a}]}]}",
            "spec.rules[0].backendRefs[0]: a reference to a Service needs a port",
        ),
        (
            "{rules: [{timeouts: {request: 1s, backendRequest: 2s}}]}",
            "spec.rules[0].timeouts: backendRequest must not be longer than request",
        ),
        (
            "{rules: [{filters: [{type: CORS}]}]}",
            "spec.rules[0].filters[0]: a filter of type CORS needs cors",
        ),
        (
            "{rules: [{filters: [{type: RequestRedirect, requestRedirect: {statusCode: 200}}]}]}",
            "spec.rules[0].filters[0].requestRedirect.statusCode: 200 is none of 301, 302, 303, 307, 308",
        ),
        (
            "{rules: [{filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: a, value: \"b\\r\\nc: d\"}]}}]}]}",
            "spec.rules[0].filters[0].requestHeaderModifier.set[0].value: `b\r\nc: d`: a header value has no line breaks and no NUL",
        ),
    ] {
        assert_eq!(route_errors(spec), [expected]);
    }
}

#[test]
fn filters_that_exclude_each_other_are_refused() {
    let redirect = "{type: RequestRedirect, requestRedirect: {scheme: https}}";
    let rewrite = "{type: URLRewrite, urlRewrite: {hostname: a.com}}";
    assert_eq!(
        route_errors(&format!(
            "{{rules: [{{filters: [{redirect}, {rewrite}]}}]}}"
        )),
        ["spec.rules[0].filters[1]: URLRewrite cannot go together with RequestRedirect"]
    );
    assert_eq!(
        route_errors(&format!("{{rules: [{{filters: [{rewrite}, {rewrite}]}}]}}")),
        ["spec.rules[0].filters[1]: a second filter of type URLRewrite"]
    );
    assert_eq!(
        route_errors(&format!(
            "{{rules: [{{filters: [{redirect}], backendRefs: [{{name: a, port: 1}}]}}]}}"
        )),
        ["spec.rules[0].filters[0]: RequestRedirect cannot go together with backendRefs"]
    );
    let prefix =
        "{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /}}}";
    assert_eq!(
        route_errors(&format!(
            "{{rules: [{{matches: [{{path: {{type: Exact, value: /}}}}], filters: [{prefix}]}}]}}"
        )),
        [
            "spec.rules[0].filters[0].urlRewrite.path: ReplacePrefixMatch needs exactly one match, of type PathPrefix"
        ]
    );
}

#[test]
fn other_kinds_are_named_and_left_alone() {
    let bundle = bundled(&[
        OPEN,
        "apiVersion: gateway.envoyproxy.io/v1alpha1\nkind: SecurityPolicy\n\
         metadata: {name: p}\nspec: {anything: 1}\n---\n",
        "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w}\n",
    ]);
    assert_eq!(
        lines(&bundle),
        [
            "m.yaml:15: SecurityPolicy default/p: left to Envoy",
            "m.yaml:20: Widget default/w: ignored: the kind example.com/Widget is not known",
        ]
    );
}
