//! The messages of the rate limit service, `envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit`.
//!
//! Fields and their numbers are those of Envoy's `api/envoy/service/ratelimit/v3/rls.proto`,
//! `api/envoy/extensions/common/ratelimit/v3/ratelimit.proto` and
//! `api/envoy/config/core/v3/base.proto`. What nothing here needs is left out, and skipped when it is
//! received.

#[cfg(test)]
mod tests;

pub use super::protobuf::Malformed;
use super::protobuf::{Fields, Value, Writer};
use super::spec::Unit;
use std::time::Duration;

/// `package.Service` of the call.
pub const SERVICE: &str = "envoy.service.ratelimit.v3.RateLimitService";

/// The method of the call.
pub const METHOD: &str = "ShouldRateLimit";

/// The question: what to count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RateLimitRequest {
    /// Whose counters; must not be empty.
    pub domain: String,
    /// The counters, at least one.
    pub descriptors: Vec<RateLimitDescriptor>,
    /// Hits for each descriptor without its own; 0 counts as 1.
    pub hits_addend: u32,
}

/// Names a counter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RateLimitDescriptor {
    /// Keys with their values.
    pub entries: Vec<(String, String)>,
    /// Requests in a unit, instead of what the service has configured.
    pub limit: Option<(u32, Unit)>,
    /// Hits; 0 only looks.
    pub hits_addend: Option<u64>,
}

/// The answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RateLimitResponse {
    /// OVER_LIMIT if any descriptor is.
    pub overall_code: Code,
    /// One for each descriptor, in order.
    pub statuses: Vec<DescriptorStatus>,
    /// For the response, whatever the code.
    pub response_headers_to_add: Vec<HeaderValue>,
    /// For the request that goes to the backend.
    pub request_headers_to_add: Vec<HeaderValue>,
    /// Body of a refusal.
    pub raw_body: Vec<u8>,
}

/// What the service says of a descriptor, or of all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Code {
    /// None of the others.
    #[default]
    Unknown,
    /// There is room.
    Ok,
    /// There is none.
    OverLimit,
}

/// The state of a counter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DescriptorStatus {
    /// Whether there was room.
    pub code: Code,
    /// The limit; `None` if the descriptor has none.
    pub current_limit: Option<RateLimit>,
    /// Hits that are left.
    pub limit_remaining: u32,
    /// Until the window is over, in whole seconds; zero if the service does not say.
    pub duration_until_reset: Duration,
}

/// A limit that the service applied.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RateLimit {
    /// Its name in the service's configuration.
    pub name: String,
    /// Requests in a unit.
    pub requests_per_unit: u32,
    /// `None` for one that is not known here.
    pub unit: Option<Unit>,
}

/// A header.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeaderValue {
    /// Its name.
    pub key: String,
    /// `value` or `raw_value`, of which only one is set.
    pub value: Vec<u8>,
}

/// The units by their numbers, from 1 on.
const UNITS: [Unit; 7] = [
    Unit::Second,
    Unit::Minute,
    Unit::Hour,
    Unit::Day,
    Unit::Month,
    Unit::Year,
    Unit::Week,
];

fn number_of(unit: Option<Unit>) -> u64 {
    let at = UNITS.iter().position(|&known| Some(known) == unit);
    at.map_or(0, |at| at as u64 + 1)
}

fn unit_of(number: u64) -> Option<Unit> {
    let at = usize::try_from(number.checked_sub(1)?).ok()?;
    UNITS.get(at).copied()
}

impl RateLimitRequest {
    /// The message of the call.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.bytes(1, self.domain.as_bytes());
        for descriptor in &self.descriptors {
            out.message(2, descriptor.encode());
        }
        out.number(3, self.hits_addend.into());
        out.finish()
    }

    /// As the service reads it.
    pub fn decode(bytes: &[u8]) -> Result<RateLimitRequest, Malformed> {
        let mut request = RateLimitRequest::default();
        for field in Fields(bytes) {
            match field? {
                (1, value) => request.domain = value.text()?,
                (2, value) => {
                    let descriptor = RateLimitDescriptor::decode(value.bytes()?)?;
                    request.descriptors.push(descriptor);
                }
                (3, value) => request.hits_addend = value.number()? as u32,
                _ => {}
            }
        }
        Ok(request)
    }
}

impl RateLimitDescriptor {
    fn encode(&self) -> Writer {
        let mut out = Writer::default();
        for (key, value) in &self.entries {
            let mut entry = Writer::default();
            entry.bytes(1, key.as_bytes());
            entry.bytes(2, value.as_bytes());
            out.message(1, entry);
        }
        if let Some((requests, unit)) = self.limit {
            out.message(2, two_numbers(requests.into(), number_of(Some(unit))));
        }
        if let Some(hits) = self.hits_addend {
            out.message(3, two_numbers(hits, 0));
        }
        out
    }

    fn decode(bytes: &[u8]) -> Result<RateLimitDescriptor, Malformed> {
        let mut descriptor = RateLimitDescriptor::default();
        for field in Fields(bytes) {
            match field? {
                (1, value) => {
                    let HeaderValue { key, value } = HeaderValue::decode(value.bytes()?)?;
                    let value = String::from_utf8(value).map_err(|_| Malformed)?;
                    descriptor.entries.push((key, value));
                }
                (2, value) => {
                    let (requests, unit) = read_two_numbers(value)?;
                    descriptor.limit = unit_of(unit).map(|unit| (requests as u32, unit));
                }
                (3, value) => descriptor.hits_addend = Some(read_two_numbers(value)?.0),
                _ => {}
            }
        }
        Ok(descriptor)
    }
}

impl RateLimitResponse {
    /// The message that answers the call.
    pub fn decode(bytes: &[u8]) -> Result<RateLimitResponse, Malformed> {
        let mut response = RateLimitResponse::default();
        for field in Fields(bytes) {
            match field? {
                (1, value) => response.overall_code = Code::of(value.number()?),
                (2, value) => {
                    let status = DescriptorStatus::decode(value.bytes()?)?;
                    response.statuses.push(status);
                }
                (3, value) => {
                    let header = HeaderValue::decode(value.bytes()?)?;
                    response.response_headers_to_add.push(header);
                }
                (4, value) => {
                    let header = HeaderValue::decode(value.bytes()?)?;
                    response.request_headers_to_add.push(header);
                }
                (5, value) => response.raw_body = value.bytes()?.to_vec(),
                _ => {}
            }
        }
        Ok(response)
    }

    /// As the service writes it.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.number(1, self.overall_code as u64);
        for status in &self.statuses {
            out.message(2, status.encode());
        }
        for header in &self.response_headers_to_add {
            out.message(3, header.encode());
        }
        for header in &self.request_headers_to_add {
            out.message(4, header.encode());
        }
        out.bytes(5, &self.raw_body);
        out.finish()
    }
}

impl Code {
    fn of(number: u64) -> Code {
        match number {
            1 => Code::Ok,
            2 => Code::OverLimit,
            _ => Code::Unknown,
        }
    }
}

impl DescriptorStatus {
    fn decode(bytes: &[u8]) -> Result<DescriptorStatus, Malformed> {
        let mut status = DescriptorStatus::default();
        for field in Fields(bytes) {
            match field? {
                (1, value) => status.code = Code::of(value.number()?),
                (2, value) => status.current_limit = Some(RateLimit::decode(value.bytes()?)?),
                (3, value) => status.limit_remaining = value.number()? as u32,
                (4, value) => {
                    let (seconds, nanos) = read_two_numbers(value)?;
                    // Negative ones are none. `Duration::new` would carry more nanoseconds over, and panic.
                    let seconds = u64::try_from(seconds.cast_signed()).unwrap_or(0);
                    let nanos = u32::try_from(nanos)
                        .ok()
                        .filter(|&nanos| nanos < 1_000_000_000);
                    status.duration_until_reset = Duration::new(seconds, nanos.unwrap_or(0));
                }
                _ => {}
            }
        }
        Ok(status)
    }

    fn encode(&self) -> Writer {
        let mut out = Writer::default();
        out.number(1, self.code as u64);
        if let Some(limit) = &self.current_limit {
            let mut message = two_numbers(limit.requests_per_unit.into(), number_of(limit.unit));
            message.bytes(3, limit.name.as_bytes());
            out.message(2, message);
        }
        out.number(3, self.limit_remaining.into());
        let reset = self.duration_until_reset;
        if reset > Duration::ZERO {
            out.message(4, two_numbers(reset.as_secs(), reset.subsec_nanos().into()));
        }
        out
    }
}

impl RateLimit {
    fn decode(bytes: &[u8]) -> Result<RateLimit, Malformed> {
        let mut limit = RateLimit::default();
        for field in Fields(bytes) {
            match field? {
                (1, value) => limit.requests_per_unit = value.number()? as u32,
                (2, value) => limit.unit = unit_of(value.number()?),
                (3, value) => limit.name = value.text()?,
                _ => {}
            }
        }
        Ok(limit)
    }
}

impl HeaderValue {
    fn decode(bytes: &[u8]) -> Result<HeaderValue, Malformed> {
        let mut header = HeaderValue::default();
        for field in Fields(bytes) {
            match field? {
                (1, value) => header.key = value.text()?,
                (2 | 3, value) => header.value = value.bytes()?.to_vec(),
                _ => {}
            }
        }
        Ok(header)
    }

    fn encode(&self) -> Writer {
        let mut out = Writer::default();
        out.bytes(1, self.key.as_bytes());
        out.bytes(3, &self.value);
        out
    }
}

/// A message whose fields 1 and 2 are numbers: RateLimitOverride, UInt64Value, Duration.
fn two_numbers(first: u64, second: u64) -> Writer {
    let mut out = Writer::default();
    out.number(1, first);
    out.number(2, second);
    out
}

fn read_two_numbers(value: Value) -> Result<(u64, u64), Malformed> {
    let mut numbers = (0, 0);
    for field in Fields(value.bytes()?) {
        match field? {
            (1, value) => numbers.0 = value.number()?,
            (2, value) => numbers.1 = value.number()?,
            _ => {}
        }
    }
    Ok(numbers)
}
