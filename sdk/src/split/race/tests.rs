//! The laws of a split: its shares, and who moves when they change.

use super::*;
use proptest::prelude::*;

const NAMES: [&str; 5] = ["stable", "canary", "ns/c:80", "ns/d:80", "ns/e:80"];

fn pick(draw: u64, weights: &[f64]) -> Option<usize> {
    let names = NAMES.iter().map(|name| name_hash(name));
    winner(draw, names.zip(weights.iter().copied()))
}

fn draw(salt: &str, client: u64) -> u64 {
    Salt::new(salt.as_bytes()).draw(None, 0, client.to_string().as_bytes())
}

/// How far counts are from what is expected: Pearson's chi-square.
fn chi_square(counts: &[u32], shares: &[f64]) -> f64 {
    let total: u32 = counts.iter().sum();
    let each = counts.iter().zip(shares).filter(|(_, share)| **share > 0.0);
    each.map(|(count, share)| {
        let expected = share * f64::from(total);
        (f64::from(*count) - expected).powi(2) / expected
    })
    .sum()
}

/// A million clients with consecutive numbers as keys, five splits. The bounds are chi-square's at the
/// level 0.001 for 1 and 4 degrees of freedom; salts are fixed, so the result is too.
#[test]
fn shares_are_those_of_the_weights() {
    for (weights, bound) in [
        (&[90.0, 10.0][..], 10.83),
        (&[95.0, 5.0], 10.83),
        (&[99.9, 0.1], 10.83),
        (&[1.0, 1.0, 1.0, 1.0, 1.0], 18.47),
        (&[50.0, 25.0, 15.0, 9.0, 1.0], 18.47),
    ] {
        let salt = Salt::new(b"shares");
        let mut counts = vec![0; weights.len()];
        for client in 0..1_000_000u32 {
            let draw = salt.draw(None, 0, &client.to_le_bytes());
            counts[pick(draw, weights).unwrap()] += 1;
        }
        let sum: f64 = weights.iter().sum();
        let shares: Vec<f64> = weights.iter().map(|weight| weight / sum).collect();
        let distance = chi_square(&counts, &shares);
        assert!(distance < bound, "{weights:?}: {counts:?}, {distance}");
    }
}

/// The clients of one canary are spread over another as all clients are.
#[test]
fn canaries_with_different_salts_pick_different_clients() {
    let weights = [90.0, 10.0];
    let mut counts = [0; 4];
    for client in 0..100_000 {
        let [a, b] = ["one", "two"].map(|salt| pick(draw(salt, client), &weights).unwrap());
        counts[a * 2 + b] += 1;
    }
    let distance = chi_square(&counts, &[0.81, 0.09, 0.09, 0.01]);
    assert!(distance < 16.27, "{counts:?}, {distance}");
}

/// Of three backends whose weights all change: P(same winner) is Σᵢ 1/Σⱼ max(pⱼ/pᵢ, qⱼ/qᵢ), the
/// probability that Moulton and Jiang prove to be the best.
#[test]
fn with_several_backends_as_few_move_as_can() {
    let (before, after) = ([0.5f64, 0.3, 0.2], [0.2, 0.3, 0.5]);
    let best: f64 = (0..3)
        .map(|i| {
            let ratio = |j: usize| (before[j] / before[i]).max(after[j] / after[i]);
            1.0 / (0..3).map(ratio).sum::<f64>()
        })
        .sum();
    let stay = (0..200_000).filter(|client| {
        let draw = draw("moves", *client);
        pick(draw, &before) == pick(draw, &after)
    });
    let share = stay.count() as f64 / 200_000.0;
    assert!((share - best).abs() < 0.005, "{share}, best {best}");
}

proptest! {
    /// Where one weight grows, only that backend wins clients; where it falls, only it loses some.
    #[test]
    fn only_the_backend_whose_weight_grows_wins_clients(
        weights in prop::collection::vec(0.0f64..100.0, 2..=5),
        at in 0usize..5,
        more in 0.0f64..100.0,
        clients in prop::collection::vec(any::<u64>(), 50),
    ) {
        let at = at % weights.len();
        let mut raised = weights.clone();
        raised[at] += more;
        for client in clients {
            let (before, after) = (pick(client, &weights), pick(client, &raised));
            prop_assert!(before == after || after == Some(at), "{before:?} {after:?}");
        }
    }

    /// All weights times the same number, or in another order, is the same split.
    #[test]
    fn neither_scale_nor_order_moves_anybody(
        weights in prop::collection::vec(1u32..1000, 2..=5),
        client in any::<u64>(),
    ) {
        let runners = |factor: f64| {
            let names = NAMES.iter().map(|name| name_hash(name));
            let scaled = weights.iter().map(move |weight| f64::from(*weight) * factor);
            names.zip(scaled).collect::<Vec<_>>()
        };
        let (plain, scaled) = (runners(1.0), runners(64.0));
        let won = winner(client, plain.iter().copied());
        prop_assert_eq!(won, winner(client, scaled.into_iter()));
        let reversed = winner(client, plain.iter().rev().copied());
        prop_assert_eq!(won.map(|at| plain.len() - 1 - at), reversed);
    }
}

#[test]
fn nobody_wins_without_weight() {
    assert_eq!(pick(7, &[0.0, 0.0]), None);
    assert_eq!(pick(7, &[]), None);
    assert_eq!(pick(7, &[0.0, 0.1]), Some(1));
    for draw in [0, u64::MAX, 1, 1 << 63] {
        assert!(pick(draw, &[1.0, 1.0]).is_some());
    }
}

/// Stable over versions, and the same natively as in Wasm: an upgrade of the filter must not move
/// anybody.
#[test]
fn draws_are_what_they_were() {
    let weights = [50.0, 25.0, 15.0, 9.0, 1.0];
    let winners = (0..10_000).map(|client| pick(draw("pinned", client), &weights).unwrap() as u64);
    let folded = winners.fold(0u64, |sum, winner| {
        sum.wrapping_mul(31).wrapping_add(winner)
    });
    assert_eq!(folded, 3030247051404537413);
    assert_eq!(name_hash("canary"), 6_672_806_224_119_086_679);
    assert_eq!(draw("checkout", 1), 17299257268897892565);
    let salt = Salt::new(b"checkout");
    let both = |first, second| salt.draw(Some(salt.draw(None, 0, first)), 1, second);
    assert_ne!(both(b"a", b"b"), both(b"b", b"a"));
    assert_ne!(salt.draw(None, 0, b"a"), salt.draw(None, 1, b"a"));
}
