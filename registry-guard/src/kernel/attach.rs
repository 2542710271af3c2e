//! The program on an interface: by a pinned link, in native mode where the driver can.

use std::fs;
use std::io;
use std::os::fd::AsFd as _;
use std::path::Path;

use aya::programs::Xdp;
use aya::programs::links::{FdLink, PinnedLink};
use aya::programs::xdp::{XdpLink, XdpMode as AyaMode};
use nix::errno::Errno;
use nix::net::if_::if_indextoname;
use serde::Serialize;
use thiserror::Error;

use super::error::{chain, errno};
use super::{Kernel, KernelError, bpf, pins, program};
use crate::config::XdpMode;

/// How the program was put on an interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Attachment {
    /// Its link was pinned already; the program was replaced in one step.
    Replaced,
    /// In the driver.
    Native,
    /// In the generic receive path, slower.
    Generic {
        /// What the driver said to native mode, if that was tried.
        refusal: Option<String>,
    },
}

/// Why the program is not on an interface.
#[derive(Debug, Error)]
pub enum AttachError {
    /// Another XDP program is there.
    #[error("another XDP program is on it; `ip link show` names it, and whoever put it there must take it away")]
    InUse,
    /// The kernel says no.
    #[error("{0}")]
    Refused(String),
    /// The rest.
    #[error(transparent)]
    Kernel(#[from] KernelError),
}

impl Kernel {
    /// Puts the program on the interface with this index, or replaces the version of it that is there.
    pub fn attach(&mut self, ifindex: u32, mode: XdpMode) -> Result<Attachment, AttachError> {
        let pin = self.pins.link(ifindex);
        let program = program(&mut self.ebpf)?;
        if pin.exists() {
            if replace(program, &pin)? {
                return Ok(Attachment::Replaced);
            }
            // The interface it stood on is gone, and the kernel gave its index to another.
            unpin(&pin)?;
        }
        let (link, attachment) = match mode {
            XdpMode::Native => (create(program, ifindex, AyaMode::Driver)?, Attachment::Native),
            XdpMode::Generic => (create(program, ifindex, AyaMode::Skb)?, Attachment::Generic { refusal: None }),
            XdpMode::Auto => match create(program, ifindex, AyaMode::Driver) {
                Ok(link) => (link, Attachment::Native),
                Err(AttachError::Refused(refusal)) => {
                    (create(program, ifindex, AyaMode::Skb)?, Attachment::Generic { refusal: Some(refusal) })
                }
                Err(error) => return Err(error),
            },
        };
        link.pin(&pin).map_err(KernelError::from)?;
        Ok(attachment)
    }

    /// Replaces the version of the program that is on an interface by a pinned link. A link that has lost its interface to
    /// another one of the same index is unpinned, and nothing is put on that.
    pub fn renew(&mut self, ifindex: u32) -> Result<(), AttachError> {
        let pin = self.pins.link(ifindex);
        if !replace(program(&mut self.ebpf)?, &pin)? {
            unpin(&pin)?;
        }
        Ok(())
    }

    /// Unpins links on interfaces that are gone, and returns their indexes; the kernel keeps such a link, but it enforces
    /// nothing. `present` is a hint: a list can miss an interface, so the kernel is asked about each that is not in it.
    pub fn forget_interfaces(&mut self, present: &[u32]) -> Result<Vec<u32>, KernelError> {
        let mut gone = self.pins.linked()?;
        gone.retain(|ifindex| !present.contains(ifindex) && if_indextoname(*ifindex) == Err(Errno::ENXIO));
        for &ifindex in &gone {
            unpin(&self.pins.link(ifindex))?;
        }
        Ok(gone)
    }

    /// The interface indexes that have a pinned link.
    pub fn linked(&self) -> Result<Vec<u32>, KernelError> {
        self.pins.linked()
    }

    /// Takes the programs off every interface and out of every namespace, and returns the interfaces. This is the only way
    /// to stop enforcing.
    pub fn detach(&mut self) -> Result<Vec<u32>, KernelError> {
        release_all(&self.pins)
    }
}

/// The interface indexes that have a pinned link below `root`; none where there is no such folder.
pub fn pinned_links(root: &Path) -> Vec<u32> {
    pins::linked(root).unwrap_or_default()
}

/// Takes the program off every interface when no agent runs, and names the interfaces.
///
/// # Errors
///
/// If an agent holds the folder, or a pin cannot be removed.
pub fn detach_pins(root: &Path) -> Result<Vec<String>, KernelError> {
    if !pins::links(root).exists() {
        return Ok(Vec::new());
    }
    let pins = pins::Pins::take(root)?;
    Ok(release_all(&pins)?.into_iter().map(interface_name).collect())
}

/// The name of an interface, or its index where it has none any more.
pub(crate) fn interface_name(ifindex: u32) -> String {
    match if_indextoname(ifindex) {
        Ok(name) => name.to_string_lossy().into_owned(),
        Err(_) => format!("#{ifindex}"),
    }
}

/// `false` if the link has lost its interface.
fn replace(program: &mut Xdp, pin: &Path) -> Result<bool, AttachError> {
    let link = PinnedLink::from_pin(pin).map_err(KernelError::from)?;
    let link = XdpLink::try_from(FdLink::from(link)).map_err(KernelError::from)?;
    match program.attach_to_link(link) {
        Ok(id) => {
            // The pin keeps the link; the program's own list of links would only grow.
            drop(program.take_link(id).map_err(KernelError::from)?);
            Ok(true)
        }
        Err(error) if errno(&error) == Some(Errno::ENOLINK) => Ok(false),
        Err(error) => Err(KernelError::from(error).into()),
    }
}

fn create(program: &mut Xdp, ifindex: u32, mode: AyaMode) -> Result<FdLink, AttachError> {
    let id = program.attach_to_if_index(ifindex, mode).map_err(|error| match errno(&error) {
        // dev_xdp_attach: EBUSY if a program is attached in this mode, EEXIST if one is in the other mode.
        Some(Errno::EBUSY | Errno::EEXIST) => AttachError::InUse,
        _ => AttachError::Refused(chain(&error)),
    })?;
    let link = program.take_link(id).map_err(KernelError::from)?;
    // Without bpf_link (before Linux 5.9) aya attaches by netlink, which could neither be pinned nor be trusted.
    FdLink::try_from(link).map_err(|error| KernelError::from(error).into())
}

/// Takes every program away, and returns the interfaces.
fn release_all(pins: &pins::Pins) -> Result<Vec<u32>, KernelError> {
    for pin in pins.lookups()? {
        release(&pins.lookup(pin))?;
    }
    let linked = pins.linked()?;
    for &ifindex in &linked {
        release(&pins.link(ifindex))?;
    }
    Ok(linked)
}

fn release(pin: &Path) -> Result<(), KernelError> {
    let link = bpf::open_pin(pin).map_err(KernelError::bpf("opening a link"))?;
    // One whose interface or namespace is gone has nothing left to take away.
    if let Err(source) = bpf::detach(link.as_fd())
        && source.raw_os_error() != Some(Errno::ENOLINK as i32)
    {
        return Err(KernelError::Bpf { doing: "detaching a link", source });
    }
    unpin(pin)
}

fn unpin(pin: &Path) -> Result<(), KernelError> {
    match fs::remove_file(pin) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(KernelError::File { path: pin.to_path_buf(), source: error })
        }
        _ => Ok(()),
    }
}
