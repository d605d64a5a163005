//! Where `Location` leads.

use http::Uri;
use http::uri::{Authority, Scheme};

use crate::exchange::{Answer, Exchange};
use crate::scenario::model::Redirect;

use super::{ABSENT, Findings, header};

pub(super) fn compare(wanted: &Redirect, sent: &Exchange, answer: &Answer, found: &mut Findings) {
    let Some(location) = header::first(&answer.headers, "location") else {
        found.add("redirectRequest", "(a Location)", ABSENT);
        return;
    };
    let Ok(uri) = location.parse::<Uri>() else {
        found.add("redirectRequest", "(a URI)", location);
        return;
    };
    // A relative reference inherits scheme and authority of the request (RFC 3986, 5.2.2).
    let scheme = uri.scheme().unwrap_or(&Scheme::HTTP).as_str();
    let own = sent.authority.parse::<Authority>().ok();
    let authority = uri.authority().or(own.as_ref());
    let host = authority.map_or("", Authority::host);
    let port = authority
        .and_then(Authority::port)
        .map_or_else(String::new, |p| p.to_string());

    if let Some(wanted) = &wanted.scheme {
        found.same("redirectRequest.scheme", wanted, scheme);
    }
    if let Some(wanted) = &wanted.host {
        found.same("redirectRequest.host", wanted, host);
    }
    if let Some(wanted) = &wanted.path {
        found.same("redirectRequest.path", wanted, uri.path());
    }
    if let Some(allowed) = &wanted.ports
        && !allowed.contains(&port)
    {
        let shown = |port: &str| {
            if port.is_empty() {
                "(none)".into()
            } else {
                port.to_owned()
            }
        };
        let allowed: Vec<String> = allowed.iter().map(|port| shown(port)).collect();
        found.add("redirectRequest.port", allowed.join(" or "), shown(&port));
    }
}
