//! The real verdict, twice: the program loaded into the kernel, and the same code on the host.

mod policy;
mod twin;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};
use std::os::fd::AsFd as _;
use std::path::PathBuf;

use anyhow::{Result, ensure};
use aya::Pod;
use aya::maps::{Array, ArrayOfMaps, Map, MapData, MapError};
use model::host::{Host, interface};
use registry_guard::compile::compile;
use registry_guard::kernel::{Answer, Kernel, LoadedTable, LookedUp, Lookup, OutcomeCounts, Pins, ReasonCounts, Table};
use registry_guard_common::{
    Address, Family, FlowKey, FlowRecord, FrontHead, FrontLine, Judgement, LAYOUT_VERSION, Reason,
};
use tempfile::TempDir;

use crate::naive::{self, Namespace};
use crate::net::Bpffs;

/// `enum xdp_action` of the kernel's interface to user space.
const XDP_DROP: u32 = 1;
const XDP_PASS: u32 = 2;
const XDP_TX: u32 = 3;

/// `BPF_PROG_TEST_RUN` has every lookup arrive on the interface with this index.
const ONLY_INTERFACE: u32 = 0;

/// Tries grow to this many prefixes at the most.
const CAPACITY: u32 = 4096;

/// A loaded program with pins of its own, attached to nothing, and its twin on the host.
pub struct Guard {
    kernel: Kernel,
    host: Host,
    responder: [(Family, TcpListener); 2],
    bpffs: Bpffs,
    _folder: TempDir,
}

/// What the kernel did with one frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Whether the frame goes on to the network stack.
    pub passed: bool,
    /// The frame sent back, if one was.
    pub reply: Option<Vec<u8>>,
    /// The one counter that grew: of which registry (its index in the policy), and for which reason.
    pub counted: (Option<u32>, Reason),
}

impl Guard {
    /// Loads the program with the rules of `policy`; the registries' slots are their indexes.
    pub fn new(policy: &naive::Policy) -> Result<Self> {
        let folder = TempDir::with_prefix("rg-guard-")?;
        let bpffs = Bpffs::mount(folder.path())?;
        let kernel = Kernel::load(Pins::take(&bpffs.path().join("pins"))?, CAPACITY)?;
        let responder = [
            (Family::V4, TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?),
            (Family::V6, TcpListener::bind((Ipv6Addr::LOCALHOST, 0))?),
        ];
        let host = Host::new(&naive::Policy::default());
        let mut guard = Self { kernel, host, responder, bpffs, _folder: folder };
        guard.set(policy)?;
        Ok(guard)
    }

    /// Puts other rules in force.
    pub fn set(&mut self, policy: &naive::Policy) -> Result<()> {
        let (compiled, trusted) = (policy::policy(policy), policy::trusted(policy));
        let mut registries: Vec<_> = compiled.registries.values().collect();
        registries.sort_by_key(|registry| registry.slot);
        let tables: Vec<Table> = registries.iter().map(|registry| compile(registry, &compiled, &trusted)).collect();
        for (slot, table) in (0..).zip(&tables) {
            self.kernel.swap(slot, LoadedTable::build(table, CAPACITY)?)?;
        }
        self.kernel.set_host(&policy::host_tables(policy))?;
        for namespace in &policy.namespaces {
            self.set_namespace(namespace)?;
        }
        self.host = twin::twin(policy, &tables);
        Ok(())
    }

    fn set_namespace(&mut self, namespace: &Namespace) -> Result<()> {
        let interfaces = match namespace.interface {
            naive::Interface::Unknown => BTreeMap::new(),
            known => BTreeMap::from([(ONLY_INTERFACE, interface(known))]),
        };
        let own_addresses: BTreeSet<_> = namespace.own_addresses.iter().copied().collect();
        self.kernel.set_interfaces(namespace.number, &interfaces)?;
        self.kernel.set_local_addresses(namespace.number, &own_addresses)?;
        self.kernel.clear_listeners(namespace.number)?;
        for (family, socket) in self.responder.iter().filter(|_| namespace.responder) {
            self.kernel.set_listener(namespace.number, *family, socket.as_fd())?;
        }
        Ok(())
    }

    /// The verdict of the code on the host.
    pub fn on_host(&self, frame: &[u8]) -> Judgement {
        self.host.judge(frame)
    }

    /// The verdict of the code on the host about a lookup.
    pub fn on_host_at_socket(&self, namespace: &Namespace, lookup: &naive::Lookup) -> Judgement {
        self.host.judge_at_socket(namespace, lookup)
    }

    /// The verdict of the loaded program, asked without a trace.
    pub fn ask(&mut self, frame: &[u8]) -> Result<Reason> {
        Ok(self.answer(frame)?.reason)
    }

    /// All that the loaded program says of a frame, asked without a trace.
    pub fn answer(&mut self, frame: &[u8]) -> Result<Answer> {
        Ok(self.kernel.ask(frame)?)
    }

    /// Whether an arriving frame goes on to the network stack.
    pub fn passes(&mut self, frame: &[u8]) -> Result<bool> {
        let (action, _) = self.kernel.run(frame)?;
        ensure!([XDP_DROP, XDP_PASS, XDP_TX].contains(&action), "the program returned {action}");
        Ok(action == XDP_PASS)
    }

    /// What the loaded program at the socket does with a lookup in `namespace`.
    pub fn look_up(&mut self, namespace: &Namespace, lookup: &naive::Lookup) -> Result<LookedUp> {
        self.kernel.load_socket_layer(namespace.number)?;
        let question = Lookup {
            datagram: lookup.datagram,
            remote: (Address::from(lookup.source.0), lookup.source.1),
            local: (Address::from(lookup.destination.0), lookup.destination.1),
        };
        Ok(self.kernel.look_up(namespace.number, &question)?)
    }

    /// What the second layer remembers of the connection that `lookup` in `namespace` would open.
    pub fn remembered(&self, namespace: &Namespace, lookup: &naive::Lookup) -> Result<Option<FlowRecord>> {
        let end = |(address, port)| (Address::from(address), port);
        let (remote, local) = (end(lookup.source), end(lookup.destination));
        let key = FlowKey::new(namespace.number, (&remote.0, remote.1), (&local.0, local.1));
        Ok(self.kernel.flow(&key)?)
    }

    /// Packets by registry and reason.
    pub fn reasons(&self) -> Result<ReasonCounts> {
        Ok(self.kernel.reasons()?)
    }

    /// What was done, by registry.
    pub fn outcomes(&self) -> Result<OutcomeCounts> {
        Ok(self.kernel.outcomes()?)
    }

    /// Times that the rule with this counter decided.
    pub fn rule_hits(&self, counter: u32) -> u64 {
        self.kernel.rule_hits(counter)
    }

    /// What the loaded program does with an arriving frame, and what it counts.
    pub fn run(&mut self, frame: &[u8]) -> Result<Outcome> {
        let before = self.kernel.reasons()?;
        let (action, left) = self.kernel.run(frame)?;
        let after = self.kernel.reasons()?;
        let grown: Vec<_> = after
            .iter()
            .flat_map(|(registry, reasons)| reasons.iter().map(move |(reason, count)| (*registry, *reason, *count)))
            .filter_map(|(registry, reason, count)| {
                let had = before.get(&registry).and_then(|reasons| reasons.get(&reason)).copied().unwrap_or(0);
                (count != had).then_some((registry, reason, count - had))
            })
            .collect();
        ensure!(matches!(grown[..], [(_, _, 1)]), "exactly one counter grows by one for a frame, but here: {grown:?}");
        let (registry, reason, _) = grown[0];
        let reply = (action == XDP_TX).then_some(left);
        ensure!([XDP_DROP, XDP_PASS, XDP_TX].contains(&action), "the program returned {action}");
        Ok(Outcome { passed: action == XDP_PASS, reply, counted: (registry, reason) })
    }

    /// The kernel's identifier of the loaded program.
    pub const fn program_id(&self) -> u32 {
        self.kernel.program_id()
    }

    /// The heads of the fronts in force.
    pub fn fronts(&self) -> Result<Vec<Array<MapData, FrontHead>>> {
        self.maps_in("FRONTS")
    }

    /// Their nodes, as arrays of lines.
    pub fn nodes(&self) -> Result<Vec<Array<MapData, FrontLine>>> {
        self.maps_in("NODES")
    }

    /// The arrays that stand in a map of maps.
    fn maps_in<V: Pod>(&self, name: &str) -> Result<Vec<Array<MapData, V>>> {
        let pin = self.pins().join(format!("maps-v{LAYOUT_VERSION}")).join(name);
        let slots: ArrayOfMaps<MapData, MapData> = Map::ArrayOfMaps(MapData::from_pin(pin)?).try_into()?;
        (0..slots.len())
            .filter_map(|slot| match slots.get(&slot, 0) {
                Ok(map) => Some(Map::Array(map).try_into().map_err(Into::into)),
                Err(MapError::KeyNotFound) => None,
                Err(problem) => Some(Err(problem.into())),
            })
            .collect()
    }

    /// The folder in which the maps are pinned.
    pub fn pins(&self) -> PathBuf {
        self.bpffs.path().join("pins")
    }
}
