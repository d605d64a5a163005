use super::*;
use proptest::prelude::*;

fn request() -> RateLimitRequest {
    RateLimitRequest {
        domain: "d".to_owned(),
        descriptors: vec![RateLimitDescriptor {
            entries: vec![
                ("k".to_owned(), "v".to_owned()),
                ("e".to_owned(), String::new()),
            ],
            limit: Some((300, Unit::Week)),
            hits_addend: Some(0),
        }],
        hits_addend: 2,
    }
}

fn response() -> RateLimitResponse {
    let header = |key: &str, value: &[u8]| HeaderValue {
        key: key.to_owned(),
        value: value.to_vec(),
    };
    RateLimitResponse {
        overall_code: Code::OverLimit,
        statuses: vec![
            DescriptorStatus {
                code: Code::OverLimit,
                current_limit: Some(RateLimit {
                    name: "nm".to_owned(),
                    requests_per_unit: 100,
                    unit: Some(Unit::Minute),
                }),
                limit_remaining: 7,
                duration_until_reset: Duration::new(42, 5),
            },
            DescriptorStatus {
                code: Code::Ok,
                ..DescriptorStatus::default()
            },
        ],
        response_headers_to_add: vec![header("a", b"1")],
        request_headers_to_add: vec![header("b", b"\xff")],
        raw_body: b"no".to_vec(),
    }
}

/// The bytes are those that protobuf for Python writes for the same message.
#[test]
fn requests_are_what_protobuf_says() {
    let bytes = [
        &b"\x0a\x01d"[..],
        b"\x12\x16",
        b"\x0a\x06\x0a\x01k\x12\x01v",
        b"\x0a\x03\x0a\x01e",
        b"\x12\x05\x08\xac\x02\x10\x07",
        b"\x1a\x00",
        b"\x18\x02",
    ];
    let bytes = bytes.concat();
    assert_eq!(request().encode(), bytes);
    assert_eq!(RateLimitRequest::decode(&bytes), Ok(request()));
}

/// With the fields that are not read: `dynamic_metadata` (6), `quota` (7) and numbers of all sizes.
#[test]
fn responses_are_read_and_unknown_fields_skipped() {
    let bytes = [
        &b"\x08\x02"[..],
        b"\x12\x12\x08\x02\x12\x08\x08\x64\x10\x02\x1a\x02nm\x18\x07\x22\x02\x08\x2a",
        b"\x12\x02\x08\x01",
        b"\x1a\x06\x0a\x01a\x12\x011",
        b"\x22\x06\x0a\x01b\x1a\x01\xff",
        b"\x2a\x02no",
        b"\x32\x02\x0a\x00",
        b"\x3a\x00",
        b"\xf8\x07\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        b"\x45abcd",
        b"\x49abcdefgh",
    ];
    let mut expected = response();
    expected.statuses[0].duration_until_reset = Duration::from_secs(42);
    assert_eq!(RateLimitResponse::decode(&bytes.concat()), Ok(expected));
    assert_eq!(
        RateLimitResponse::decode(b""),
        Ok(RateLimitResponse::default())
    );
}

#[test]
fn responses_are_read_as_they_are_written() {
    assert_eq!(
        RateLimitResponse::decode(&response().encode()),
        Ok(response())
    );
}

#[test]
fn units_have_the_numbers_of_the_service() {
    let numbers = [
        (Unit::Second, 1),
        (Unit::Minute, 2),
        (Unit::Hour, 3),
        (Unit::Day, 4),
    ];
    let more = [(Unit::Month, 5), (Unit::Year, 6), (Unit::Week, 7)];
    for (unit, number) in numbers.into_iter().chain(more) {
        assert_eq!(
            (number_of(Some(unit)), unit_of(number)),
            (number, Some(unit))
        );
    }
    assert_eq!((number_of(None), unit_of(0), unit_of(8)), (0, None, None));
}

#[test]
fn what_is_cut_off_or_of_another_type_is_refused() {
    for bytes in [
        &b"\x12"[..],
        b"\x12\x05a",
        b"\x08",
        b"\x08\x80",
        b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        // overall_code as text, raw_body as numbers, a group, field 0, a status that is cut off
        b"\x0a\x01a",
        b"\x28\x01",
        b"\x2dabcd",
        b"\x0b\x0c",
        b"\x00\x00",
        b"\x12\x01\x08",
        // a header name that is not UTF-8, a length beyond all memory
        b"\x1a\x03\x0a\x01\xff",
        b"\x2a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        b"\x45abc",
        b"\x49abcdefg",
    ] {
        assert_eq!(
            RateLimitResponse::decode(bytes),
            Err(Malformed),
            "{bytes:x?}"
        );
    }
    assert_eq!(RateLimitRequest::decode(b"\x0a\x01\xff"), Err(Malformed));
}

#[test]
fn durations_that_make_no_sense_are_cut() {
    let reset = |message: &[u8]| {
        let status = [&[0x22, message.len() as u8], message].concat();
        let response = [&[0x12, status.len() as u8], &status[..]].concat();
        RateLimitResponse::decode(&response).unwrap().statuses[0].duration_until_reset
    };
    // -1 s; i64::MAX s and u32::MAX ns
    let negative = b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";
    let long = b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x10\xff\xff\xff\xff\x0f";
    assert_eq!(reset(negative), Duration::ZERO);
    assert_eq!(reset(long), Duration::from_secs(i64::MAX as u64));
}

proptest! {
    /// Garbage never panics, nor does a message in which a byte was changed.
    #[test]
    fn nothing_panics(garbage in prop::collection::vec(any::<u8>(), 0..60), at in 0usize..80, byte in any::<u8>()) {
        let _ = RateLimitResponse::decode(&garbage);
        let _ = RateLimitRequest::decode(&garbage);
        let mut bytes = response().encode();
        let at = at % bytes.len();
        bytes[at] = byte;
        if let Ok(read) = RateLimitResponse::decode(&bytes) {
            prop_assert_eq!(RateLimitResponse::decode(&read.encode()), Ok(read));
        }
    }
}
