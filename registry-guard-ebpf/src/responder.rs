//! The listening sockets of the responder, put there by the agent.

use aya_ebpf::btf_maps::SockMap;
use aya_ebpf::macros::btf_map;
use aya_ebpf::programs::SkLookupContext;
use registry_guard_common::{Family, RESPONDER_SOCKETS, responder_socket};

/// A socket that is closed leaves the map by itself.
#[btf_map]
static RESPONDERS: SockMap<{ RESPONDER_SOCKETS as usize }> = SockMap::new();

/// Has the responder accept the connection; false if there is none.
#[inline(always)]
pub(crate) fn accept(ctx: &SkLookupContext, namespace: u8, family: Family) -> bool {
    RESPONDERS.redirect_sk_lookup(ctx, responder_socket(namespace, family), 0).is_ok()
}
