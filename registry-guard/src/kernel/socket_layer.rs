//! `guard_sk_lookup` in network namespaces: one copy of the program for each, on a pinned link.

use std::collections::BTreeSet;
use std::fs;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

use aya::Ebpf;
use aya::maps::{MapData, SockMap};
use aya::programs::SkLookup;
use registry_guard_common::{Family, HOST, responder_socket};
use zerocopy::IntoBytes as _;

use super::lookup_context::{LookedUp, Lookup, LookupContext, SK_PASS};
use super::pins::{self, LookupPin, Pins};
use super::{GUARD_SK_LOOKUP, Kernel, KernelError, bpf, object, take};
use crate::netns::Namespace;

/// A loaded copy of the program, for the namespace whose number it carries.
pub(super) struct SocketLayer {
    ebpf: Ebpf,
    program_id: u32,
}

/// How `guard_sk_lookup` stands in one namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Alone, and in that very namespace.
    Stands,
    /// Its link is gone, or belongs to a namespace that is.
    Absent,
    /// Other programs decide there too, which could hand a denied connection to any socket. Their identifiers.
    Foreign(Vec<u32>),
}

impl SocketLayer {
    fn load(pins: &Pins, rule_capacity: u32, number: u8) -> Result<Self, KernelError> {
        let number = u32::from(number);
        let mut loader = object::loader(rule_capacity);
        loader.override_global("NAMESPACE", &number, true);
        for name in pins::MAPS {
            loader.map_pin_path(name, pins.map(name));
        }
        let mut ebpf = object::load(&mut loader)?;
        let program = program(&mut ebpf)?;
        program.load().map_err(KernelError::Verifier)?;
        let program_id = program.info()?.id();
        Ok(Self { ebpf, program_id })
    }

    /// The kernel's identifier of this copy.
    pub(super) const fn program_id(&self) -> u32 {
        self.program_id
    }
}

impl Kernel {
    /// Loads the copy of `guard_sk_lookup` for the namespace with this number, attached to nothing, if it is not loaded yet.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn load_socket_layer(&mut self, number: u8) -> Result<(), KernelError> {
        if !self.socket_layers.contains_key(&number) {
            let layer = SocketLayer::load(&self.pins, self.rule_capacity, number)?;
            self.socket_layers.insert(number, layer);
        }
        Ok(())
    }

    /// Runs the loaded copy for the namespace with this number on a lookup, counted and remembered as any other, and says what
    /// it did. The lookup arrives on the interface with index 0, since the kernel takes no other. For tests.
    ///
    /// # Errors
    ///
    /// [`KernelError::NoAnswer`] if there is no such copy, or what the kernel says.
    pub fn look_up(&mut self, number: u8, lookup: &Lookup) -> Result<LookedUp, KernelError> {
        let layer = self.socket_layers.get_mut(&number).ok_or(KernelError::NoAnswer)?;
        let mut context = LookupContext::of(lookup);
        let program = program(&mut layer.ebpf)?.fd()?;
        let action = bpf::run_on_context(program.as_fd(), context.as_mut_bytes())
            .map_err(KernelError::bpf("running a program on a lookup"))?;
        Ok(match (action, context.cookie()) {
            (SK_PASS, 0) => LookedUp::Passed,
            (SK_PASS, _) => LookedUp::HandedOver,
            _ => LookedUp::Dropped,
        })
    }

    /// Puts `guard_sk_lookup` into `namespace`, which has this number in the maps and is at the path with this
    /// [`path_number`](super::path_number), or replaces in one step the version of it that is there.
    ///
    /// # Errors
    ///
    /// What the kernel says; it takes `CAP_NET_ADMIN` over the namespace.
    pub fn attach_socket_layer(&mut self, number: u8, path: u64, namespace: &Namespace) -> Result<(), KernelError> {
        self.load_socket_layer(number)?;
        let pinned = self.pin_in(number, namespace)?;
        let pin = self.pins.lookup(LookupPin { number, inode: namespace.inode(), path });
        let Some(layer) = self.socket_layers.get_mut(&number) else { return Ok(()) };
        if let Some(pin) = pinned {
            let link = bpf::open_pin(&pin).map_err(KernelError::bpf("opening a link"))?;
            if attached_to(link.as_fd())? == namespace.inode() {
                let program = program(&mut layer.ebpf)?;
                let program = program.fd()?;
                return bpf::replace_program(link.as_fd(), program.as_fd())
                    .map_err(KernelError::bpf("replacing the program of a link"));
            }
            // The namespace it stood in is gone, and the kernel gave its inode to another.
            fs::remove_file(&pin).map_err(|source| KernelError::File { path: pin.clone(), source })?;
        }
        let program = program(&mut layer.ebpf)?;
        let id = program.attach(namespace)?;
        let link: aya::programs::links::FdLink = program.take_link(id)?.into();
        link.pin(&pin)?;
        Ok(())
    }

    /// How the program stands in `namespace`.
    ///
    /// # Errors
    ///
    /// If the kernel does not answer.
    pub fn socket_layer(&self, number: u8, namespace: &Namespace) -> Result<Standing, KernelError> {
        let (Some(layer), Some(pin)) = (self.socket_layers.get(&number), self.pin_in(number, namespace)?) else {
            return Ok(Standing::Absent);
        };
        let link = bpf::open_pin(&pin).map_err(KernelError::bpf("opening a link"))?;
        if attached_to(link.as_fd())? != namespace.inode() {
            return Ok(Standing::Absent);
        }
        let mut programs =
            bpf::lookup_programs(namespace.as_fd()).map_err(KernelError::bpf("asking for programs of a namespace"))?;
        let is_there = programs.contains(&layer.program_id);
        programs.retain(|program| *program != layer.program_id);
        Ok(match (is_there, programs.is_empty()) {
            (false, _) => Standing::Absent,
            (true, true) => Standing::Stands,
            (true, false) => Standing::Foreign(programs),
        })
    }

    /// Whether an earlier agent left the program in `namespace`, alone.
    ///
    /// # Errors
    ///
    /// If the kernel does not answer.
    pub fn inherits_socket_layer(&self, number: u8, namespace: &Namespace) -> Result<bool, KernelError> {
        let Some(pin) = self.pin_in(number, namespace)? else { return Ok(false) };
        let link = bpf::open_pin(&pin).map_err(KernelError::bpf("opening a link"))?;
        let programs =
            bpf::lookup_programs(namespace.as_fd()).map_err(KernelError::bpf("asking for programs of a namespace"))?;
        Ok(attached_to(link.as_fd())? == namespace.inode() && programs.len() == 1)
    }

    fn pin_in(&self, number: u8, namespace: &Namespace) -> Result<Option<PathBuf>, KernelError> {
        let is_it = |pin: &LookupPin| pin.number == number && pin.inode == namespace.inode();
        Ok(self.pins.lookups()?.into_iter().find(is_it).map(|pin| self.pins.lookup(pin)))
    }

    /// The namespaces that the program was pinned in, by this agent or an earlier one.
    pub fn socket_layer_pins(&self) -> Result<Vec<LookupPin>, KernelError> {
        self.pins.lookups()
    }

    /// Unpins links to namespaces that are gone, and those whose number is not among `numbers`, so that no endpoint is theirs.
    /// Returns how many. A namespace that only lost its name stays guarded: what is in it still receives.
    pub fn forget_socket_layers(&mut self, numbers: &[u8]) -> Result<usize, KernelError> {
        let mut forgotten = 0;
        for pin in self.pins.lookups()? {
            let path = self.pins.lookup(pin);
            if numbers.contains(&pin.number) && is_attached(&path)? {
                continue;
            }
            fs::remove_file(&path).map_err(|source| KernelError::File { path, source })?;
            forgotten += 1;
        }
        Ok(forgotten)
    }

    /// Has denied connections in the namespace with this number, and of this family, accepted by a listening socket.
    pub fn set_listener(&mut self, namespace: u8, family: Family, socket: BorrowedFd<'_>) -> Result<(), KernelError> {
        self.responders.set(namespace, family, socket)
    }

    /// Has denied connections in the namespace with this number refused.
    pub fn clear_listeners(&mut self, namespace: u8) -> Result<(), KernelError> {
        self.responders.clear(namespace)
    }
}

/// The listening sockets of the responder.
pub(super) struct Responders(SockMap<MapData>);

impl Responders {
    pub(super) fn take(ebpf: &mut Ebpf) -> Result<Self, KernelError> {
        Ok(Self(SockMap::try_from(take(ebpf, "RESPONDERS")?)?))
    }

    fn set(&mut self, namespace: u8, family: Family, socket: BorrowedFd<'_>) -> Result<(), KernelError> {
        Ok(self.0.set(responder_socket(namespace, family), &socket, 0)?)
    }

    fn clear(&mut self, namespace: u8) -> Result<(), KernelError> {
        for family in [Family::V4, Family::V6] {
            match self.0.clear_index(&responder_socket(namespace, family)) {
                // `sock_map_delete_elem` says so where there is no socket.
                Err(error) if super::error::errno(&error) == Some(nix::errno::Errno::EINVAL) => {}
                result => result?,
            }
        }
        Ok(())
    }
}

/// The numbers of the namespaces, by what is attached now, so that a copy of the program that still runs goes on to mean the
/// same endpoints. `wanted` are the wanted ones, by path and, of those that are there, inode; the host has number 0 and is not
/// among them.
pub fn number_namespaces(pinned: &[LookupPin], wanted: &[(u64, Option<u64>)]) -> Vec<u8> {
    let mut taken: BTreeSet<u8> = pinned.iter().map(|pin| pin.number).collect();
    taken.insert(HOST);
    let find = |is_it: &dyn Fn(&LookupPin) -> bool| {
        pinned.iter().find(|pin| pin.number != HOST && is_it(pin)).map(|pin| pin.number)
    };
    wanted
        .iter()
        .map(|&(path, inode)| {
            let known =
                find(&|pin| Some(pin.inode) == inode && pin.path == path).or_else(|| find(&|pin| pin.path == path));
            known.unwrap_or_else(|| {
                let free = (1..=u8::MAX).find(|number| !taken.contains(number)).unwrap_or(u8::MAX);
                taken.insert(free);
                free
            })
        })
        .collect()
}

/// Whether the link at `pin` still has its namespace.
fn is_attached(pin: &Path) -> Result<bool, KernelError> {
    let link = bpf::open_pin(pin).map_err(KernelError::bpf("opening a link"))?;
    Ok(attached_to(link.as_fd())? != 0)
}

fn attached_to(link: BorrowedFd<'_>) -> Result<u64, KernelError> {
    bpf::namespace_of_link(link).map(u64::from).map_err(KernelError::bpf("asking for a link's namespace"))
}

fn program(ebpf: &mut Ebpf) -> Result<&mut SkLookup, KernelError> {
    let program = ebpf.program_mut(GUARD_SK_LOOKUP).ok_or(KernelError::Incomplete(GUARD_SK_LOOKUP))?;
    Ok(program.try_into()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_keeps_its_number_whatever_the_order_and_also_without_its_file_or_behind_it_anew() {
        let pinned =
            [(0, 10, 0), (2, 20, 0xb), (5, 50, 0xe)].map(|(number, inode, path)| LookupPin { number, inode, path });
        let wanted = [(0xe, Some(50)), (0xc, Some(30)), (0xb, Some(20)), (0xd, None)];
        assert_eq!(number_namespaces(&pinned, &wanted), [5, 1, 2, 3]);
        assert_eq!(number_namespaces(&pinned, &[(0xb, None), (0xe, Some(51))]), [2, 5]);
    }
}
