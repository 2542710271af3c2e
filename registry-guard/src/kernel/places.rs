//! Two places for a map of each registry: one is in force while the other is filled. What is in force is named elsewhere.

use std::os::fd::{AsFd as _, OwnedFd};

use aya::Ebpf;
use aya::maps::{ArrayOfMaps, FromMapData, InnerMap, Map, MapData};
use nix::errno::Errno;
use registry_guard_common::{NOBODYS_PLACE, Which};
use tracing::debug;

use super::{KernelError, bpf, take};

pub(super) struct Places<M: InnerMap> {
    maps: ArrayOfMaps<MapData, M>,
    /// That of `maps`, which keeps it to itself.
    descriptor: OwnedFd,
}

/// What stands there before something new comes.
enum Before {
    Nothing,
    /// What is in force is in this place.
    Behind(Which),
    /// An earlier agent ended in the middle of a swap, and what is in force may be in either place.
    Either,
}

impl<M: InnerMap> Places<M> {
    pub(super) fn take(ebpf: &mut Ebpf, name: &'static str) -> Result<Self, KernelError> {
        let maps = take(ebpf, name)?;
        let Map::ArrayOfMaps(data) = &maps else { return Err(KernelError::Incomplete(name)) };
        let descriptor = data.fd().as_fd().try_clone_to_owned();
        Ok(Self {
            descriptor: descriptor.map_err(KernelError::bpf("holding a map of maps"))?,
            maps: ArrayOfMaps::try_from(maps)?,
        })
    }

    /// Puts `map` where no packet looks, given what this agent knows to be in force, and says where that is.
    pub(super) fn put_aside(&mut self, slot: u32, in_force: Option<Which>, map: &M) -> Result<Which, KernelError> {
        let which = match self.before(slot, in_force)? {
            Before::Nothing => Which::First,
            Before::Behind(which) => which.other(),
            Before::Either => {
                // For a moment an older front stands before what it does not know, which can deny and never allow.
                self.maps.set(Which::Second.place(slot), map, 0)?;
                Which::First
            }
        };
        self.maps.set(which.place(slot), map, 0)?;
        Ok(which)
    }

    /// Empties the place that nothing in force names any more. Whatever stays there, nobody looks at it; so a swap that was made is
    /// never said to have failed for it.
    pub(super) fn clear(&self, slot: u32, which: Which) {
        let place = which.place(slot);
        match bpf::delete_element(self.descriptor.as_fd(), place) {
            Err(problem) if problem.raw_os_error() != Some(Errno::ENOENT as i32) => {
                debug!(%problem, place, "a map that is not needed any more keeps its place");
            }
            _ => {}
        }
    }

    /// Returns after a grace period, as a store into an array of maps does (`maybe_wait_bpf_programs`): `map` goes to a place that is
    /// no registry's.
    pub(super) fn settle(&mut self, map: &M) -> Result<(), KernelError> {
        Ok(self.maps.set(NOBODYS_PLACE, map, 0)?)
    }

    /// An earlier agent leaves one of the two places empty.
    fn before(&self, slot: u32, in_force: Option<Which>) -> Result<Before, KernelError> {
        if let Some(which) = in_force {
            return Ok(Before::Behind(which));
        }
        let holds = |which: Which| {
            let held = bpf::holds_map(self.descriptor.as_fd(), which.place(slot));
            held.map_err(KernelError::bpf("looking for a table"))
        };
        Ok(match (holds(Which::First)?, holds(Which::Second)?) {
            (false, false) => Before::Nothing,
            (true, false) => Before::Behind(Which::First),
            (false, true) => Before::Behind(Which::Second),
            (true, true) => Before::Either,
        })
    }
}

impl<M: InnerMap + FromMapData> Places<M> {
    /// What stands in a place, opened by its number.
    ///
    /// # Errors
    ///
    /// Without `CAP_SYS_ADMIN`, or if nothing stands there.
    pub(super) fn get(&self, slot: u32, which: Which) -> Result<M, KernelError> {
        Ok(self.maps.get(&which.place(slot), 0)?)
    }
}
