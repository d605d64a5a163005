//! A guard's state as bytes in shared data. Its layout is told in [`guard`](super).

use super::counts::{BUCKETS, Bucket, Counts, Tally, Window};
use super::state::{Depth, Phase, State};

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
