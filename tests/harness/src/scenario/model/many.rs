//! What many requests together must show.

use std::collections::BTreeMap;

use super::{MirroredTo, Trial};

/// Many requests and the share of them that each backend must get.
#[derive(Debug, Clone)]
pub struct Weights {
    /// The request, and what each answer must be.
    pub trial: Trial,
    /// Namespace of the backends.
    pub namespace: String,
    /// Number of requests of a run.
    pub requests: u32,
    /// Share of each backend, 0 to 1. A share of 0 means no request at all.
    pub shares: BTreeMap<String, f64>,
    /// By how much a share may differ.
    pub tolerance: f64,
    /// Number of runs, one of which must fit.
    pub attempts: u32,
}

/// Many requests, and how many copies of them each backend must get.
#[derive(Debug, Clone)]
pub struct Mirrors {
    /// The request, and what each answer must be.
    pub trial: Trial,
    /// Number of requests of a run.
    pub requests: u32,
    /// Number of copies by backend.
    pub copies: Vec<Copies>,
    /// Number of runs, one of which must fit.
    pub attempts: u32,
}

/// How many copies a backend must get in a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Copies {
    /// The backend.
    pub to: MirroredTo,
    /// At least so many, which need not be whole.
    pub min: f64,
    /// At most so many, which need not be whole.
    pub max: f64,
}
