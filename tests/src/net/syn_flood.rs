use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use ipnet::IpNet;
use rand::Rng as _;

use super::client::Client;
use super::live_frames::{LiveFrames, Shuffled};
use crate::packet::{Ethernet, Ipv4, Ipv6, Packet, Tcp};

/// SYNs of one port and prefix that are sent before another takes their place.
const SERIES: u32 = 262_144;

/// One thread that sends SYNs to the registry's port 443, from random addresses of a prefix and random ports, as fast as
/// this machine can: live frames, each with valid checksums.
#[derive(Debug)]
pub struct SynFlood {
    stop: Arc<AtomicBool>,
    begun: Instant,
    sender: Option<JoinHandle<Result<u64>>>,
}

/// What a flood came to.
#[derive(Clone, Copy, Debug)]
pub struct Sent {
    /// Frames that were sent.
    pub frames: u64,
    /// How long it lasted.
    pub lasted: Duration,
}

impl SynFlood {
    /// Starts sending from `client`, for at most `limit`, with sources in `prefix`, which leaves 16 bits free at least (IPv6: of
    /// the first 64).
    pub fn start(client: &Client, prefix: IpNet, limit: Duration) -> Result<Self> {
        ensure!(prefix.prefix_len() <= if prefix.addr().is_ipv4() { 16 } else { 48 }, "{prefix} is too small");
        let mut frames = LiveFrames::of(client, shuffled(prefix))?;
        let stop = Arc::new(AtomicBool::new(false));
        let begun = Instant::now();
        let sender = thread::spawn({
            let stop = Arc::clone(&stop);
            move || send(&mut frames, prefix, || stop.load(Ordering::Relaxed) || begun.elapsed() > limit)
        });
        Ok(Self { stop, begun, sender: Some(sender) })
    }

    /// How long it has lasted.
    pub fn lasted(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Stops sending.
    pub fn stop(mut self) -> Result<Sent> {
        self.stop.store(true, Ordering::Relaxed);
        let sender = self.sender.take().context("the flood has stopped already")?;
        let frames = sender.join().map_err(|_| anyhow!("the flood's sender panicked"))??;
        Ok(Sent { frames, lasted: self.lasted() })
    }
}

impl Drop for SynFlood {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(sender) = self.sender.take() {
            _ = sender.join();
        }
    }
}

/// A SYN from a random address in `prefix` and a random port, with zeros where [`shuffled`] says that bits are random.
fn syn(prefix: IpNet) -> Packet {
    let mut random = rand::rng();
    let sequence = u32::from(random.random::<u16>()) << 16;
    let tcp = Tcp::syn(443).from(random.random_range(1024..=u16::MAX)).sequence(sequence);
    match address_in(prefix, random.random()) {
        IpAddr::V4(source) => Ethernet::default() / Ipv4::from(source) / tcp,
        IpAddr::V6(source) => Ethernet::default() / Ipv6::from(source) / tcp,
    }
}

/// The last 16 bits of an IPv4 source, those before bit 64 of an IPv6 source; the complement stands in the identification of
/// the IPv4 header and in the sequence number.
fn shuffled(prefix: IpNet) -> Shuffled {
    match prefix {
        IpNet::V4(_) => Shuffled { random: 28, complements: [18, 40], length: 54 },
        IpNet::V6(_) => Shuffled { random: 28, complements: [60, 60], length: 74 },
    }
}

/// The address in `prefix` whose other bits are those of `random`, but for zeros where bits are [`shuffled`].
fn address_in(prefix: IpNet, random: u128) -> IpAddr {
    match prefix {
        IpNet::V4(v4) => {
            let [first, second, ..] = random.to_be_bytes();
            let host = u32::from(v4.hostmask()) & u32::from_be_bytes([first, second, 0, 0]);
            IpAddr::V4((u32::from(v4.network()) | host).into())
        }
        IpNet::V6(v6) => {
            let zeros = 0xffff_u128 << 64;
            IpAddr::V6((u128::from(v6.network()) | u128::from(v6.hostmask()) & random & !zeros).into())
        }
    }
}

/// Sends series after series until `over`; returns how many frames went out.
fn send(frames: &mut LiveFrames, prefix: IpNet, over: impl Fn() -> bool) -> Result<u64> {
    let mut sent = 0;
    while !over() {
        frames.send(&syn(prefix).bytes(), SERIES)?;
        sent += u64::from(SERIES);
    }
    Ok(sent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_addresses_are_in_their_prefix() {
        for prefix in ["198.18.0.0/15", "2001:db8:bad::/48"] {
            let prefix: IpNet = prefix.parse().unwrap();
            assert!((0..100).all(|_| prefix.contains(&address_in(prefix, rand::random()))));
            assert_eq!(address_in(prefix, 0), prefix.network());
        }
    }
}
