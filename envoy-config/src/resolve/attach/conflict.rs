//! Listeners that stand in each other's way.
//!
//! "Each AttachedListener in a set of Listeners MUST be distinct, in that a traffic flow MUST be able to be
//! assigned to exactly one listener": listeners on one port must speak compatible protocols and have
//! different hostnames. Who yields follows the Gateway API and, where that leaves it open, Envoy
//! Gateway 1.9 (`internal/gatewayapi/validate.go`): listeners of the Gateway itself that
//! conflict with each other all yield ("MUST NOT pick one conflicting AttachedListener as the winner"), as
//! do those within one ListenerSet; between owners the first in precedence stays.

use super::listener::{AttachedListener, Protocol};
use crate::report::{Condition, Report};
use std::collections::{BTreeMap, BTreeSet};

/// Marks and reports the listeners that are not served.
pub(super) fn mark(listeners: &mut [AttachedListener], report: &mut Report) {
    let by_port = |one: &AttachedListener| (one.spec.port, one.protocol == Protocol::Udp);
    let losers = losers(listeners, by_port, |one| family(one.protocol).to_owned());
    let message = "another listener on this port speaks another protocol";
    yield_to(listeners, &losers, "ProtocolConflict", message, report);

    let by_host = |one: &AttachedListener| {
        (
            one.spec.port,
            family(one.protocol),
            one.spec.hostname.clone(),
        )
    };
    // Equal hostnames conflict, whoever has them: each listener claims the host for itself.
    let losers = self::losers(listeners, by_host, |one| one.path.clone() + &one.name);
    let message = "another listener on this port has the same hostname";
    yield_to(listeners, &losers, "HostnameConflict", message, report);
}

/// HTTPS and TLS share a port, told apart by the server name that the client asks for.
fn family(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Http => "HTTP",
        Protocol::Https | Protocol::Tls => "HTTPS/TLS",
        Protocol::Tcp => "TCP",
        Protocol::Udp => "UDP",
    }
}

/// All listeners of one group must make the same claim; these do not get theirs.
fn losers<K: Ord>(
    listeners: &[AttachedListener],
    group: impl Fn(&AttachedListener) -> K,
    claim: impl Fn(&AttachedListener) -> String,
) -> Vec<usize> {
    let mut groups: BTreeMap<K, Vec<(usize, &AttachedListener)>> = BTreeMap::new();
    for (index, listener) in listeners
        .iter()
        .enumerate()
        .filter(|(_, one)| one.is_ready())
    {
        groups
            .entry(group(listener))
            .or_default()
            .push((index, listener));
    }
    let mut losers: Vec<usize> = groups
        .values()
        .flat_map(|members| losers_of_group(members, &claim))
        .collect();
    losers.sort_unstable();
    losers
}

fn losers_of_group(
    members: &[(usize, &AttachedListener)],
    claim: impl Fn(&AttachedListener) -> String,
) -> Vec<usize> {
    let indices =
        |members: &[(usize, &AttachedListener)]| members.iter().map(|(index, _)| *index).collect();
    let mut standing: Option<String> = None;
    let mut losers: Vec<usize> = Vec::new();
    for owned in members.chunk_by(|(_, a), (_, b)| std::ptr::eq(a.owner, b.owner)) {
        let claims: BTreeSet<String> = owned.iter().map(|(_, one)| claim(one)).collect();
        match &standing {
            Some(claimed) => {
                let other = owned.iter().filter(|(_, one)| claim(one) != *claimed);
                losers.extend(other.map(|(index, _)| *index));
            }
            None if claims.len() == 1 => standing = claims.into_iter().next(),
            None if owned.iter().any(|(_, one)| !one.from_set) => return indices(members),
            None => losers.extend::<Vec<usize>>(indices(owned)),
        }
    }
    losers
}

fn yield_to(
    listeners: &mut [AttachedListener],
    losers: &[usize],
    reason: &'static str,
    why: &str,
    report: &mut Report,
) {
    for index in losers {
        let Some(listener) = listeners.get_mut(*index) else {
            continue;
        };
        listener.conflicted = true;
        let spec = listener.spec;
        let message = format!("listener {} on port {}: {why}", spec.name, spec.port);
        report.refuse(
            listener.owner,
            &listener.path,
            Condition::conflicted(reason),
            message,
        );
    }
}
