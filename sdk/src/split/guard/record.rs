//! A guard's state as bytes in shared data. Its layout is told in [`guard`](super).

use super::counts::{BUCKETS, Bucket, Counts, Tally, Window};
use super::settings::Depth;
use super::state::{Phase, State};

/// Says that the bytes have this layout.
const VERSION: u64 = 1;

const HEAD: usize = 5;
const WORDS: usize = HEAD + BUCKETS * 7;

/// The state in these bytes; that at the very beginning where they are none. With buckets of another
/// length what was counted is left out: it was for another window.
pub(super) fn read(bytes: &[u8], bucket: u64) -> State {
    read_whole(bytes, bucket).unwrap_or_default()
}

fn read_whole(bytes: &[u8], bucket: u64) -> Option<State> {
    let (words, []) = bytes.as_chunks::<8>() else {
        return None;
    };
    let words: [u64; WORDS] =
        std::array::from_fn(|at| words.get(at).copied().map_or(0, u64::from_le_bytes));
    let [VERSION, held, phase, since, seen, buckets @ ..] = words else {
        return None;
    };
    if bytes.len() != WORDS * 8 {
        return None;
    }
    let mut window = Window::default();
    if held == bucket {
        let (chunks, _) = buckets.as_chunks::<7>();
        for (place, chunk) in window.0.iter_mut().zip(chunks) {
            *place = bucket_of(*chunk);
        }
    }
    Some(State {
        phase: phase_of(phase)?,
        since,
        seen,
        window,
    })
}

/// The bytes of a state.
pub(super) fn write(state: &State, bucket: u64) -> Vec<u8> {
    let head = [
        VERSION,
        bucket,
        number_of(state.phase),
        state.since,
        state.seen,
    ];
    let buckets = state.window.0.iter().flat_map(|bucket| {
        let Counts { stable, canary } = bucket.counts;
        let tally = |tally: Tally| [tally.responses, tally.failures, tally.slow];
        std::iter::once(bucket.number)
            .chain(tally(stable))
            .chain(tally(canary))
    });
    head.into_iter()
        .chain(buckets)
        .flat_map(u64::to_le_bytes)
        .collect()
}

fn bucket_of([number, a, b, c, d, e, f]: [u64; 7]) -> Bucket {
    let tally = |responses, failures, slow| Tally {
        responses,
        failures,
        slow,
    };
    let (stable, canary) = (tally(a, b, c), tally(d, e, f));
    Bucket {
        number,
        counts: Counts { stable, canary },
    }
}

/// Also what the gauge shows.
pub(super) fn number_of(phase: Phase) -> u64 {
    match phase {
        Phase::Watching => 0,
        Phase::BackedOff(Depth::Zero) => 1,
        Phase::Trial(Depth::Zero) => 2,
        Phase::BackedOff(Depth::StepBefore) => 3,
        Phase::Trial(Depth::StepBefore) => 4,
    }
}

fn phase_of(number: u64) -> Option<Phase> {
    Some(match number {
        0 => Phase::Watching,
        1 => Phase::BackedOff(Depth::Zero),
        2 => Phase::Trial(Depth::Zero),
        3 => Phase::BackedOff(Depth::StepBefore),
        4 => Phase::Trial(Depth::StepBefore),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn state() -> impl Strategy<Value = State> {
        let bucket = prop::array::uniform7(any::<u64>()).prop_map(bucket_of);
        let window = prop::collection::vec(bucket, BUCKETS);
        let head = (0u64..5, any::<u64>(), any::<u64>());
        (head, window).prop_map(|((phase, since, seen), buckets)| State {
            phase: phase_of(phase).unwrap(),
            since,
            seen,
            window: Window(buckets.try_into().unwrap()),
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(state in state(), bucket: u64) {
            let bytes = write(&state, bucket);
            prop_assert_eq!(read(&bytes, bucket), state);
            let anew = State { window: Window::default(), ..state };
            prop_assert_eq!(read(&bytes, bucket ^ 1), anew);
        }

        #[test]
        fn any_bytes_are_read(bytes: Vec<u8>) {
            prop_assert_eq!(read(&bytes, 1), State::default());
        }
    }

    #[test]
    fn what_is_malformed_is_absent() {
        let state = State {
            phase: Phase::BackedOff(Depth::Zero),
            ..State::default()
        };
        let bytes = write(&state, 7);
        assert_eq!(bytes.len(), 656);
        assert_eq!(read(&bytes, 7), state);
        let longer = [&bytes[..], &[0; 8]].concat();
        let mut other_version = bytes.clone();
        other_version[0] = 2;
        let mut no_phase = bytes.clone();
        no_phase[16] = 5;
        for malformed in [
            &bytes[..655],
            &bytes[..648],
            &longer,
            &other_version,
            &no_phase,
        ] {
            assert_eq!(read(malformed, 7), State::default());
        }
    }
}
