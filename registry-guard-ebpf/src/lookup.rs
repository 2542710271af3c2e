//! What the kernel looks a socket up for, read from `struct bpf_sk_lookup`.
#![expect(unsafe_code, reason = "the context is read through a raw pointer, which the verifier checks")]

use aya_ebpf::programs::SkLookupContext;
use registry_guard_common::{Address, Flow, FlowKey, Tag, Transport, Vtep};

const AF_INET: u32 = 2;
const IPPROTO_TCP: u32 = 6;

/// One lookup.
pub(crate) struct Lookup {
    /// Where from and where to; its network is that of no interface yet.
    pub(crate) flow: Flow,
    /// Index of the interface the packet arrived on (Linux 5.17).
    pub(crate) ifindex: u32,
    remote_port: u16,
}

impl Lookup {
    /// Reads the context. Each word is read by itself: the kernel allows no wider access to it (`sk_lookup_is_valid_access`).
    #[inline(always)]
    pub(crate) fn new(ctx: &SkLookupContext) -> Self {
        let lookup = ctx.lookup;
        // SAFETY: the pointer is the context that the program was called with, and stays valid while it runs.
        let (family, protocol, local_port, remote_port, ifindex) = unsafe {
            (
                (&raw const (*lookup).family).read_volatile(),
                (&raw const (*lookup).protocol).read_volatile(),
                (&raw const (*lookup).local_port).read_volatile(),
                (&raw const (*lookup).remote_port).read_volatile(),
                (&raw const (*lookup).ingress_ifindex).read_volatile(),
            )
        };
        // SAFETY: as above.
        let (source, destination) = unsafe {
            if family == AF_INET {
                (
                    Address::from_word((&raw const (*lookup).remote_ip4).read_volatile()),
                    Address::from_word((&raw const (*lookup).local_ip4).read_volatile()),
                )
            } else {
                (words(&raw const (*lookup).remote_ip6), words(&raw const (*lookup).local_ip6))
            }
        };
        let transport = if protocol == IPPROTO_TCP { Transport::TcpSyn } else { Transport::Datagram };
        let port = (local_port & 0xffff) as u16;
        let flow = Flow { source, destination, port, transport, tag: Tag::PUBLIC, vtep: Vtep::NONE };
        Self { flow, ifindex, remote_port: u16::from_be(remote_port) }
    }

    /// The connection it belongs to.
    #[inline(always)]
    pub(crate) fn key(&self, namespace: u8) -> FlowKey {
        FlowKey::new(namespace, (&self.flow.source, self.remote_port), (&self.flow.destination, self.flow.port))
    }
}

/// # Safety
///
/// `address` points into the context.
#[inline(always)]
unsafe fn words(address: *const [u32; 4]) -> Address {
    let word = address.cast::<u32>();
    // SAFETY: all four words lie within the array that the caller vouches for.
    unsafe {
        Address::from_words([
            word.read_volatile(),
            word.add(1).read_volatile(),
            word.add(2).read_volatile(),
            word.add(3).read_volatile(),
        ])
    }
}
