//! Headers, cookies and body of the answer.

use std::borrow::Cow;

use crate::exchange::{Answer, Headers};
use crate::scenario::model::{Expected, SetCookie};

use super::{ABSENT, Findings, header};

pub(super) fn compare(expected: &Expected, answer: &Answer, found: &mut Findings) {
    compare_values(expected, &answer.headers, found);
    header::compare_absent(
        "response.headers",
        &expected.absent_headers,
        &answer.headers,
        found,
    );
    for name in &expected.cookies_present {
        if cookie(&answer.headers, name).is_none() {
            found.add(format!("response.cookies.{name}"), "(present)", ABSENT);
        }
    }
    if let Some(wanted) = &expected.set_cookie {
        compare_cookie(wanted, &answer.headers, found);
    }
    let body = String::from_utf8_lossy(&answer.body);
    if let Some(wanted) = &expected.body {
        found.same("response.body", wanted, &body);
    }
    if expected.body_not.iter().any(|unwanted| *unwanted == body) {
        found.add("response.body", "(another text)", body);
    }
}

/// What came back over a WebSocket, message by message.
pub(super) fn compare_messages(expected: &Expected, answer: &Answer, found: &mut Findings) {
    for (number, wanted) in expected.messages.iter().enumerate() {
        let got = answer.messages.get(number);
        if got != Some(wanted) {
            let got = got.map_or_else(|| ABSENT.to_owned(), |got| format!("{got:?}"));
            found.add(
                format!("websocket.messages[{number}]"),
                format!("{wanted:?}"),
                got,
            );
        }
    }
}

fn compare_values(expected: &Expected, headers: &Headers, found: &mut Findings) {
    let field = |name: &str| format!("response.headers.{name}");
    let text = |name: &str| {
        if expected.first_header_value_only {
            header::first(headers, name)
        } else {
            header::joined(headers, name)
        }
    };
    let shown = |got: Option<String>| got.unwrap_or_else(|| ABSENT.to_owned());
    let same = |wanted: &str, got: &str| {
        if expected.ignore_whitespace {
            without_spaces(wanted) == without_spaces(got)
        } else {
            wanted == got
        }
    };
    for (name, wanted) in &expected.headers {
        let got = text(name);
        if !got.as_deref().is_some_and(|got| same(wanted, got)) {
            found.add(field(name), wanted, shown(got));
        }
    }
    for (name, wanted) in &expected.valid_header_values {
        let got = text(name);
        let valid = |got: &str| wanted.iter().any(|wanted| same(wanted, got));
        if !got.as_deref().is_some_and(valid) {
            found.add(field(name), wanted.join(" or "), shown(got));
        }
    }
    for name in &expected.headers_present {
        if text(name).is_none() {
            found.add(field(name), "(present)", ABSENT);
        }
    }
    for (name, parts) in &expected.headers_contain {
        let got = text(name);
        for part in parts {
            if !got.as_deref().is_some_and(|got| got.contains(part)) {
                found.add(
                    field(name),
                    format!("(contains) {part}"),
                    shown(got.clone()),
                );
            }
        }
    }
}

fn without_spaces(text: &str) -> Cow<'_, str> {
    if text.contains(' ') {
        Cow::Owned(text.replace(' ', ""))
    } else {
        Cow::Borrowed(text)
    }
}

/// The `Set-Cookie` line for a cookie: its value, and what follows the first semicolon.
fn cookie(headers: &Headers, name: &str) -> Option<(String, String)> {
    header::all(headers, "set-cookie")
        .into_iter()
        .find_map(|line| {
            let (pair, attributes) = line.split_once(';').unwrap_or((&line, ""));
            let (got, value) = pair.split_once('=')?;
            (got.trim() == name).then(|| (value.trim().to_owned(), attributes.to_owned()))
        })
}

/// The value that an answer gives a cookie, without the quotes around it.
pub(crate) fn cookie_value(headers: &Headers, name: &str) -> Option<String> {
    let (value, _) = cookie(headers, name)?;
    let unquoted = unquoted(&value).unwrap_or(&value);
    Some(unquoted.to_owned())
}

fn unquoted(value: &str) -> Option<&str> {
    value.strip_prefix('"')?.strip_suffix('"')
}

fn compare_cookie(wanted: &SetCookie, headers: &Headers, found: &mut Findings) {
    let field = |part: &str| format!("response.cookies.{}.{part}", wanted.name);
    let Some((value, attributes)) = cookie(headers, &wanted.name) else {
        found.add(
            format!("response.cookies.{}", wanted.name),
            "(present)",
            ABSENT,
        );
        return;
    };
    if wanted
        .quoted
        .is_some_and(|quoted| quoted != unquoted(&value).is_some())
    {
        let expected = if wanted.quoted == Some(true) {
            "(in quotes)"
        } else {
            "(without quotes)"
        };
        found.add(field("value"), expected, value);
    }
    for (name, expected) in &wanted.attributes {
        let got = attribute(&attributes, name);
        if got.as_deref() != expected.as_deref() {
            let shown = |value: Option<&str>| value.unwrap_or(ABSENT).to_owned();
            found.add(
                field(name),
                shown(expected.as_deref()),
                shown(got.as_deref()),
            );
        }
    }
}

fn attribute(attributes: &str, name: &str) -> Option<String> {
    attributes.split(';').find_map(|attribute| {
        let (got, value) = attribute.split_once('=').unwrap_or((attribute, ""));
        got.trim()
            .eq_ignore_ascii_case(name)
            .then(|| value.trim().to_owned())
    })
}
