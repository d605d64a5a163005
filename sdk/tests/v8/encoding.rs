//! What is read from and written to bytes: header pairs of the ABI, and times.

use crate::Chance;
use gateway_filter_sdk::host::Pairs;
use gateway_filter_sdk::time::parse_rfc3339;
use wasm_bindgen_test::wasm_bindgen_test;

fn bytes(chance: &mut Chance, end: usize) -> Vec<u8> {
    (0..chance.below(end))
        .map(|_| chance.draw().to_le_bytes()[0])
        .collect()
}

#[wasm_bindgen_test]
fn pairs_are_read_back() {
    let mut chance = Chance(2);
    for _ in 0..2_000 {
        let entries: Vec<_> = (0..chance.below(30))
            .map(|_| (bytes(&mut chance, 20), bytes(&mut chance, 300)))
            .collect();
        let borrowed = entries.iter().map(|(name, value)| (&name[..], &value[..]));
        assert!(Pairs::encode(borrowed.clone()).iter().eq(borrowed));
    }
}

#[wasm_bindgen_test]
fn pairs_that_break_off_or_lie_about_their_size_end() {
    let mut chance = Chance(3);
    let whole = Pairs::encode([(&b"name"[..], &b"value"[..]); 3].into_iter());
    for end in 0..whole.as_bytes().len() {
        let part = Pairs::new(whole.as_bytes()[..end].to_vec());
        assert!(part.iter().count() < 3 || end + 1 == whole.as_bytes().len());
    }
    for size in [u32::MAX, u32::MAX / 8, u32::MAX - 3] {
        let mut lying = size.to_le_bytes().to_vec();
        lying.extend(bytes(&mut chance, 100));
        assert!(Pairs::new(lying).iter().count() <= 100);
    }
}

#[wasm_bindgen_test]
fn times_are_read() {
    let second = 1_000_000_000;
    for (text, time) in [
        ("1970-01-01T00:00:00.25Z", Some(second / 4)),
        ("2000-02-29T12:00:00z", Some(951_825_600 * second)),
        ("2026-11-22T21:30:00+01:30", Some(1_795_377_600 * second)),
        ("2026-02-29T00:00:00Z", None),
        ("9999-12-31T00:00:00Z", None),
        ("2026-11-22", None),
    ] {
        assert_eq!(parse_rfc3339(text), time, "{text}");
    }
}
