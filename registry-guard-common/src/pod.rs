//! Lets the shared records cross the bpf(2) boundary.
#![expect(unsafe_code, reason = "aya asks for a marker on what is copied to and from the kernel")]

use aya::Pod;
use zerocopy::{FromBytes, IntoBytes};

use crate::{
    Budget, Endpoint, EndpointKey, Entry, Event, FlowKey, FlowRecord, GuardedPorts, Interface, InterfaceKey, Listeners,
    LocalAddressKey, RuleKey, Settings,
};

const fn plain_bytes<T: FromBytes + IntoBytes>() {}

macro_rules! pod {
    ($($record:ty),+) => {$(
        const _: () = plain_bytes::<$record>();
        // SAFETY: zerocopy's derives, asked for in the line above, prove at compile time that the record has no padding
        // and that every bit pattern is a valid one.
        unsafe impl Pod for $record {}
    )+};
}

pod!(
    Budget,
    Endpoint,
    EndpointKey,
    Entry,
    Event,
    FlowKey,
    FlowRecord,
    GuardedPorts,
    Listeners,
    Interface,
    InterfaceKey,
    LocalAddressKey,
    RuleKey,
    Settings
);
