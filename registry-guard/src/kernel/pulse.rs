//! Whether what this agent put into the kernel is still there, under the names by which the next one finds it.

use std::os::fd::AsFd as _;

use aya::maps::MapInfo;

use super::{Kernel, KernelError, bpf, pins};

/// The kernel's identifier of each pinned map, in the order of [`pins::MAPS`].
pub(super) type MapIds = Vec<u32>;

/// What is not as this agent left it.
#[derive(Debug, thiserror::Error)]
pub enum PulseError {
    /// A pin leads to another map, or to none.
    #[error("the pin of map {name} is gone or stands for another map: the next agent would not find what decides now")]
    Map {
        /// Its name.
        name: &'static str,
    },
    /// A pinned link runs another program.
    #[error("the link on interface {interface} runs program {program}, which is not of this agent")]
    Link {
        /// The index of the interface.
        interface: u32,
        /// The kernel's identifier of the program.
        program: u32,
    },
    /// The kernel does not answer.
    #[error(transparent)]
    Kernel(#[from] KernelError),
}

pub(super) fn map_ids(pins: &pins::Pins) -> Result<MapIds, KernelError> {
    pins::MAPS.iter().map(|name| Ok(MapInfo::from_pin(pins.map(name))?.id())).collect()
}

impl Kernel {
    /// Looks at every pin, and reads a map.
    pub fn pulse(&self) -> Result<(), PulseError> {
        for (&name, &id) in pins::MAPS.iter().zip(&self.map_ids) {
            let found = MapInfo::from_pin(self.pins.map(name)).map(|info| info.id());
            if found.ok() != Some(id) {
                return Err(PulseError::Map { name });
            }
        }
        for interface in self.linked()? {
            let link = bpf::open_pin(&self.pins.link(interface)).map_err(KernelError::bpf("opening a link"))?;
            let program =
                bpf::program_of_link(link.as_fd()).map_err(KernelError::bpf("asking for a link's program"))?;
            if program != self.program_id {
                return Err(PulseError::Link { interface, program });
            }
        }
        self.reasons()?;
        Ok(())
    }
}
