//! Where on this machine the ports of the Gateways are.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{Ipv4Addr, TcpListener};

use tokio::net::TcpSocket;

use super::error::Rejection;

/// A Gateway (`namespace/name`) and a port of it.
pub(super) type GatewayPort = (String, u16);

/// What a privileged port is moved by, as Envoy Gateway does.
const UNPRIVILEGED: u16 = 10_000;

/// The local ports that are in use, and those that are kept for it.
///
/// Envoy binds with `SO_REUSEPORT`: a second program on a port would silently share its connections.
/// So a port is bound first without that option, which fails if anybody listens there, and then kept by a
/// socket that is bound and never listens: nobody is given it by chance.
#[derive(Debug)]
pub(super) struct Ports {
    chosen: BTreeMap<u16, u16>,
    assigned: BTreeMap<GatewayPort, u16>,
    kept: BTreeMap<u16, TcpSocket>,
}

impl Ports {
    /// `chosen` has local ports for ports of Gateways; 0 is any.
    pub(super) fn new(chosen: BTreeMap<u16, u16>) -> Self {
        Self {
            chosen,
            assigned: BTreeMap::new(),
            kept: BTreeMap::new(),
        }
    }

    /// A local port for each: the one that it has, or the one that it should have, or, if another
    /// Gateway has that, the next free one.
    pub(super) fn assign(
        &mut self,
        wanted: &[GatewayPort],
    ) -> Result<BTreeMap<GatewayPort, u16>, Rejection> {
        let keeps = |one: &GatewayPort| Some((one.clone(), *self.assigned.get(one)?));
        let mut assigned: BTreeMap<GatewayPort, u16> = wanted.iter().filter_map(keeps).collect();
        let mut taken: BTreeSet<u16> = assigned.values().copied().collect();
        for one in wanted {
            if assigned.contains_key(one) {
                continue;
            }
            let preferred = self.preferred(one.1);
            let local = if taken.contains(&preferred) {
                self.next_free(preferred, &taken)
            } else {
                self.keep(preferred)
            };
            let local = local.map_err(|source| Rejection::PortTaken {
                gateway: one.0.clone(),
                port: one.1,
                local: preferred,
                source,
            })?;
            taken.insert(local);
            assigned.insert(one.clone(), local);
        }
        Ok(assigned)
    }

    /// These are in use now; others are given up.
    pub(super) fn commit(&mut self, assigned: BTreeMap<GatewayPort, u16>) {
        let used: BTreeSet<u16> = assigned.values().copied().collect();
        self.kept.retain(|port, _| used.contains(port));
        self.assigned = assigned;
    }

    /// Where a port of a Gateway should be; 0 is anywhere.
    pub(super) fn preferred(&self, port: u16) -> u16 {
        let usual = match port {
            ..1024 => port.saturating_add(UNPRIVILEGED),
            _ => port,
        };
        self.chosen.get(&port).copied().unwrap_or(usual)
    }

    fn next_free(&mut self, after: u16, taken: &BTreeSet<u16>) -> io::Result<u16> {
        let mut last = io::Error::from(io::ErrorKind::AddrInUse);
        for port in after.saturating_add(1)..=u16::MAX {
            if taken.contains(&port) {
                continue;
            }
            match self.keep(port) {
                Ok(port) => return Ok(port),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn keep(&mut self, port: u16) -> io::Result<u16> {
        if self.kept.contains_key(&port) {
            return Ok(port);
        }
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?.local_addr()?;
        let socket = TcpSocket::new_v4()?;
        // Connections of an Envoy that ended lately may still be waiting there.
        socket.set_reuseaddr(true)?;
        socket.set_reuseport(true)?;
        socket.bind(free)?;
        self.kept.insert(free.port(), socket);
        Ok(free.port())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(gateway: &str, port: u16) -> GatewayPort {
        (gateway.to_owned(), port)
    }

    #[test]
    fn privileged_ports_are_moved_as_envoy_gateway_does() {
        let ports = Ports::new([(443, 8443), (81, 0)].into());
        let preferred = [80, 1023, 1024, 8080, 443, 81].map(|port| ports.preferred(port));
        assert_eq!(preferred, [10_080, 11_023, 1024, 8080, 8443, 0]);
    }

    #[test]
    fn of_two_gateways_the_second_gets_the_next_port_and_both_keep_theirs() {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let mut ports = Ports::new([(80, port)].into());
        let (a, b) = (of("n/a", 80), of("n/b", 80));
        let both = ports.assign(&[a.clone(), b.clone()]).unwrap();
        assert_eq!(both[&a], port);
        assert!(both[&b] > port);
        ports.commit(both.clone());
        assert_eq!(ports.assign(&[b.clone(), a]).unwrap(), both);

        // Whoever comes later finds the port free again.
        let only = ports.assign(std::slice::from_ref(&b)).unwrap();
        assert_eq!(only[&b], both[&b]);
        ports.commit(only);
        let c = of("n/c", 80);
        assert_eq!(ports.assign(&[b, c.clone()]).unwrap()[&c], port);
    }

    #[test]
    fn a_port_of_another_program_is_refused_with_what_to_type() {
        let other = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = other.local_addr().unwrap().port();
        let mut ports = Ports::new([(80, port)].into());
        let refused = ports.assign(&[of("n/a", 80)]).unwrap_err().to_string();
        assert!(refused.contains(&format!("127.0.0.1:{port}")), "{refused}");
        assert!(refused.contains("--port 80=0"), "{refused}");
    }

    #[test]
    fn a_kept_port_is_refused_to_others_and_open_to_envoy() {
        let mut ports = Ports::new([(80, 0)].into());
        let a = of("n/a", 80);
        let port = ports.assign(std::slice::from_ref(&a)).unwrap()[&a];
        let bind = |reuse| {
            let socket = TcpSocket::new_v4().unwrap();
            socket.set_reuseport(reuse).unwrap();
            socket.bind((Ipv4Addr::LOCALHOST, port).into())
        };
        assert_eq!(bind(false).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        bind(true).unwrap();
    }
}
