//! Metrics that filters define (Envoy `context.cc`, `defineMetric` and below).

use std::collections::HashMap;

/// Kind of a metric; the low two bits of its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum MetricKind {
    Counter = 0,
    Gauge = 1,
    Histogram = 2,
}

impl MetricKind {
    pub(crate) fn from_guest(kind: u32) -> Option<Self> {
        match kind {
            0 => Some(Self::Counter),
            1 => Some(Self::Gauge),
            2 => Some(Self::Histogram),
            _ => None,
        }
    }
}

/// Stats of the process, kept over configuration updates and shared by the workers.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    places: HashMap<(MetricKind, Vec<u8>), usize>,
    values: Vec<u64>,
}

impl Stats {
    /// The place of the stat of that kind and name.
    pub(crate) fn define(&mut self, kind: MetricKind, name: &[u8]) -> usize {
        let next = self.values.len();
        let place = *self.places.entry((kind, name.to_vec())).or_insert(next);
        if place == next {
            self.values.push(0);
        }
        place
    }

    pub(crate) fn value(&self, place: usize) -> u64 {
        self.values.get(place).copied().unwrap_or_default()
    }

    /// Changes a stat by a function of its value; a histogram's value is its number of samples.
    pub(crate) fn update(&mut self, place: usize, change: impl FnOnce(u64) -> u64) {
        if let Some(value) = self.values.get_mut(place) {
            *value = change(*value);
        }
    }

    pub(crate) fn by_name(&self, name: &[u8]) -> Option<u64> {
        let of_that_name = |((_, n), place): (&(MetricKind, Vec<u8>), &usize)| {
            (n == name).then(|| self.value(*place))
        };
        self.places.iter().find_map(of_that_name)
    }
}
