//! One table for each registry, a trie and its front: built aside, swapped whole, or changed by one entry.

use std::collections::BTreeMap;

use aya::Ebpf;
use aya::maps::lpm_trie::Key;
use aya::maps::{ArrayOfMaps, MapData};
use ipnet::IpNet;
use registry_guard_common::{Address, Entry, Family, NO_COUNTER, Reason, RuleKey, Tag, Which};
use tracing::debug;

use super::front_map::FrontMap;
use super::places::Places;
use super::trie::{self, Trie};
use super::{KernelError, retired, take};
use crate::front::{Draft, Front};

/// One entry of a registry's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    bits: u32,
    key: RuleKey,
    entry: Entry,
}

impl Row {
    /// What `prefix` on the network `tag` gets.
    pub fn prefix(tag: Tag, prefix: IpNet, entry: Entry) -> Self {
        Self {
            bits: RuleKey::SCOPE_BITS + u32::from(prefix.prefix_len()),
            key: RuleKey::new(tag, &Address::from(prefix.network())),
            entry,
        }
    }

    /// What every source of a family gets, whatever its network, unless another row is more specific.
    pub fn family(family: Family, reason: Reason) -> Self {
        let unspecified = match family {
            Family::V4 => Address::v4([0; 4]),
            Family::V6 => Address::v6([0; 16]),
        };
        Self {
            bits: RuleKey::FAMILY_BITS,
            key: RuleKey::new(Tag::PUBLIC, &unspecified),
            entry: Entry::new(reason, NO_COUNTER),
        }
    }

    /// What connections from the network `tag` to `destination` get, before their source is looked at.
    pub fn private_endpoint(tag: Tag, destination: &Address, entry: Entry) -> Self {
        Self { bits: RuleKey::lookup_bits(destination), key: RuleKey::private_endpoint(tag, destination), entry }
    }

    /// A prefix of trusted VTEPs, which has no verdict of its own.
    pub(super) fn trusted(prefix: IpNet) -> Self {
        Self::prefix(Tag::PUBLIC, prefix, Entry::new(Reason::NoRule, NO_COUNTER))
    }

    pub(super) fn key(&self) -> Key<RuleKey> {
        Key::new(self.bits, self.key)
    }

    /// The entry of this row.
    pub const fn entry(&self) -> Entry {
        self.entry
    }

    /// Bits of the key that must match, and the key.
    pub const fn place(&self) -> (u32, RuleKey) {
        (self.bits, self.key)
    }
}

/// All rows of one registry.
pub type Table = Vec<Row>;

/// A table in the kernel, not necessarily in force: a trie with all rows, and its front.
pub struct LoadedTable {
    trie: Trie,
    front: Front<FrontMap>,
}

impl LoadedTable {
    /// Puts a whole table into a new trie that may grow to `capacity` prefixes.
    ///
    /// # Errors
    ///
    /// [`KernelError::TableFull`] if the table does not fit, or what the kernel says.
    pub fn build(table: &[Row], capacity: u32) -> Result<Self, KernelError> {
        // Both rows for a whole family are no rules.
        let capacity = capacity.saturating_add(2);
        if u32::try_from(table.len()).map_or(true, |need| need > capacity) {
            return Err(KernelError::TableFull { need: table.len().saturating_sub(2), limit: capacity - 2 });
        }
        let front = Front::build(table.iter().map(|row| (row.bits, row.key, row.entry.reason())));
        Ok(Self { front: into_map(front)?, trie: trie::build(table, capacity)? })
    }

    /// Frees a table that is not in force, without holding a CPU for long. Returns at once.
    pub fn retire(self) {
        retired::retire(self.trie);
    }
}

pub(super) struct Rules {
    fronts: ArrayOfMaps<MapData, MapData>,
    nodes: Places<MapData>,
    /// Nodes of no front.
    nobodys: MapData,
    tries: Places<Trie>,
    in_force: BTreeMap<u32, InForce>,
}

/// A table, and which of the two places of its registry its trie and its nodes stand in.
struct InForce {
    table: LoadedTable,
    trie: Which,
    nodes: Which,
}

impl Rules {
    pub(super) fn take(ebpf: &mut Ebpf) -> Result<Self, KernelError> {
        Ok(Self {
            fronts: ArrayOfMaps::try_from(take(ebpf, "FRONTS")?)?,
            nodes: Places::take(ebpf, "NODES")?,
            nobodys: FrontMap::no_nodes()?,
            tries: Places::take(ebpf, "RULES")?,
            in_force: BTreeMap::new(),
        })
    }

    /// Trie and nodes go into places that no packet looks at; then one store puts the head there that names them. A store into an
    /// array of maps returns after a grace period (`maybe_wait_bpf_programs`), so nobody looks at what is old when its place is
    /// cleared.
    pub(super) fn swap(&mut self, slot: u32, mut table: LoadedTable) -> Result<Option<LoadedTable>, KernelError> {
        let before = self.in_force.get(&slot);
        let trie = self.tries.put_aside(slot, before.map(|before| before.trie), &table.trie)?;
        let nodes = self.nodes.put_aside(slot, before.map(|before| before.nodes), table.front.memory().nodes())?;
        table.front.set_places(trie, nodes);
        self.fronts.set(slot, table.front.memory().head(), 0)?;
        // What an earlier agent put there has no other owner. To open it by its number takes CAP_SYS_ADMIN; without that the kernel
        // frees it in one go.
        let inherited = if before.is_some() { None } else { self.tries.get(slot, trie.other()).ok() };
        self.tries.clear(slot, trie.other());
        self.nodes.clear(slot, nodes.other());
        if let Some(inherited) = inherited {
            retired::retire(inherited);
        }
        Ok(self.in_force.insert(slot, InForce { table, trie, nodes }).map(|before| before.table))
    }

    /// First into the trie, then into the front: in between, whoever is new is still denied.
    pub(super) fn insert(&mut self, slot: u32, row: &Row, before: Option<&Row>) -> Result<(), KernelError> {
        let table = self.table(slot)?;
        trie::insert_one(&table.trie, row)?;
        if table.front.insert(row.bits, &row.key).is_ok() {
            return Ok(());
        }
        let grown = into_map(table.front.rebuilt_with(row.bits, &row.key)).and_then(|front| self.replace(slot, front));
        if grown.is_err() {
            let trie = &mut self.table(slot)?.trie;
            match before {
                Some(before) => trie::insert_one(trie, before)?,
                None => trie.remove(&row.key())?,
            }
        }
        grown
    }

    /// First out of the trie: the front may ask for what is not there.
    pub(super) fn remove(&mut self, slot: u32, row: &Row) -> Result<(), KernelError> {
        let table = self.table(slot)?;
        table.trie.remove(&row.key())?;
        if table.front.remove(row.bits, &row.key).is_err()
            && let Err(problem) =
                into_map(table.front.rebuilt_without(row.bits, &row.key)).and_then(|front| self.replace(slot, front))
        {
            debug!(%problem, "the front goes on asking for a row that is gone");
        }
        Ok(())
    }

    /// Returns after a grace period: no packet looks any more at what it could see before, and TCP, which handles a SYN within one
    /// read-side section (`ip_local_deliver_finish`), has done so.
    pub(super) fn settle(&mut self) -> Result<(), KernelError> {
        self.nodes.settle(&self.nobodys)
    }

    /// Puts another front before the trie in force.
    fn replace(&mut self, slot: u32, mut front: Front<FrontMap>) -> Result<(), KernelError> {
        let in_force = self.in_force.get_mut(&slot).ok_or(KernelError::NoTable(slot))?;
        let nodes = self.nodes.put_aside(slot, Some(in_force.nodes), front.memory().nodes())?;
        front.set_places(in_force.trie, nodes);
        self.fronts.set(slot, front.memory().head(), 0)?;
        self.nodes.clear(slot, nodes.other());
        in_force.nodes = nodes;
        in_force.table.front = front;
        Ok(())
    }

    fn table(&mut self, slot: u32) -> Result<&mut LoadedTable, KernelError> {
        self.in_force.get_mut(&slot).map(|in_force| &mut in_force.table).ok_or(KernelError::NoTable(slot))
    }
}

fn into_map(front: Option<Front<Draft>>) -> Result<Front<FrontMap>, KernelError> {
    front.ok_or(KernelError::FrontFull)?.try_moved(FrontMap::new)
}
