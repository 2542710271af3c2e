//! One trie for each registry: built aside, swapped whole, or changed by one entry.

use std::collections::BTreeMap;

use aya::Ebpf;
use aya::maps::lpm_trie::Key;
use aya::maps::{ArrayOfMaps, MapData};
use ipnet::IpNet;
use registry_guard_common::{Address, Entry, Family, NO_COUNTER, Reason, RuleKey, Tag};

use super::trie::{self, Trie};
use super::{KernelError, retired, take};

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

/// A table in the kernel, not necessarily in force.
pub struct RuleTrie(Trie);

impl RuleTrie {
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
        trie::build(table, capacity).map(Self)
    }

    /// Frees a table that is not in force, without holding a CPU for long. Returns at once.
    pub fn retire(self) {
        retired::retire(self.0);
    }
}

pub(super) struct Rules {
    slots: ArrayOfMaps<MapData, Trie>,
    in_force: BTreeMap<u32, RuleTrie>,
}

impl Rules {
    pub(super) fn take(ebpf: &mut Ebpf) -> Result<Self, KernelError> {
        Ok(Self { slots: ArrayOfMaps::try_from(take(ebpf, "RULES")?)?, in_force: BTreeMap::new() })
    }

    pub(super) fn swap(&mut self, slot: u32, trie: RuleTrie) -> Result<Option<RuleTrie>, KernelError> {
        // What an earlier agent put there has no owner yet.
        let inherited = if self.in_force.contains_key(&slot) { None } else { self.slots.get(&slot, 0).ok() };
        self.slots.set(slot, &trie.0, 0)?;
        Ok(self.in_force.insert(slot, trie).or(inherited.map(RuleTrie)))
    }

    pub(super) fn insert(&mut self, slot: u32, row: &Row) -> Result<(), KernelError> {
        trie::insert_one(self.trie(slot)?, row)
    }

    pub(super) fn remove(&mut self, slot: u32, row: &Row) -> Result<(), KernelError> {
        Ok(self.trie(slot)?.remove(&row.key())?)
    }

    /// A store into an array of maps returns after a grace period (`maybe_wait_bpf_programs`), and TCP handles a SYN within
    /// one read-side section (`ip_local_deliver_finish`).
    pub(super) fn settle(&mut self, slot: u32) -> Result<(), KernelError> {
        let trie = self.in_force.get(&slot).ok_or(KernelError::NoTable(slot))?;
        Ok(self.slots.set(slot, &trie.0, 0)?)
    }

    fn trie(&mut self, slot: u32) -> Result<&mut Trie, KernelError> {
        self.in_force.get_mut(&slot).map(|trie| &mut trie.0).ok_or(KernelError::NoTable(slot))
    }
}
