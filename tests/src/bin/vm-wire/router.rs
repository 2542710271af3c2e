//! The router at the other end of the cable.

use std::fs;
use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use tests::packet::{Ethernet, Ipv4, Packet, Raw, Tcp};

use crate::tally::{Counts, Tally};

/// The router's address in the network of the machine, which is its way to everybody.
const ROUTER: [u8; 4] = [203, 0, 113, 1];
/// What `vm-guest` installs a rule for.
const ALLOWED: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);
/// Denied sources have the addresses from here on in its /24.
const FIRST_DENIED: u8 = 64;
/// Ports that connections come from.
const PORTS: std::ops::Range<u16> = 20_000..60_000;
const REGISTRY: u16 = 443;
/// The sequence number of each SYN.
const SEQUENCE: u32 = 1;

const ETHERNET: usize = 14;
const ARP: u16 = 0x0806;
/// Ethernet, IPv4, the lengths of their addresses, and what it is.
const ARP_REQUEST: [u8; 8] = [0, 1, 8, 0, 6, 4, 0, 1];
const ARP_ANSWER: [u8; 8] = [0, 1, 8, 0, 6, 4, 0, 2];

/// The cable, and what went through it.
pub(crate) struct Router {
    cable: UnixDatagram,
    machine: PathBuf,
    tally: Tally,
    asked: u32,
}

impl Router {
    /// Takes `own` for its end of the cable; qemu has the other one at `machine`, sooner or later.
    pub(crate) fn plug(own: &Path, machine: &Path) -> Result<Self> {
        _ = fs::remove_file(own);
        let cable = UnixDatagram::bind(own).with_context(|| format!("binding {}", own.display()))?;
        cable.set_nonblocking(true)?;
        Ok(Self { cable, machine: machine.to_owned(), tally: Tally::default(), asked: 0 })
    }

    /// The counts until now.
    pub(crate) const fn tally(&self) -> Tally {
        self.tally
    }

    /// Opens a connection from the allowed source, and one from a denied one.
    pub(crate) fn ask(&mut self) -> Result<()> {
        self.asked = self.asked.wrapping_add(1);
        let ports = u32::from(PORTS.end - PORTS.start);
        let port = PORTS.start + u16::try_from(self.asked % ports)?;
        let denied = FIRST_DENIED + u8::try_from(self.asked % u32::from(u8::MAX - FIRST_DENIED))?;
        for source in [ALLOWED, Ipv4Addr::new(198, 51, 100, denied)] {
            let syn = Ethernet::default() / Ipv4::from(source) / Tcp::syn(REGISTRY).from(port).sequence(SEQUENCE);
            if self.send(&syn.bytes())? {
                self.counts(source).asked += 1;
            }
        }
        Ok(())
    }

    /// Takes what has come, answers where it must, and counts.
    pub(crate) fn hear(&mut self) -> Result<()> {
        let mut frame = [0; 2048];
        loop {
            let length = match self.cable.recv(&mut frame) {
                Ok(length) => length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error).context("receiving from the machine"),
            };
            if let Some(answer) = self.answer(&frame[..length]) {
                self.send(&answer)?;
            }
        }
    }

    fn answer(&mut self, frame: &[u8]) -> Option<Vec<u8>> {
        match frame.get(12..ETHERNET)? {
            [0x08, 0x06] => arp_answer(frame.get(ETHERNET..)?),
            [0x08, 0x00] => self.segment(frame.get(ETHERNET..)?).map(|answer| answer.bytes()),
            _ => None,
        }
    }

    /// Counts a TCP segment of the registry, and goes on with the handshake. After data or the end of the connection the client
    /// is gone.
    fn segment(&mut self, ip: &[u8]) -> Option<Packet> {
        let header = usize::from(ip.first()? & 0xf) * 4;
        if *ip.get(9)? != Tcp::PROTOCOL {
            return None;
        }
        let client = Ipv4Addr::from(*ip.get(16..20)?.first_chunk()?);
        let tcp = ip.get(header..)?;
        let word = |at: usize| Some(u16::from_be_bytes(*tcp.get(at..)?.first_chunk()?));
        let double = |at: usize| Some(u32::from_be_bytes(*tcp.get(at..)?.first_chunk()?));
        let (from, to, sequence, flags) = (word(0)?, word(2)?, double(4)?, *tcp.get(13)?);
        if from != REGISTRY {
            return None;
        }
        let length = usize::from(u16::from_be_bytes(*ip.get(2..4)?.first_chunk()?));
        let data = length.checked_sub(header + usize::from(*tcp.get(12)? >> 4) * 4)?;
        let counts = self.counts(client);
        let reply = |flags: u8| {
            let tcp = Tcp { acknowledgement: sequence.wrapping_add(1), ..Tcp::flags(REGISTRY, flags) };
            Ethernet::default() / Ipv4::from(client) / tcp.from(to).sequence(SEQUENCE + 1)
        };
        if flags & Tcp::RST != 0 {
            counts.refused += 1;
            None
        } else if flags & Tcp::SYN != 0 {
            counts.accepted += 1;
            Some(reply(Tcp::ACK))
        } else if data > 0 {
            counts.served += 1;
            Some(reply(Tcp::RST))
        } else {
            None
        }
    }

    fn counts(&mut self, client: Ipv4Addr) -> &mut Counts {
        if client == ALLOWED { &mut self.tally.allowed } else { &mut self.tally.denied }
    }

    /// Whether the machine's end of the cable took it.
    fn send(&self, frame: &[u8]) -> Result<bool> {
        match self.cable.send_to(frame, &self.machine) {
            Ok(_) => Ok(true),
            // There is no machine yet or any more, or its buffer is full.
            Err(error)
                if [ErrorKind::NotFound, ErrorKind::ConnectionRefused, ErrorKind::WouldBlock]
                    .contains(&error.kind()) =>
            {
                Ok(false)
            }
            Err(error) => Err(error).context("sending to the machine"),
        }
    }
}

/// The answer to a question for the router's hardware address.
fn arp_answer(arp: &[u8]) -> Option<Vec<u8>> {
    let (who_asks, question) = (arp.get(8..18)?, arp.get(24..28)?);
    if *arp.get(..8)? != ARP_REQUEST || question != ROUTER {
        return None;
    }
    let ethernet = Ethernet::ethertype(ARP);
    let answer = [&ARP_ANSWER[..], &ethernet.source, &ROUTER, who_asks].concat();
    Some((ethernet / Raw::from(answer)).bytes())
}
