use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use ipnet::IpNet;
use rand::Rng as _;

use super::client::Client;
use super::injector::Injector;
use crate::packet::{Ethernet, Ipv4, Ipv6, Packet, Tcp};

/// Different SYNs, sent again and again.
const FRAMES: usize = 65_536;
/// Frames handed to the kernel in one call.
const BATCH: usize = 256;

/// One thread that sends SYNs to the registry's port 443, from random addresses of a prefix and random ports, as fast as
/// this machine can.
#[derive(Debug)]
pub struct SynFlood {
    stop: Arc<AtomicBool>,
    begun: Instant,
    sender: Option<JoinHandle<Result<u64>>>,
}

/// What a flood came to.
#[derive(Clone, Copy, Debug)]
pub struct Sent {
    /// Frames that the sender's link took.
    pub frames: u64,
    /// How long it lasted.
    pub lasted: Duration,
}

impl SynFlood {
    /// Starts sending from `client`, for at most `limit`, with sources in `prefix`.
    pub fn start(client: &Client, prefix: IpNet, limit: Duration) -> Result<Self> {
        let injector = client.injector()?;
        let frames: Vec<Vec<u8>> = (0..FRAMES).map(|_| syn(prefix).bytes()).collect();
        let stop = Arc::new(AtomicBool::new(false));
        let begun = Instant::now();
        let sender = thread::spawn({
            let stop = Arc::clone(&stop);
            move || send(&injector, &frames, || stop.load(Ordering::Relaxed) || begun.elapsed() > limit)
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

/// A SYN from a random address in `prefix` and a random port.
fn syn(prefix: IpNet) -> Packet {
    let mut random = rand::rng();
    let tcp = Tcp::syn(443).from(random.random_range(1024..=u16::MAX)).sequence(random.random());
    match address_in(prefix, random.random()) {
        IpAddr::V4(source) => Ethernet::default() / Ipv4::from(source) / tcp,
        IpAddr::V6(source) => Ethernet::default() / Ipv6::from(source) / tcp,
    }
}

/// The address in `prefix` whose other bits are those of `random`.
fn address_in(prefix: IpNet, random: u128) -> IpAddr {
    match prefix {
        IpNet::V4(v4) => {
            let [first, second, third, fourth, ..] = random.to_be_bytes();
            let host = u32::from(v4.hostmask()) & u32::from_be_bytes([first, second, third, fourth]);
            IpAddr::V4((u32::from(v4.network()) | host).into())
        }
        IpNet::V6(v6) => IpAddr::V6((u128::from(v6.network()) | u128::from(v6.hostmask()) & random).into()),
    }
}

/// Sends batch after batch until `over`; returns how many frames went out.
fn send(injector: &Injector, frames: &[Vec<u8>], over: impl Fn() -> bool) -> Result<u64> {
    let mut sent = 0;
    for batch in frames.chunks(BATCH).cycle() {
        if over() {
            break;
        }
        match injector.send_many(batch)? {
            // The link's queue is full: what a flood is for.
            0 => thread::yield_now(),
            taken => sent += taken as u64,
        }
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
