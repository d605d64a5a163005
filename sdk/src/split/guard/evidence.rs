//! Whether the canary does worse than stable, told apart from chance.
//!
//! The canary is worse if *both* of these are rejected at the level α (an intersection-union test; it
//! has the level α as well: Berger 1982, "Multiparameter hypothesis testing and acceptance
//! sampling"):
//!
//! 1. *It fails at most `ratio` times as often as stable.* Given the *k* failures of a stretch of time,
//!    in which the canary gave *c* responses and stable *s*, the canary's are then binomially
//!    distributed, with a probability of at most π = ratio·c / (ratio·c + s): the conditional test of
//!    two Poisson rates (Przyborowski and Wilenski 1940). It is made within each bucket of the window
//!    and added up, as the Mantel-Haenszel and log-rank tests do, with the mean of π over all
//!    failures: a share that grew just before both began to fail accuses nobody.
//! 2. *It fails no more often than `floor`.* Its failures are then binomially distributed with `floor`.
//!
//! A tail of such a distribution is at most exp(−n·KL(k/n ‖ p)), where KL is the Kullback-Leibler
//! divergence (Hoeffding 1963, "Probability inequalities for sums of bounded random variables", theorem
//! 1, which asks for the mean of the probabilities only). That takes two logarithms and errs
//! on the safe side; the exponent is the *evidence*. A hypothesis is rejected when its evidence
//! reaches ln(1/α).
//!
//! To notice quickly what began just now, and yet what is slight, every stretch of the window that ends
//! now is looked at, from the newest bucket alone to all of them, and α is divided by their number
//! (Bonferroni).
//!
//! Where stable gave no response, nothing can be worse than it: π is 1.

#[cfg(test)]
mod tests;

use super::counts::{BUCKETS, Counts, Tally};

/// How much worse the canary may be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Margin {
    pub(super) ratio: f64,
    pub(super) floor: f64,
}

/// When there is enough to go by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Level {
    /// Responses of the canary.
    pub(super) min_requests: u64,
    /// Evidence against each hypothesis.
    pub(super) needed: f64,
}

/// Why the canary is held to be worse.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Finding {
    /// What was bad of the canary's responses, and how many these were.
    pub(super) canary: (u64, u64),
    /// The same of stable.
    pub(super) stable: (u64, u64),
    /// The smaller evidence of the two.
    pub(super) evidence: f64,
}

impl Level {
    /// The probability with which chance may look as bad, in one look.
    pub(super) fn new(significance: f64, min_requests: u32) -> Level {
        Level {
            min_requests: min_requests.into(),
            needed: (BUCKETS as f64).ln() - significance.ln(),
        }
    }

    /// Looks at the buckets of a window, newest first, for what is `bad` of a tally.
    pub(super) fn judge(
        &self,
        window: impl Iterator<Item = Counts>,
        bad: fn(&Tally) -> u64,
        margin: Margin,
    ) -> Option<Finding> {
        let mut sum = Counts::default();
        // The canary's part of all that was bad, if it were just at the margin.
        let mut expected = 0.0;
        window
            .filter_map(|counts| {
                let exposure = margin.ratio * counts.canary.responses as f64;
                let all = exposure + counts.stable.responses as f64;
                let either = bad(&counts.canary).saturating_add(bad(&counts.stable));
                if either > 0 {
                    expected += either as f64 * exposure / all;
                }
                sum = sum.plus(counts);
                let (canary, stable) = (bad(&sum.canary), bad(&sum.stable));
                let either = canary.saturating_add(stable);
                let against_stable = evidence(canary, either, expected / either as f64);
                let against_floor = evidence(canary, sum.canary.responses, margin.floor);
                let evidence = against_stable.min(against_floor);
                let enough = sum.canary.responses >= self.min_requests && evidence >= self.needed;
                enough.then_some(Finding {
                    canary: (canary, sum.canary.responses),
                    stable: (stable, sum.stable.responses),
                    evidence,
                })
            })
            .next()
    }
}

/// n·KL(k/n ‖ p): the probability of k or more of n, each with probability p, is e to the power of minus
/// this at most. 0 where k is not more than is to be expected.
fn evidence(k: u64, n: u64, p: f64) -> f64 {
    let n = n as f64;
    let share = k as f64 / n;
    if !share.is_finite() || share <= p || share > 1.0 {
        return 0.0;
    }
    let others = match share < 1.0 {
        true => (1.0 - share) * ((1.0 - share) / (1.0 - p)).ln(),
        false => 0.0,
    };
    (n * (share * (share / p).ln() + others)).max(0.0)
}
