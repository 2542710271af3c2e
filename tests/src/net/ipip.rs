use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result, bail};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::{Domain, Protocol, Socket, Type};

use super::carrier;
use super::client::Client;
use super::namespace::Namespace;
use super::network::Network;
use super::tun;

/// The number of IPv4 in an IPv4 header.
const PROTOCOL: i32 = 4;

/// A tunnel of IPv4 in IPv4 (protocol 4) between a client and the host, for kernels without the `ipip` module: threads carry
/// packets between a raw socket and a tun device at either end.
///
/// To the host's stack, what comes out of the tunnel is received by the tun device, as from a VPN daemon.
#[derive(Debug)]
pub struct Ipip {
    stop: Arc<AtomicBool>,
    workers: Vec<JoinHandle<()>>,
}

impl Ipip {
    /// The tun device, at either end.
    pub const DEVICE: &str = "ipip0";

    /// Connects `client`, which has an IPv4 address of its own, to the host; inside the tunnel it is `inner`, and all that it
    /// sends to the registry goes through the tunnel.
    pub fn between(network: &Network, client: &Client, inner: &str) -> Result<Self> {
        let outer = *client.addresses().iter().find(|address| address.is_ipv4()).context("no IPv4 address")?;
        let host = IpAddr::from(Network::UNDERLAY_V4);
        let ends = [End::open(network.host(), host, outer)?, End::open(client.namespace(), outer, host)?];
        let stop = Arc::new(AtomicBool::new(false));
        let workers = ends.map(|end| {
            let stop = Arc::clone(&stop);
            thread::spawn(move || {
                if let Err(error) = end.carry(&stop) {
                    eprintln!("a tunnel's end broke: {error:#}");
                }
            })
        });
        let (device, registry) = (Self::DEVICE, Network::REGISTRY_V4);
        network.host().ip(&format!("route add {inner}/32 dev {device}"))?;
        client
            .namespace()
            .ip(&format!("addr add {inner}/32 dev {device}\nroute add {registry}/32 dev {device} src {inner}"))?;
        Ok(Self { stop, workers: workers.into() })
    }
}

impl Drop for Ipip {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for worker in self.workers.drain(..) {
            _ = worker.join();
        }
    }
}

/// One end of a tunnel.
struct End {
    /// A raw socket, which adds and keeps the outer header.
    wire: Socket,
    /// The tun device.
    device: File,
}

impl End {
    fn open(namespace: &Namespace, local: IpAddr, remote: IpAddr) -> Result<Self> {
        let device = namespace.within(|| tun::open(Ipip::DEVICE))??;
        let wire = namespace.within(|| raw_socket(local, remote))??;
        namespace.ip(&format!("link set {0} addrgenmode none\nlink set {0} up", Ipip::DEVICE))?;
        carrier::wait(namespace, Ipip::DEVICE)?;
        Ok(Self { wire, device })
    }

    fn carry(mut self, stop: &AtomicBool) -> Result<()> {
        let mut packet = vec![0; 65536];
        while !stop.load(Ordering::Relaxed) {
            let mut ready = [
                PollFd::new(self.device.as_fd(), PollFlags::POLLIN),
                PollFd::new(self.wire.as_fd(), PollFlags::POLLIN),
            ];
            poll(&mut ready, PollTimeout::from(50_u8))?;
            let [from_device, from_wire] = ready.map(|fd| fd.any().unwrap_or(false));
            if from_device {
                let length = self.device.read(&mut packet)?;
                self.wire.send(packet.get(..length).unwrap_or_default())?;
            }
            if from_wire {
                let length = self.wire.read(&mut packet)?;
                // The outer header's length, in words, is the low half of its first byte.
                let header = packet.first().map_or(0, |first| usize::from(first & 0x0f) * 4);
                let Some(inner) = packet.get(header..length) else { bail!("a packet of {length} bytes") };
                self.device.write_all(inner)?;
            }
        }
        Ok(())
    }
}

fn raw_socket(local: IpAddr, remote: IpAddr) -> Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(PROTOCOL))).context("making a raw socket")?;
    socket.bind(&SocketAddr::new(local, 0).into())?;
    socket.connect(&SocketAddr::new(remote, 0).into())?;
    Ok(socket)
}
