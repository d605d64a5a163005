//! Requests that come close to what the configuration asks for, and go wrong in every place.
//!
//! A request follows from its number alone, so a failure repeats without those before it.

use crate::vocabulary::{AUTHORITIES, CLAIMS, METHODS, NAMES, PAIRS, PATHS, SEGMENTS, VALUES};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use fastrand::Rng;
use gateway_harness::wasm_host::{HeaderMap, MapKind};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Every so many requests one has a path of 1 MiB, and another has 1,024 headers.
pub const LARGE_EVERY: u64 = 1_000;

const MEBIBYTE: usize = 1024 * 1024;
const MOST_HEADERS: usize = 1_024;

/// One request and where it comes from.
pub struct Hostile {
    pub headers: HeaderMap,
    pub source: Option<SocketAddr>,
}

/// The request of that number.
pub fn request(seed: u64, number: u64) -> Hostile {
    let mut rng = Rng::with_seed(seed.wrapping_add(number));
    let mut pairs: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    let path = match number % LARGE_EVERY {
        0 => long_path(&mut rng),
        _ => path(&mut rng),
    };
    let authority = match rng.bool() {
        true => b"a.example.com".to_vec(),
        false => spoilt(&mut rng, AUTHORITIES),
    };
    for (name, value) in [
        (":method", spoilt(&mut rng, METHODS)),
        (":path", path),
        (":authority", authority),
        (":scheme", b"http".to_vec()),
    ] {
        // Now and then one is missing.
        if rng.u8(..) != 0 {
            pairs.push((name.into(), value));
        }
    }
    let count = match number % LARGE_EVERY {
        1 => MOST_HEADERS - pairs.len(),
        _ => rng.usize(0..12),
    };
    pairs.extend((0..count).map(|_| header(&mut rng)));
    let pairs = pairs.iter().map(|(name, value)| (&name[..], &value[..]));
    Hostile {
        headers: HeaderMap::from_pairs(MapKind::Request, pairs),
        source: source(&mut rng),
    }
}

/// The head of a response to it.
pub fn response(seed: u64, number: u64) -> HeaderMap {
    let mut rng = Rng::with_seed(!seed.wrapping_add(number));
    let status = rng.choice(["200", "404", "", "abc"]).unwrap_or_default();
    let vary = bytes(&mut rng, 20);
    let pairs = [
        (&b":status"[..], status.as_bytes()),
        (b"vary", &vary),
        (b"server", b"s"),
    ];
    HeaderMap::from_pairs(MapKind::Response, pairs)
}

fn header(rng: &mut Rng) -> (Vec<u8>, Vec<u8>) {
    if rng.bool() {
        let (name, value) = rng.choice(PAIRS).copied().unwrap_or_default();
        return (name.into(), value.into());
    }
    let value = match rng.u8(0..8) {
        0 => [b"bearer ", &*token(rng)].concat(),
        1 => return (b"authorization".into(), [b"Bearer ", &*token(rng)].concat()),
        2 => bytes(rng, 4_000),
        _ => spoilt(rng, VALUES),
    };
    (spoilt(rng, NAMES), value)
}

fn path(rng: &mut Rng) -> Vec<u8> {
    let mut path = match rng.bool() {
        true => spoilt(rng, PATHS),
        false => Vec::new(),
    };
    for _ in 0..rng.usize(0..10).saturating_sub(5) {
        path.push(b'/');
        path.extend(spoilt(rng, SEGMENTS));
    }
    match rng.u8(0..8) {
        0 => path.push(b'/'),
        1 => path.extend(b"?q=0123&q=x"),
        2 => path.extend([b"?", &*bytes(rng, 60)].concat()),
        3 => path.extend(b"#?q=x"),
        4 => path.extend(b"?&=&q&q=x&"),
        _ => {}
    }
    path
}

/// 1 MiB of the beginning of something: of what the patterns take, of what the prefixes take with
/// much to copy or to escape behind it, or of anything.
fn long_path(rng: &mut Rng) -> Vec<u8> {
    let beginnings = [
        "/",
        "/a/b",
        "/old/%\"",
        "/rewrite//",
        "/pattern/a/b",
        "/own/",
        "/?q=",
        "/v1/users/",
    ];
    let beginning = rng.choice(beginnings).unwrap_or_default();
    let unit = match rng.u8(0..3) {
        0 => bytes(rng, 50),
        _ => beginning.into(),
    };
    let endless = beginning
        .bytes()
        .chain(unit.into_iter().chain([b'a']).cycle());
    endless.take(MEBIBYTE).collect()
}

fn token(rng: &mut Rng) -> Vec<u8> {
    let claims = match rng.u8(0..16) {
        0 => b"[".repeat(rng.usize(1..100_000)),
        1 => br#"{"tier":"#.repeat(rng.usize(1..10_000)),
        _ => spoilt(rng, CLAIMS),
    };
    let token = format!("e30.{}.c2ln", BASE64_URL_SAFE_NO_PAD.encode(claims));
    match rng.u8(0..4) {
        0 => spoil(rng, token.into()),
        _ => token.into(),
    }
}

fn source(rng: &mut Rng) -> Option<SocketAddr> {
    let address = match rng.u8(0..4) {
        0 => return None,
        1 => IpAddr::V4(Ipv4Addr::from(rng.u32(..))),
        2 => "10.1.2.3".parse().ok()?,
        _ => IpAddr::V6(rng.u128(..).into()),
    };
    Some(SocketAddr::new(address, rng.u16(..)))
}

/// One of the list, and often not quite.
fn spoilt(rng: &mut Rng, from: &[&str]) -> Vec<u8> {
    let chosen = rng.choice(from).copied().unwrap_or_default().into();
    match rng.u8(0..4) {
        0 => spoil(rng, chosen),
        _ => chosen,
    }
}

/// Cuts, doubles, or puts any bytes somewhere.
fn spoil(rng: &mut Rng, mut text: Vec<u8>) -> Vec<u8> {
    let at = rng.usize(0..=text.len());
    match rng.u8(0..4) {
        0 => text.truncate(at),
        1 => text.extend_from_within(at..),
        2 => drop(text.splice(at..at, bytes(rng, 8))),
        _ => return bytes(rng, 40),
    }
    text
}

fn bytes(rng: &mut Rng, below: usize) -> Vec<u8> {
    let count = rng.usize(0..below);
    std::iter::repeat_with(|| rng.u8(..)).take(count).collect()
}
