use std::os::fd::{AsRawFd, OwnedFd};

use anyhow::{Context, Result, ensure};
use nix::ifaddrs::getifaddrs;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, SockaddrLike as _, bind, send, socket};

/// Sends frames out of one interface exactly as they are given.
#[derive(Debug)]
pub struct Injector {
    socket: OwnedFd,
}

impl Injector {
    /// Opens `interface` of the calling thread's network namespace; it works from any thread then.
    pub fn open(interface: &str) -> Result<Self> {
        let mut addresses = getifaddrs().context("listing interfaces")?;
        let link = addresses.find_map(|entry| {
            let address = entry.address.filter(|_| entry.interface_name == interface)?;
            (address.family() == Some(AddressFamily::Packet)).then_some(address)
        });
        let link = link.with_context(|| format!("no interface `{interface}`"))?;
        let socket = socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, None)
            .context("making a packet socket")?;
        bind(socket.as_raw_fd(), &link).with_context(|| format!("binding to `{interface}`"))?;
        Ok(Self { socket })
    }

    /// Sends one frame of at least 14 bytes and at most the interface's MTU and an Ethernet header.
    pub fn send(&self, frame: &[u8]) -> Result<()> {
        let sent = send(self.socket.as_raw_fd(), frame, MsgFlags::empty())
            .with_context(|| format!("sending a frame of {} bytes", frame.len()))?;
        ensure!(sent == frame.len(), "{sent} of {} bytes went out", frame.len());
        Ok(())
    }
}
