//! Counters, gauges and histograms. The low two bits of an id are the kind, and each definition
//! gives a new id, also for a stat that exists already.

use crate::wasm_host::memory::{Guest, slice, split, write, write_word};
use crate::wasm_host::state::State;
use crate::wasm_host::stats::MetricKind;
use crate::wasm_host::status::{HostcallResult, Status};

fn split_id(id: u32) -> Option<(MetricKind, usize)> {
    Some((
        MetricKind::from_guest(id & 3)?,
        usize::try_from(id >> 2).ok()?,
    ))
}

fn ids(state: &mut State, kind: MetricKind) -> &mut Vec<usize> {
    let [counters, gauges, histograms] = &mut state.metrics;
    match kind {
        MetricKind::Counter => counters,
        MetricKind::Gauge => gauges,
        MetricKind::Histogram => histograms,
    }
}

fn place(state: &mut State, kind: MetricKind, index: usize) -> Result<usize, Status> {
    ids(state, kind).get(index).copied().ok_or(Status::NotFound)
}

pub(crate) fn define(
    guest: &mut Guest<'_>,
    kind: u32,
    name: u32,
    name_size: u32,
    id_at: u32,
) -> HostcallResult {
    let (memory, state) = split(guest);
    let name = slice(memory, name, name_size)?;
    let kind = MetricKind::from_guest(kind).ok_or(Status::BadArgument)?;
    let place = state.process.stats().define(kind, name);
    let known = ids(state, kind);
    let id = u32::try_from(known.len()).map_err(|_| Status::InternalFailure)? << 2 | kind as u32;
    known.push(place);
    write_word(guest, id_at, id)
}

/// A counter only grows; a gauge takes any offset; a histogram has no value to change.
pub(crate) fn increment(guest: &mut Guest<'_>, id: u32, offset: i64) -> HostcallResult {
    let state = guest.data_mut();
    let (kind, index) = split_id(id)
        .filter(|(kind, _)| *kind != MetricKind::Histogram)
        .ok_or(Status::BadArgument)?;
    let place = place(state, kind, index)?;
    if kind == MetricKind::Counter && offset <= 0 {
        return Err(Status::BadArgument.into());
    }
    let add = |value: u64| value.wrapping_add_signed(offset);
    state.process.stats().update(place, add);
    Ok(())
}

/// Adds to a counter, sets a gauge, and is a sample for a histogram.
pub(crate) fn record(guest: &mut Guest<'_>, id: u32, value: u64) -> HostcallResult {
    let state = guest.data_mut();
    let (kind, index) = split_id(id).ok_or(Status::NotFound)?;
    let place = place(state, kind, index)?;
    let change = |held: u64| match kind {
        MetricKind::Counter => held.wrapping_add(value),
        MetricKind::Gauge => value,
        MetricKind::Histogram => held.wrapping_add(1),
    };
    state.process.stats().update(place, change);
    Ok(())
}

pub(crate) fn get(guest: &mut Guest<'_>, id: u32, value_at: u32) -> HostcallResult {
    let state = guest.data_mut();
    let (kind, index) = split_id(id)
        .filter(|(kind, _)| *kind != MetricKind::Histogram)
        .ok_or(Status::BadArgument)?;
    let place = place(state, kind, index)?;
    let value = state.process.stats().value(place);
    write(guest, value_at, &value.to_le_bytes())
}
