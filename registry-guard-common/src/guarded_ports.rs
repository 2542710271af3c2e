use zerocopy::{FromBytes, FromZeros as _, Immutable, IntoBytes};

use crate::endpoint::{EndpointKey, HOST};

const PORTS: usize = 1 << 16;

/// At which ports of the host traffic is more than nobody's: those where a registry listens, and that of VXLAN. Most packets are
/// told by it to be none of ours, so it is read without any step between.
///
/// It may name a port too many; a port that matters is always named.
#[derive(Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub struct GuardedPorts {
    /// By port in network byte order, so that a port is an index as it was read from a packet, and the verifier knows its bound.
    named: [u8; PORTS],
}

impl GuardedPorts {
    /// Names the VXLAN port (host byte order), and those of the keys that are of the network namespace of the host.
    pub fn of<'a>(vxlan_port: u16, keys: impl IntoIterator<Item = &'a EndpointKey>) -> Self {
        let mut ports = Self::new_zeroed();
        let of_host = keys.into_iter().filter(|key| key.namespace() == HOST).map(EndpointKey::port);
        for port in of_host.chain([vxlan_port]) {
            ports.named[usize::from(port.to_be())] = 1;
        }
        ports
    }

    /// Names what either of the two does.
    #[must_use]
    pub fn or(mut self, other: &Self) -> Self {
        self.named.iter_mut().zip(&other.named).for_each(|(here, there)| *here |= there);
        self
    }

    /// Whether `port`, network byte order, is named.
    #[inline(always)]
    pub const fn name(&self, port: u16) -> bool {
        self.named[port as usize] != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Address, Family};

    const OFFICE: Address = Address::v4([203, 0, 113, 10]);

    fn assert_named(ports: &GuardedPorts, want: &[u16]) {
        for port in 0..=u16::MAX {
            assert_eq!(ports.name(port.to_be()), want.contains(&port), "{port}");
        }
    }

    #[test]
    fn the_ports_of_the_host_and_that_of_vxlan_are_named_and_no_other() {
        let keys = [
            EndpointKey::exact(HOST, &OFFICE, 443),
            EndpointKey::wildcard(HOST, Family::V6, 5000),
            EndpointKey::exact(HOST + 1, &OFFICE, 5001),
        ];
        assert_named(&GuardedPorts::of(4789, &keys), &[443, 4789, 5000]);
    }

    #[test]
    fn two_tables_together_name_what_either_does() {
        let one = GuardedPorts::of(4789, &[EndpointKey::exact(HOST, &OFFICE, 443)]);
        let other = GuardedPorts::of(8472, &[EndpointKey::exact(HOST, &OFFICE, 5000)]);
        assert_named(&one.or(&other), &[443, 4789, 5000, 8472]);
    }
}
