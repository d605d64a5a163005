//! The manifests while they are written.

use super::decided::Decided;
use super::object::WrittenObject;
use super::options::KustomizeOptions;
use super::policy::Policies;
use crate::load::Manifests;
use crate::report::Report;

/// What is written so far, and what it is written from.
pub(super) struct KustomizationWriter<'a> {
    pub(super) manifests: &'a Manifests,
    pub(super) options: &'a KustomizeOptions,
    pub(super) policies: Policies<'a>,
    pub(super) decided: Decided,
    pub(super) objects: Vec<WrittenObject>,
    pub(super) report: Report,
}
