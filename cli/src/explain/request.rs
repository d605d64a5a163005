//! The request that is asked about, as it is written on a command line.

use std::net::IpAddr;

use http::uri::{Scheme, Uri};
use thiserror::Error;

use gateway_harness::exchange::{Exchange, Headers, Protocol};

/// A request and how it would be sent.
#[derive(Debug, Clone)]
pub struct Request {
    /// The request. The Gateway is left unnamed.
    pub exchange: Exchange,
    /// It comes over TLS.
    pub tls: bool,
}

/// A request that cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidRequest {
    /// Neither a URL nor a method and a URL.
    #[error("`{0}`: a URL, or a method and a URL, as in 'GET https://app.example.com/api?x=1'")]
    Line(String),
    /// The URL is none.
    #[error("`{url}`: {reason}")]
    Url {
        /// What was written.
        url: String,
        /// Why not.
        reason: String,
    },
    /// A method that cannot be sent.
    #[error("`{0}`: not a method")]
    Method(String),
    /// A header that cannot be sent.
    #[error("`{0}`: a header is written as 'name: value'")]
    Header(String),
}

impl Request {
    /// Reads `GET https://app.example.com/api?x=1`, or a URL alone. A `method` goes before the one of
    /// the line; a header `host` goes before the URL's host. A content type of gRPC makes it a gRPC
    /// call.
    ///
    /// # Errors
    /// What cannot be sent.
    pub fn parse(
        line: &str,
        method: Option<&str>,
        headers: &[String],
        client: Option<IpAddr>,
    ) -> Result<Self, InvalidRequest> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (written, url) = match words.as_slice() {
            [url] => (None, *url),
            [method, url] => (Some(*method), *url),
            _ => return Err(InvalidRequest::Line(line.to_owned())),
        };
        let (tls, authority, port, path) = target(url)?;
        let (authority, headers) = parted(authority, headers)?;
        let is_grpc = |(name, value): &(Vec<u8>, Vec<u8>)| {
            name == b"content-type" && value.starts_with(b"application/grpc")
        };
        let grpc = headers.iter().any(is_grpc);
        let default = if grpc { "POST" } else { "GET" };
        let method = method.or(written).unwrap_or(default);
        if http::Method::from_bytes(method.as_bytes()).is_err() {
            return Err(InvalidRequest::Method(method.to_owned()));
        }
        let exchange = Exchange {
            port,
            method: method.to_owned(),
            headers,
            client,
            protocol: match grpc {
                true => Protocol::Grpc,
                false => Protocol::Http,
            },
            ..Exchange::get(&authority, path)
        };
        Ok(Self { exchange, tls })
    }
}

/// Whether the URL is of TLS, its host and port, the port to connect to, and its path with the query.
fn target(url: &str) -> Result<(bool, String, u16, Vec<u8>), InvalidRequest> {
    let refused = |reason: String| InvalidRequest::Url {
        url: url.to_owned(),
        reason,
    };
    let uri: Uri = url
        .parse()
        .map_err(|error: http::uri::InvalidUri| refused(error.to_string()))?;
    let tls = match uri.scheme() {
        Some(scheme) if *scheme == Scheme::HTTP => false,
        Some(scheme) if *scheme == Scheme::HTTPS => true,
        _ => {
            return Err(refused(
                "the URL must start with http:// or https://".into(),
            ));
        }
    };
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    Ok((tls, host.to_owned(), port, path.into()))
}

/// The host that is asked for, and the headers beside it.
fn parted(authority: String, headers: &[String]) -> Result<(String, Headers), InvalidRequest> {
    let mut parted = (authority, Headers::new());
    for line in headers {
        let refused = || InvalidRequest::Header(line.clone());
        let (name, value) = line.split_once(':').ok_or_else(refused)?;
        let name = http::HeaderName::from_bytes(name.trim().as_bytes()).map_err(|_| refused())?;
        let value = http::HeaderValue::from_str(value.trim()).map_err(|_| refused())?;
        match name.as_str() {
            "host" => parted.0 = String::from_utf8_lossy(value.as_bytes()).into_owned(),
            name => parted.1.push((name.into(), value.as_bytes().to_vec())),
        }
    }
    Ok(parted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str, headers: &[&str]) -> Result<Request, String> {
        let headers: Vec<String> = headers.iter().map(|&header| header.to_owned()).collect();
        Request::parse(line, None, &headers, None).map_err(|error| error.to_string())
    }

    #[test]
    fn a_url_says_port_host_and_path() {
        for (line, tls, method, port, authority, path) in [
            (
                "GET https://a.com/b?x=1",
                true,
                "GET",
                443,
                "a.com",
                "/b?x=1",
            ),
            ("http://a.com", false, "GET", 80, "a.com", "/"),
            (
                "PUT http://u:p@a.com:8080/b",
                false,
                "PUT",
                8080,
                "a.com:8080",
                "/b",
            ),
        ] {
            let request = parse(line, &[]).unwrap();
            let exchange = &request.exchange;
            assert_eq!((request.tls, exchange.port), (tls, port), "{line}");
            assert_eq!(exchange.method, method, "{line}");
            assert_eq!(exchange.authority, authority, "{line}");
            assert_eq!(exchange.path, path.as_bytes(), "{line}");
        }
    }

    #[test]
    fn headers_say_host_and_protocol() {
        let headers = [
            "Host: b.com",
            "X-A:1",
            "content-type: application/grpc+proto",
        ];
        let exchange = parse("http://a.com/s.S/M", &headers).unwrap().exchange;
        assert_eq!(exchange.authority, "b.com");
        assert_eq!(exchange.headers[0], (b"x-a".to_vec(), b"1".to_vec()));
        assert_eq!(exchange.protocol, Protocol::Grpc);
        assert_eq!(exchange.method, "POST");
    }

    #[test]
    fn what_cannot_be_sent_is_refused() {
        for (line, headers, problem) in [
            ("", vec![], "a URL, or a method and a URL"),
            ("GET a b", vec![], "a URL, or a method and a URL"),
            ("GET /path", vec![], "must start with http:// or https://"),
            ("GET http://a b/", vec![], "a URL, or a method and a URL"),
            ("G(T http://a/", vec![], "not a method"),
            ("GET http://a/", vec!["x"], "'name: value'"),
            ("GET http://a/", vec!["x y: 1"], "'name: value'"),
        ] {
            let error = parse(line, &headers).unwrap_err();
            assert!(error.contains(problem), "{line}: {error}");
        }
    }
}
