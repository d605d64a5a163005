//! Shares of the traffic.

/// Things chosen by weight.
#[derive(Debug, Clone)]
pub struct Split<T> {
    /// Each with the sum of the weights up to and including its own; those of weight 0 are left out.
    shares: Vec<(u64, T)>,
}

impl<T> Split<T> {
    /// A split of things with their weights. "Weight specifies the proportion of requests forwarded
    /// to the referenced backend. This is computed as weight/(sum of all weights in this
    /// BackendRefs list)."
    pub fn new(weighted: impl IntoIterator<Item = (u32, T)>) -> Self {
        let mut sum: u64 = 0;
        let counted =
            weighted
                .into_iter()
                .filter(|(weight, _)| *weight > 0)
                .map(|(weight, thing)| {
                    sum = sum.saturating_add(u64::from(weight));
                    (sum, thing)
                });
        Split {
            shares: counted.collect(),
        }
    }

    /// Whether there is a choice to make, so that a number has to be drawn.
    pub fn is_choice(&self) -> bool {
        self.shares.len() > 1
    }

    /// The thing that a number drawn evenly from all `u64` falls to; none if all weights are 0.
    ///
    /// The number is scaled to the sum of the weights by a multiplication, which is even to within
    /// the sum divided by 2⁶⁴.
    pub fn pick(&self, draw: u64) -> Option<&T> {
        let sum = self.shares.last()?.0;
        let scaled = u64::try_from((u128::from(draw) * u128::from(sum)) >> 64).unwrap_or(0);
        let at = self.shares.partition_point(|(upto, _)| *upto <= scaled);
        self.shares.get(at).map(|(_, thing)| thing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Draws spread evenly over all numbers fall to each in proportion to its weight.
        #[test]
        fn shares_are_exact(weights in prop::collection::vec(0u32..=1_000_000, 1..8)) {
            let split = Split::new(weights.iter().copied().zip(0usize..));
            let sum: u64 = weights.iter().map(|&weight| u64::from(weight)).sum();
            let draws = 10_000u64;
            let mut counts = vec![0u64; weights.len()];
            for number in 0..draws {
                if let Some(&thing) = split.pick(number * (u64::MAX / draws)) {
                    counts[thing] += 1;
                }
            }
            for (count, weight) in counts.iter().zip(&weights) {
                let expected = u64::from(*weight) as f64 / sum.max(1) as f64 * draws as f64;
                prop_assert!((*count as f64 - expected).abs() <= 2.0, "{counts:?} {weights:?}");
            }
        }
    }

    #[test]
    fn zero_weights_get_nothing() {
        assert_eq!(Split::new([(0, 'a'), (0, 'b')]).pick(7), None);
        assert_eq!(Split::<char>::new([]).pick(0), None);
        let split = Split::new([(0, 'a'), (1, 'b'), (0, 'c')]);
        assert!(
            [0, 1, u64::MAX / 2, u64::MAX]
                .iter()
                .all(|&draw| split.pick(draw) == Some(&'b'))
        );
        assert!(!split.is_choice());
    }

    #[test]
    fn the_ends_of_the_range_fall_to_the_ends_of_the_list() {
        let split = Split::new([(1, 'a'), (u32::MAX, 'b'), (1, 'c')]);
        assert_eq!(
            (split.pick(0), split.pick(u64::MAX)),
            (Some(&'a'), Some(&'c'))
        );
    }
}
