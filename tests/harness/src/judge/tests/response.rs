use super::*;
use crate::scenario::model::SetCookie;

#[test]
fn headers_are_joined_and_named_in_any_case() {
    let expected = Expected {
        headers: map(&[("X-Add", "a,b")]),
        ..expected()
    };
    let two = answer(200, &[("x-add", "a"), ("x-add", "b"), ("x-other", "c")]);
    both(
        &expected,
        &two,
        &answer(200, &[("x-add", "a, b")]),
        "response.headers.X-Add: a,b / a, b",
    );
    assert_eq!(
        judged(&expected, &answer(200, &[])),
        ["response.headers.X-Add: a,b / (absent)"]
    );
}

#[test]
fn only_the_first_line_counts_if_the_case_says_so() {
    let expected = Expected {
        headers: map(&[("x", "a")]),
        first_header_value_only: true,
        ..expected()
    };
    let reversed = answer(200, &[("x", "b"), ("x", "a")]);
    both(
        &expected,
        &answer(200, &[("x", "a"), ("x", "b")]),
        &reversed,
        "response.headers.x: a / b",
    );
}

#[test]
fn one_of_the_valid_values_fits() {
    let valid = BTreeMap::from([("m".to_owned(), vec!["GET".to_owned(), "*".to_owned()])]);
    let expected = Expected {
        valid_header_values: valid,
        ..expected()
    };
    both(
        &expected,
        &answer(200, &[("m", "*")]),
        &answer(200, &[("m", "PUT")]),
        "response.headers.m: GET or * / PUT",
    );
}

#[test]
fn spaces_count_unless_the_case_says_otherwise() {
    let valid = BTreeMap::from([("m".to_owned(), vec!["a, b".to_owned()])]);
    let strict = Expected {
        valid_header_values: valid,
        ..expected()
    };
    let lenient = Expected {
        ignore_whitespace: true,
        ..strict.clone()
    };
    let tight = answer(200, &[("m", "a,b")]);
    assert_eq!(judged(&lenient, &tight), Vec::<String>::new());
    assert_eq!(judged(&strict, &tight), ["response.headers.m: a, b / a,b"]);
}

#[test]
fn absent_headers_must_be_absent() {
    let expected = Expected {
        absent_headers: vec!["X-Gone".to_owned()],
        ..expected()
    };
    both(
        &expected,
        &answer(200, &[]),
        &answer(200, &[("x-gone", "1")]),
        "response.headers.X-Gone: (absent) / 1",
    );
}

#[test]
fn all_that_is_stated_counts_whatever_the_status() {
    let expected = Expected {
        status: Status::Http(vec![401]),
        headers: map(&[("x-why", "expired")]),
        absent_headers: vec!["x-user".to_owned()],
        body: Some("Jwt is expired".to_owned()),
        redirect: Some(Redirect {
            scheme: None,
            host: None,
            ports: None,
            path: Some("/login".to_owned()),
        }),
        request: Some(ExpectedRequest::default()),
        ..expected()
    };
    let fits = Answer {
        body: b"Jwt is expired".to_vec(),
        seen: Some(seen_by("v1")),
        ..answer(401, &[("x-why", "expired"), ("location", "/login")])
    };
    assert_eq!(judged(&expected, &fits), [""; 0]);
    let none = answer(401, &[("x-user", "mike")]);
    assert_eq!(
        judged(&expected, &none),
        [
            "response.headers.x-why: expired / (absent)",
            "response.headers.x-user: (absent) / mike",
            "response.body: Jwt is expired / ",
            "expectedRequest: (a backend reached) / (the gateway)",
            "redirectRequest: (a Location) / (absent)",
        ]
    );
    assert_eq!(
        judged(&expected, &answer(403, &[])),
        ["status: 401 / 403"],
        "of another answer nothing is"
    );
}

#[test]
fn headers_may_be_asked_for_by_name_or_part() {
    let expected = Expected {
        headers_present: vec!["a".to_owned()],
        headers_contain: BTreeMap::from([("b".to_owned(), vec!["mid".to_owned()])]),
        ..expected()
    };
    let fits = answer(200, &[("a", ""), ("b", "a mid b")]);
    assert_eq!(judged(&expected, &fits), Vec::<String>::new());
    let fails = answer(200, &[("b", "none")]);
    assert_eq!(
        judged(&expected, &fails),
        [
            "response.headers.a: (present) / (absent)",
            "response.headers.b: (contains) mid / none"
        ]
    );
}

#[test]
fn cookies_may_be_asked_for() {
    let expected = Expected {
        cookies_present: vec!["s".to_owned()],
        ..expected()
    };
    let other = answer(200, &[("set-cookie", "ss=1")]);
    both(
        &expected,
        &answer(200, &[("set-cookie", "s=1; Path=/")]),
        &other,
        "response.cookies.s: (present) / (absent)",
    );
}

#[test]
fn attributes_of_a_cookie_are_compared_where_stated() {
    let cookie = SetCookie {
        name: "s".to_owned(),
        quoted: Some(true),
        attributes: BTreeMap::from([
            ("max-age", Some("10".to_owned())),
            ("httponly", Some(String::new())),
            ("domain", None),
        ]),
    };
    let expected = Expected {
        set_cookie: Some(cookie),
        ..expected()
    };
    let fits = answer(
        200,
        &[("set-cookie", "s=\"v\"; Max-Age=10; Path=/; HttpOnly")],
    );
    assert_eq!(judged(&expected, &fits), Vec::<String>::new());
    let fails = answer(200, &[("set-cookie", "s=v; Max-Age=9; Domain=d")]);
    assert_eq!(
        judged(&expected, &fails),
        [
            "response.cookies.s.value: (in quotes) / v",
            "response.cookies.s.domain: (absent) / d",
            "response.cookies.s.httponly:  / (absent)",
            "response.cookies.s.max-age: 10 / 9",
        ]
    );
    assert_eq!(cookie_value(&fits.headers, "s").as_deref(), Some("v"));
}

#[test]
fn the_body_is_compared_exactly() {
    let with = |body: &str| Answer {
        body: body.into(),
        ..answer(200, &[])
    };
    let exact = Expected {
        body: Some("a".to_owned()),
        ..expected()
    };
    both(&exact, &with("a"), &with("b"), "response.body: a / b");
    let other = Expected {
        body_not: vec!["a".to_owned()],
        ..expected()
    };
    both(
        &other,
        &with("b"),
        &with("a"),
        "response.body: (another text) / a",
    );
}
