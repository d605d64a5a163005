//! The syntax of the texts in Gateway API objects.

use std::net::Ipv4Addr;

/// "A fully qualified domain name … IPs are not allowed. A hostname may be prefixed with a wildcard
/// label (`*.`). The wildcard label must appear by itself as the first label."
pub(super) fn hostname(text: &str) -> Result<(), &'static str> {
    precise_hostname(text.strip_prefix("*.").unwrap_or(text))
}

/// A hostname without a wildcard.
pub(super) fn precise_hostname(text: &str) -> Result<(), &'static str> {
    if text.contains('*') {
        return Err("a `*` may only be the whole first label of a hostname, where one is allowed");
    }
    if text.parse::<Ipv4Addr>().is_ok() || text.contains(':') {
        return Err("not a hostname: neither addresses nor ports are allowed");
    }
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if text.len() > 253 || !text.split('.').all(label) {
        return Err("not a hostname: lower-case labels of letters, digits and inner dashes");
    }
    Ok(())
}

/// The value of an Exact or PathPrefix match (validation rules of HTTPPathMatch).
pub(crate) fn path(text: &str) -> Result<(), &'static str> {
    let dots = |segment: &str| segment == "." || segment == "..";
    if !text.starts_with('/') {
        return Err("a path starts with `/`");
    }
    if text.contains("//") || text.split('/').any(dots) {
        return Err("a path has no empty and no `.` or `..` segments: they never reach a match");
    }
    if text.contains('#') || text.to_ascii_lowercase().contains("%2f") {
        return Err("a path has neither `#` nor an encoded slash");
    }
    if text.len() > 1024
        || !text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !b"?\"<>[]\\^`{|}".contains(&byte))
    {
        return Err("a path has at most 1024 characters, of those that a URI's path may have");
    }
    Ok(())
}

/// The name of a header or query parameter: a token of RFC 9110.
pub(super) fn token(text: &str) -> Result<(), &'static str> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if (1..=256).contains(&text.len()) && text.bytes().all(allowed) {
        Ok(())
    } else {
        Err("not a name: 1 to 256 letters, digits or !#$%&'*+-.^_`|~")
    }
}

/// The value of a header: nothing that ends the line early.
pub(super) fn header_value(text: &str) -> Result<(), &'static str> {
    if text.contains(['\r', '\n', '\0']) {
        Err("a header value has no line breaks and no NUL")
    } else {
        length(1, 4096)(text)
    }
}

/// A text of that many bytes.
pub(super) fn length(least: usize, most: usize) -> impl Fn(&str) -> Result<(), &'static str> {
    move |text| match text.len() {
        length if length < least => Err("must not be empty"),
        length if length > most => Err("is too long"),
        _ => Ok(()),
    }
}

/// `package.Service`, exactly.
pub(super) fn grpc_service(text: &str) -> Result<(), &'static str> {
    if text
        .strip_prefix('.')
        .unwrap_or(text)
        .split('.')
        .all(is_identifier)
    {
        Ok(())
    } else {
        Err("not the name of a gRPC service")
    }
}

/// A gRPC method, exactly.
pub(super) fn grpc_method(text: &str) -> Result<(), &'static str> {
    if is_identifier(text) {
        Ok(())
    } else {
        Err("not the name of a gRPC method")
    }
}

fn is_identifier(text: &str) -> bool {
    let first = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    text.bytes().next().is_some_and(first)
        && text
            .bytes()
            .all(|byte| first(byte) || byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostnames() {
        for good in [
            "a",
            "example.com",
            "*.example.com",
            "x-1.example.com",
            "1.com",
        ] {
            assert_eq!(hostname(good), Ok(()), "{good}");
        }
        let long = "a".repeat(64);
        for bad in [
            "", "*", "*.*.com", "a.*.com", "*a.com", "10.0.0.1", "::1", "a.com:80", "A.com",
            "-a.com", "a-.com", "a..com", "a.com.", &long,
        ] {
            assert!(hostname(bad).is_err(), "{bad}");
        }
        assert!(precise_hostname("*.example.com").is_err());
    }

    #[test]
    fn paths() {
        for good in ["/", "/a", "/a/", "/a/b%20c", "/a.b/..c", "/!$&'()*+,;=:@~"] {
            assert_eq!(path(good), Ok(()), "{good}");
        }
        for bad in [
            "", "a", "//", "/a//b", "/a/../b", "/a/..", "/.", "/a#b", "/a%2Fb", "/a?b", "/ä",
        ] {
            assert!(path(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn names() {
        assert_eq!(token("x-Request_ID"), Ok(()));
        for bad in ["", "a b", "a:b", ":path", "ä", "a\r\n"] {
            assert!(token(bad).is_err(), "{bad}");
        }
        assert_eq!(grpc_service("com.example.Echo"), Ok(()));
        assert_eq!(grpc_method("Ping2"), Ok(()));
        for bad in ["", "a/b", "1a", "a..b"] {
            assert!(grpc_service(bad).is_err(), "{bad}");
        }
        assert!(grpc_method("a.b").is_err());
    }

    #[test]
    fn header_values_keep_to_their_line() {
        assert_eq!(header_value("a, b"), Ok(()));
        for bad in ["", "a\r\nb", "a\0"] {
            assert!(header_value(bad).is_err(), "{bad:?}");
        }
    }
}
