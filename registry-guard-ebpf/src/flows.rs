//! Connections whose network or fate nobody else would remember.

use aya_ebpf::btf_maps::LruHashMap;
use aya_ebpf::macros::btf_map;
use registry_guard_common::{FLOW_CAPACITY, FlowKey, FlowRecord};

#[btf_map]
static FLOWS: LruHashMap<FlowKey, FlowRecord, { FLOW_CAPACITY as usize }> = LruHashMap::new();

/// Remembers `record`.
#[inline(always)]
pub(crate) fn remember(key: &FlowKey, record: &FlowRecord) {
    // A full LRU map forgets its oldest entry, and a connection that is forgotten is taken for public traffic.
    let _ = FLOWS.insert(key, record, 0);
}

/// Forgets what an earlier connection with the same numbers left.
#[inline(always)]
pub(crate) fn forget(key: &FlowKey) {
    if FLOWS.get_ptr(key).is_some() {
        let _ = FLOWS.remove(key);
    }
}
