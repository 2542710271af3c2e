use std::io::IoSlice;
use std::os::fd::{AsRawFd, OwnedFd};

use anyhow::{Context, Result, ensure};
use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::sys::socket::{
    AddressFamily, MsgFlags, MultiHeaders, SockFlag, SockType, SockaddrLike as _, SockaddrStorage, bind, send,
    sendmmsg, socket,
};

/// Sends frames out of one interface exactly as they are given.
#[derive(Debug)]
pub struct Injector {
    socket: OwnedFd,
}

impl Injector {
    /// The most frames that the kernel takes in one call (`UIO_MAXIOV`).
    pub const BATCH: usize = 1024;

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

    /// Sends `frames`, at most [`Injector::BATCH`]; returns how many the interface took, which are none while its queue is full.
    pub fn send_many(&self, frames: &[Vec<u8>]) -> Result<usize> {
        let slices: Vec<[IoSlice<'_>; 1]> = frames.iter().map(|frame| [IoSlice::new(frame)]).collect();
        let mut headers = MultiHeaders::<SockaddrStorage>::preallocate(slices.len(), None);
        let addresses = vec![None; slices.len()];
        match sendmmsg(self.socket.as_raw_fd(), &mut headers, &slices, &addresses, [], MsgFlags::empty()) {
            Ok(results) => Ok(results.count()),
            Err(Errno::ENOBUFS | Errno::EAGAIN) => Ok(0),
            Err(error) => Err(error).with_context(|| format!("sending {} frames", frames.len())),
        }
    }

    /// Sends one frame of at least 14 bytes and at most the interface's MTU and an Ethernet header.
    pub fn send(&self, frame: &[u8]) -> Result<()> {
        let sent = send(self.socket.as_raw_fd(), frame, MsgFlags::empty())
            .with_context(|| format!("sending a frame of {} bytes", frame.len()))?;
        ensure!(sent == frame.len(), "{sent} of {} bytes went out", frame.len());
        Ok(())
    }
}
