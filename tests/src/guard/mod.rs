//! The real verdict, twice: the program loaded into the kernel, and the same code on the host.

mod host;
mod policy;

use std::path::PathBuf;

use anyhow::{Result, ensure};
use aya::maps::{Array, ArrayOfMaps, Map, MapData, MapError};
use registry_guard::compile::compile;
use registry_guard::kernel::{Kernel, LoadedTable, Pins};
use registry_guard_common::{FrontLine, Judgement, LAYOUT_VERSION, Reason, judge};
use tempfile::TempDir;

pub use self::host::HostTables;

use crate::naive;
use crate::net::Bpffs;

/// `enum xdp_action` of the kernel's interface to user space.
const XDP_DROP: u32 = 1;
const XDP_PASS: u32 = 2;
const XDP_TX: u32 = 3;

/// Tries grow to this many prefixes at the most.
const CAPACITY: u32 = 4096;

/// A loaded program with pins of its own, attached to nothing, and its twin on the host.
pub struct Guard {
    kernel: Kernel,
    host: HostTables,
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
        let host = HostTables::new(&naive::Policy::default());
        let mut guard = Self { kernel, host, bpffs, _folder: folder };
        guard.set(policy)?;
        Ok(guard)
    }

    /// Puts other rules in force.
    pub fn set(&mut self, policy: &naive::Policy) -> Result<()> {
        let (compiled, trusted) = (policy::policy(policy), policy::trusted(policy));
        for registry in compiled.registries.values() {
            let table = compile(registry, &compiled, &trusted);
            self.kernel.swap(registry.slot, LoadedTable::build(&table, CAPACITY)?)?;
        }
        self.kernel.set_host(&policy::host_tables(policy))?;
        self.host = HostTables::new(policy);
        Ok(())
    }

    /// The verdict of the code on the host.
    pub fn on_host(&self, frame: &[u8]) -> Judgement {
        judge(frame, &self.host)
    }

    /// The verdict of the loaded program, asked without a trace.
    pub fn ask(&mut self, frame: &[u8]) -> Result<Reason> {
        Ok(self.kernel.ask(frame)?.reason)
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

    /// The fronts in force, as arrays of lines.
    pub fn fronts(&self) -> Result<Vec<Array<MapData, FrontLine>>> {
        let pin = self.pins().join(format!("maps-v{LAYOUT_VERSION}")).join("FRONTS");
        let slots: ArrayOfMaps<MapData, MapData> = Map::ArrayOfMaps(MapData::from_pin(pin)?).try_into()?;
        (0..slots.len())
            .filter_map(|slot| match slots.get(&slot, 0) {
                Ok(front) => Some(Map::Array(front).try_into().map_err(Into::into)),
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
