use std::io::IoSlice;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};
use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::sys::socket::{
    AddressFamily, MsgFlags, MultiHeaders, SockFlag, SockType, SockaddrLike as _, SockaddrStorage, bind, sendmmsg,
    socket,
};
use rand::Rng as _;
use tests::net::Client;
use tests::packet::{Ethernet, Ipv4, Tcp};

/// Different SYNs, sent again and again.
const FRAMES: usize = 65_536;
/// Frames handed to the kernel in one call.
const BATCH: usize = 256;

/// One thread that sends SYNs from random spoofed addresses as fast as this machine can.
pub(crate) struct SynFlood {
    stop: Arc<AtomicBool>,
    begun: Instant,
    sender: Option<JoinHandle<Result<u64>>>,
}

/// What a flood came to.
pub(crate) struct Sent {
    /// Frames that the sender's link took.
    pub(crate) frames: u64,
    /// How long it lasted.
    pub(crate) lasted: Duration,
}

impl SynFlood {
    /// Starts sending from `client`, for at most `limit`.
    pub(crate) fn start(client: &Client, limit: Duration) -> Result<Self> {
        let socket = client.namespace().within(|| open(Client::INTERFACE))??;
        let frames = frames();
        let stop = Arc::new(AtomicBool::new(false));
        let begun = Instant::now();
        let sender = thread::spawn({
            let stop = Arc::clone(&stop);
            move || send(&socket, &frames, || stop.load(Ordering::Relaxed) || begun.elapsed() > limit)
        });
        Ok(Self { stop, begun, sender: Some(sender) })
    }

    /// How long it has lasted.
    pub(crate) fn lasted(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Stops sending.
    pub(crate) fn stop(mut self) -> Result<Sent> {
        self.stop.store(true, Ordering::Relaxed);
        let sender = self.sender.take().context("the flood has stopped already")?;
        let frames = sender.join().map_err(|_| anyhow!("the flood's sender panicked"))??;
        Ok(Sent { frames, lasted: self.lasted() })
    }
}

impl Drop for SynFlood {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// SYNs to the registry from random addresses of [`crate::actors::Actors::SPOOFED`] and random ports.
fn frames() -> Vec<Vec<u8>> {
    let mut random = rand::rng();
    let mut frame = || {
        let source = [198, random.random_range(18..20), random.random(), random.random()];
        let syn = Tcp::syn(443).from(random.random_range(1024..=u16::MAX)).sequence(random.random());
        (Ethernet::default() / Ipv4::from(std::net::Ipv4Addr::from(source)) / syn).bytes()
    };
    (0..FRAMES).map(|_| frame()).collect()
}

fn open(interface: &str) -> Result<OwnedFd> {
    let mut addresses = getifaddrs().context("listing interfaces")?;
    let link = addresses.find_map(|entry| {
        let address = entry.address.filter(|_| entry.interface_name == interface)?;
        (address.family() == Some(AddressFamily::Packet)).then_some(address)
    });
    let link = link.with_context(|| format!("no interface `{interface}`"))?;
    let socket = socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, None)?;
    bind(socket.as_raw_fd(), &link)?;
    Ok(socket)
}

/// Sends batch after batch until `over`; returns how many frames went out.
fn send(socket: &OwnedFd, frames: &[Vec<u8>], over: impl Fn() -> bool) -> Result<u64> {
    let slices: Vec<[IoSlice<'_>; 1]> = frames.iter().map(|frame| [IoSlice::new(frame)]).collect();
    let mut headers = MultiHeaders::<SockaddrStorage>::preallocate(BATCH, None);
    let addresses = vec![None; BATCH];
    let mut sent = 0;
    for batch in slices.chunks(BATCH).cycle() {
        if over() {
            break;
        }
        match sendmmsg(socket.as_raw_fd(), &mut headers, batch, &addresses, [], MsgFlags::empty()) {
            Ok(results) => sent += results.count() as u64,
            // The link's queue is full: what a flood is for.
            Err(Errno::ENOBUFS | Errno::EAGAIN) => thread::yield_now(),
            Err(error) => return Err(error).context("sending SYNs"),
        }
    }
    Ok(sent)
}
