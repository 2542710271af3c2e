//! What `guard_sk_lookup` is asked about, as `BPF_PROG_TEST_RUN` takes it.

use registry_guard_common::{Address, Family};
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// `enum sk_action` of the kernel's interface to user space.
pub(super) const SK_PASS: u32 = 1;

const AF_INET: u32 = 2;
const AF_INET6: u32 = 10;
const IPPROTO_TCP: u32 = 6;
const IPPROTO_UDP: u32 = 17;

/// A packet that the kernel looks a socket up for. Ports are in host byte order; both addresses are of one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lookup {
    /// UDP rather than TCP.
    pub datagram: bool,
    /// Who sends it.
    pub remote: (Address, u16),
    /// Where to.
    pub local: (Address, u16),
}

/// What the program did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LookedUp {
    /// The lookup goes on as if there were no program.
    Passed,
    /// The program chose a socket.
    HandedOver,
    /// The packet finds no socket.
    Dropped,
}

/// `struct bpf_sk_lookup` of the kernel's interface to user space. The kernel takes it only if what follows the local port is 0
/// (`bpf_prog_test_run_sk_lookup`).
#[derive(FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub(super) struct LookupContext {
    /// Of the socket that the program chose, once it ran.
    cookie: u64,
    family: u32,
    protocol: u32,
    remote_ip4: u32,
    remote_ip6: [u32; 4],
    /// Network byte order.
    remote_port: u16,
    _rest: u16,
    local_ip4: u32,
    local_ip6: [u32; 4],
    /// Host byte order.
    local_port: u32,
    ingress_ifindex: u32,
    _end: u32,
}

impl LookupContext {
    pub(super) fn of(lookup: &Lookup) -> Self {
        let (remote, local) = (lookup.remote.0.words(), lookup.local.0.words());
        let is_v4 = lookup.remote.0.family() == Family::V4;
        let word = |words: [u32; 4]| if is_v4 { words[0] } else { 0 };
        let words = |words: [u32; 4]| if is_v4 { [0; 4] } else { words };
        Self {
            cookie: 0,
            family: if is_v4 { AF_INET } else { AF_INET6 },
            protocol: if lookup.datagram { IPPROTO_UDP } else { IPPROTO_TCP },
            remote_ip4: word(remote),
            remote_ip6: words(remote),
            remote_port: lookup.remote.1.to_be(),
            _rest: 0,
            local_ip4: word(local),
            local_ip6: words(local),
            local_port: lookup.local.1.into(),
            ingress_ifindex: 0,
            _end: 0,
        }
    }

    pub(super) const fn cookie(&self) -> u64 {
        self.cookie
    }
}
