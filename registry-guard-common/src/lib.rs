//! The packet parser, the verdict, and the records that registry-guard's kernel programs share with its agent.
//!
//! Everything here is `no_std`, free of `unsafe`, and generic over two small traits: [`Frame`] (the bytes of a packet)
//! and [`Tables`] (the rules). The kernel programs implement them over packet memory and BPF maps, host tests over
//! slices and plain collections, so both run the same code.
#![no_std]

mod address;
mod budget;
mod decide;
mod endpoint;
mod event;
mod flow;
mod flow_record;
mod frame;
mod front;
mod guarded_ports;
mod host_table;
mod interface;
mod layout;
mod network;
mod outcome;
mod parse;
mod plain;
#[cfg(feature = "agent")]
mod pod;
mod probe;
mod reason;
mod reset;
mod rule;
mod transport;
mod wire;

pub use address::{Address, Family};
pub use budget::{Budget, BudgetSource, Spent};
pub use decide::{Judgement, RuleTable, Tables, decide, decide_at_socket, judge};
pub use endpoint::{Datagrams, Endpoint, EndpointKey, HOST, LocalTraffic, Response};
pub use event::{Event, Layer};
pub use flow::{Flow, Tag, Transport, Vtep};
pub use flow_record::{FlowKey, FlowRecord};
pub use frame::Frame;
pub use front::{
    FRONT_HEAD_WORDS, FRONT_LINE_WORDS, FRONT_SEED, FRONT_STEPS, FRONT_STRIDE, FrontBits, FrontHead, FrontHeader,
    FrontLine, FrontNodes, FrontWords, Root, Slot, SlotKind, Summary, Which, may_cover,
};
pub use guarded_ports::GuardedPorts;
pub use host_table::{Half, HostTable, LISTENER_ROWS, Listener, Listeners};
pub use interface::{Interface, InterfaceKey, LocalAddressKey};
pub use layout::{
    BUDGET_SOURCES, ENDPOINT_CAPACITY, EVENT_BUDGET_ADMITTED, EVENT_BUDGET_STOPPED, EVENT_BUDGETS, EVENT_BYTES,
    FLOW_CAPACITY, INTERFACE_CAPACITY, LAYOUT_VERSION, LOCAL_ADDRESS_CAPACITY, MAX_NAMESPACES, MAX_REGISTRIES,
    NOBODYS_PLACE, PLACES, REASON_COUNTERS, RESPONDER_SOCKETS, Settings, VTEP_CAPACITY, reason_counter,
    responder_socket,
};
pub use outcome::{OUTCOME_COUNTERS, Outcome, outcome_counter};
pub use parse::{Headers, look_closer, open, parse};
pub use plain::{Sight, gather, glance};
pub use probe::{PROBE_BYTES, Probe};
pub use reason::{Class, Reason};
pub use reset::Reset;
pub use rule::{Entry, NO_COUNTER, RuleKey, Verdict};
