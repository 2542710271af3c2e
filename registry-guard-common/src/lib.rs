//! The packet parser, the verdict, and the records that registry-guard's kernel programs share with its agent.
//!
//! Everything here is `no_std`, free of `unsafe`, and generic over two small traits: [`Frame`] (the bytes of a packet)
//! and [`Tables`] (the rules). The kernel programs implement them over packet memory and BPF maps, host tests over
//! slices and plain collections, so both run the same code.
#![no_std]

mod address;
mod decide;
mod endpoint;
mod event;
mod flow;
mod frame;
mod layout;
mod network;
mod parse;
#[cfg(feature = "agent")]
mod pod;
mod probe;
mod reason;
mod reset;
mod rule;
mod transport;
mod wire;

pub use address::{Address, Family};
pub use decide::{Judgement, Tables, decide, judge};
pub use endpoint::{Datagrams, Endpoint, EndpointKey, Response};
pub use event::Event;
pub use flow::{Encapsulation, Flow, Tag, Transport};
pub use frame::Frame;
pub use layout::{
    ENDPOINT_CAPACITY, EVENT_BYTES, LAYOUT_VERSION, MAX_REGISTRIES, REASON_COUNTERS, Settings, VTEP_CAPACITY,
    reason_counter,
};
pub use parse::{Headers, parse};
pub use probe::{PROBE_BYTES, Probe};
pub use reason::{Class, Reason};
pub use reset::Reset;
pub use rule::{Entry, NO_COUNTER, RuleKey, Verdict};
