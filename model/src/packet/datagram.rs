use super::layer::Surroundings;

/// The header of a transport that, as UDP does, starts with two ports; what follows them is zeros.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Datagram {
    /// Its number in IP headers.
    pub protocol: u8,
    /// The header's length in bytes, at least 4.
    pub length: usize,
    /// The sender's port.
    pub source: u16,
    /// The receiver's port.
    pub destination: u16,
}

impl Datagram {
    /// SCTP, the common header.
    pub fn sctp(destination: u16) -> Self {
        Self::new(132, 12, destination)
    }

    /// UDP-Lite; its checksum field stays zero.
    pub fn udp_lite(destination: u16) -> Self {
        Self::new(136, 8, destination)
    }

    /// DCCP, the generic header with short sequence numbers.
    pub fn dccp(destination: u16) -> Self {
        Self::new(33, 12, destination)
    }

    fn new(protocol: u8, length: usize, destination: u16) -> Self {
        Self { protocol, length, source: 40000, destination }
    }

    pub(super) fn encode(&self, _: &Surroundings, inside: &[u8]) -> Vec<u8> {
        let mut header = [self.source.to_be_bytes(), self.destination.to_be_bytes()].concat();
        header.resize(self.length, 0);
        header.extend(inside);
        header
    }
}
