//! The only module that talks to bpf(2): it loads the programs, fills their maps, attaches them and asks them.

mod attach;
mod bpf;
mod clock;
mod counters;
mod error;
mod events;
mod flows;
mod front_map;
mod host;
mod layouts;
mod lookup_context;
mod mapped;
mod object;
mod pins;
mod places;
mod probe;
mod pulse;
mod release;
mod retired;
mod rules;
mod socket_layer;
mod trial;
mod trie;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use aya::Ebpf;
use aya::maps::{Array, RingBuf};
use aya::programs::Xdp;
use registry_guard_common::{Address, Endpoint, FlowKey, FlowRecord, Interface};

pub(crate) use self::attach::interface_name;
pub use self::attach::{AttachError, Attachment, detach_pins, pinned_links};
pub use self::counters::{OutcomeCounts, ReasonCounts};
pub use self::error::KernelError;
pub use self::events::{EventBudget, EventStream, Events};
pub use self::host::HostTables;
pub use self::lookup_context::{LookedUp, Lookup};
pub use self::pins::{LookupPin, Pins, path_number};
pub use self::probe::Answer;
pub use self::pulse::PulseError;
pub use self::rules::{LoadedTable, Row, Table};
pub use self::socket_layer::{Standing, number_namespaces};
pub use self::trial::try_to_load;

use self::counters::Counters;
use self::flows::Flows;
use self::host::HostMaps;
use self::rules::Rules;
use self::socket_layer::{Responders, SocketLayer};

/// Name of the XDP program, also in `bpftool prog` and `ip link`.
pub const GUARD_XDP: &str = "guard_xdp";
/// Name of the program at the socket.
pub const GUARD_SK_LOOKUP: &str = "guard_sk_lookup";

/// The loaded programs and their maps.
///
/// Dropping it changes nothing in the kernel: links and maps are pinned and go on deciding.
pub struct Kernel {
    ebpf: Ebpf,
    pins: Pins,
    host: HostMaps,
    rules: Rules,
    counters: Counters,
    flows: Flows,
    responders: Responders,
    socket_layers: BTreeMap<u8, SocketLayer>,
    rule_capacity: u32,
    events: Option<Events>,
    budget: Option<EventBudget>,
    program_id: u32,
    map_ids: pulse::MapIds,
}

impl Kernel {
    /// Loads the program, with the maps that are pinned where their shape is still right. Nothing is attached yet, and a
    /// program that is attached goes on with its maps.
    ///
    /// `rule_capacity` is the number of rules for which hit counters are kept.
    pub fn load(pins: Pins, rule_capacity: u32) -> Result<Self, KernelError> {
        pins.drop_maps_of_another_shape(rule_capacity)?;
        let mut loader = object::loader(rule_capacity);
        for name in pins::MAPS {
            loader.map_pin_path(name, pins.map(name));
        }
        let mut ebpf = object::load(&mut loader)?;
        let program = program(&mut ebpf)?;
        program.load().map_err(KernelError::Verifier)?;
        let program_id = program.info()?.id();
        let events = Events::new(RingBuf::try_from(take(&mut ebpf, "EVENTS")?)?);
        let budget = EventBudget::new(Array::try_from(take(&mut ebpf, "EVENT_BUDGET")?)?);
        Ok(Self {
            host: HostMaps::take(&mut ebpf)?,
            rules: Rules::take(&mut ebpf)?,
            counters: Counters::take(&mut ebpf)?,
            flows: Flows::take(&mut ebpf)?,
            responders: Responders::take(&mut ebpf)?,
            socket_layers: BTreeMap::new(),
            rule_capacity,
            events: Some(events),
            budget: Some(budget),
            program_id,
            map_ids: pulse::map_ids(&pins)?,
            ebpf,
            pins,
        })
    }

    /// Replaces what the program knows about this host. Endpoints are added before others are taken away, so that no
    /// endpoint that stays is ever unguarded.
    pub fn set_host(&mut self, tables: &HostTables) -> Result<(), KernelError> {
        self.host.set(tables, || self.rules.settle())
    }

    /// Whether the second layer was said to stand, by this agent or an earlier one.
    pub const fn second_layer_stands(&self) -> bool {
        self.host.second_layer_stands()
    }

    /// Says whether the second layer was seen to stand, and so may be left to decide what the first cannot.
    pub fn set_second_layer(&mut self, stands: bool) -> Result<(), KernelError> {
        self.host.set_second_layer(stands)
    }

    /// Says that the second layer stands in other network namespaces for this long, or, without a limit, that none is to be
    /// looked at.
    pub fn vouch(&mut self, limit: Option<Duration>) -> Result<(), KernelError> {
        self.host.set_vouched_until(limit.map_or(Ok(0), clock::second_after)?)
    }

    /// Replaces what is known about the interfaces of the network namespace with this number.
    pub fn set_interfaces(&mut self, namespace: u8, interfaces: &BTreeMap<u32, Interface>) -> Result<(), KernelError> {
        self.host.set_interfaces(namespace, interfaces)
    }

    /// Replaces the addresses of the network namespace with this number.
    pub fn set_local_addresses(&mut self, namespace: u8, addresses: &BTreeSet<IpAddr>) -> Result<(), KernelError> {
        self.host.set_local_addresses(namespace, addresses)
    }

    /// What the second layer remembers about a connection.
    pub fn flow(&self, key: &FlowKey) -> Result<Option<FlowRecord>, KernelError> {
        self.flows.get(key)
    }

    /// The endpoint at this address and port in the network namespace with this number, itself or through a wildcard.
    pub fn endpoint(&self, namespace: u8, address: &Address, port: u16) -> Result<Option<Endpoint>, KernelError> {
        self.host.endpoint(namespace, address, port)
    }

    /// What was done, by registry, summed over all CPUs.
    pub fn outcomes(&self) -> Result<OutcomeCounts, KernelError> {
        self.counters.outcomes()
    }

    /// Puts a whole table in force for the registry in `slot`, in one step, and returns the one it replaces.
    pub fn swap(&mut self, slot: u32, table: LoadedTable) -> Result<Option<LoadedTable>, KernelError> {
        self.rules.swap(slot, table)
    }

    /// Adds to the table in force one entry, or changes the one that was `before`.
    pub fn insert(&mut self, slot: u32, row: &Row, before: Option<&Row>) -> Result<(), KernelError> {
        self.rules.insert(slot, row, before)
    }

    /// Takes one entry out of the table in force.
    pub fn remove(&mut self, slot: u32, row: &Row) -> Result<(), KernelError> {
        self.rules.remove(slot, row)
    }

    /// Returns after every packet is judged, and what it opens is there, that met the tables as they were before this call.
    pub fn settle(&mut self) -> Result<(), KernelError> {
        self.rules.settle()
    }

    /// Times the rule with this counter decided since its counter was last cleared.
    pub fn rule_hits(&self, counter: u32) -> u64 {
        self.counters.rule_hits(counter)
    }

    /// Starts the counters of rules anew.
    pub fn clear_rule_hits(&mut self, counters: &[u32]) -> Result<(), KernelError> {
        self.counters.clear_rule_hits(counters)
    }

    /// Packets by registry and reason, summed over all CPUs.
    pub fn reasons(&self) -> Result<ReasonCounts, KernelError> {
        self.counters.reasons()
    }

    /// The stream of denied events and its budget; there is one reader.
    pub fn take_events(&mut self) -> Option<(Events, EventBudget)> {
        Some((self.events.take()?, self.budget.take()?))
    }

    /// The kernel's identifier of the loaded program.
    pub const fn program_id(&self) -> u32 {
        self.program_id
    }
}

fn program(ebpf: &mut Ebpf) -> Result<&mut Xdp, KernelError> {
    let program = ebpf.program_mut(GUARD_XDP).ok_or(KernelError::Incomplete(GUARD_XDP))?;
    Ok(program.try_into()?)
}

fn take(ebpf: &mut Ebpf, name: &'static str) -> Result<aya::maps::Map, KernelError> {
    ebpf.take_map(name).ok_or(KernelError::Incomplete(name))
}
