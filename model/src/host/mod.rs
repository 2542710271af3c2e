//! The real verdict on the host: the code that runs in the kernel, over plain collections.

mod rows;
mod rules;
mod tables;

use registry_guard_common::{Flow, Interface, Judgement, Tag, Transport, Vtep, decide_at_socket, judge};

pub use rows::{endpoints, rows};
pub use rules::Rules;
pub use tables::{Host, InNamespace};

use crate::naive::{self, Lookup, Namespace};

/// One row of a registry's table: the bits of the key that count, the key, and what it says.
pub type Row = (u32, registry_guard_common::RuleKey, registry_guard_common::Entry);

impl Host {
    /// The verdict on a frame.
    pub fn judge(&self, frame: &[u8]) -> Judgement {
        judge(frame, &self.in_namespace(registry_guard_common::HOST))
    }

    /// The verdict on a lookup in `namespace`.
    pub fn judge_at_socket(&self, namespace: &Namespace, lookup: &Lookup) -> Judgement {
        let interface = interface(namespace.interface);
        let flow = Flow {
            source: lookup.source.0.into(),
            destination: lookup.destination.0.into(),
            port: lookup.destination.1,
            transport: if lookup.datagram { Transport::Datagram } else { Transport::TcpSyn },
            tag: interface.tag(),
            vtep: Vtep::NONE,
        };
        decide_at_socket(&flow, interface, &self.in_namespace(namespace.number))
    }
}

/// What the agent says of such an interface.
pub fn interface(naive: naive::Interface) -> Interface {
    match naive {
        naive::Interface::Unknown => Interface::UNKNOWN,
        naive::Interface::Loopback => Interface::loopback(),
        naive::Interface::Network { tag, counted } => Interface::new(Tag::vni(tag), counted),
    }
}
