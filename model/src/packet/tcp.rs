use super::checksum::Checksum;
use super::layer::Surroundings;

/// A TCP header.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Tcp {
    /// The sender's port.
    pub source: u16,
    /// The receiver's port.
    pub destination: u16,
    /// The sequence number.
    pub sequence: u32,
    /// The acknowledgement number.
    pub acknowledgement: u32,
    /// Written instead of the header's length in 32-bit words.
    pub data_offset: Option<u8>,
    /// The half byte between data offset and flags; its lowest bit is AE.
    pub reserved: u8,
    /// The flag byte, see the constants of [`Tcp`].
    pub flags: u8,
    /// The receive window.
    pub window: u16,
    /// The checksum over header, data and addresses.
    pub checksum: Checksum,
    /// The options; filled up with zeros (end of options) to whole words.
    pub options: Vec<u8>,
}

impl Tcp {
    /// Its number in IP headers.
    pub const PROTOCOL: u8 = 6;
    /// No more data follows.
    pub const FIN: u8 = 0x01;
    /// A connection opens.
    pub const SYN: u8 = 0x02;
    /// The connection is refused or gone.
    pub const RST: u8 = 0x04;
    /// Data is to be handed on at once.
    pub const PSH: u8 = 0x08;
    /// The acknowledgement number counts.
    pub const ACK: u8 = 0x10;
    /// The urgent pointer counts.
    pub const URG: u8 = 0x20;
    /// Congestion was seen.
    pub const ECE: u8 = 0x40;
    /// Congestion was answered.
    pub const CWR: u8 = 0x80;

    /// The opening of a connection to this port, from port 40000.
    pub fn syn(destination: u16) -> Self {
        Self::flags(destination, Self::SYN)
    }

    /// A segment to this port with these flags, from port 40000.
    pub fn flags(destination: u16, flags: u8) -> Self {
        Self {
            source: 40000,
            destination,
            sequence: 1,
            acknowledgement: 0,
            data_offset: None,
            reserved: 0,
            flags,
            window: 64240,
            checksum: Checksum::Right,
            options: Vec::new(),
        }
    }

    /// The same segment from another port.
    pub fn from(self, source: u16) -> Self {
        Self { source, ..self }
    }

    /// The same segment with these options, at most 40 bytes.
    pub fn options(self, options: &[u8]) -> Self {
        Self { options: options.to_vec(), ..self }
    }

    /// The same segment claiming another length of the header, in 32-bit words.
    pub fn data_offset(self, data_offset: u8) -> Self {
        Self { data_offset: Some(data_offset), ..self }
    }

    /// The same segment with these bits between data offset and flags, 0 to 15.
    pub fn reserved(self, reserved: u8) -> Self {
        Self { reserved, ..self }
    }

    /// The same segment with this sequence number.
    pub fn sequence(self, sequence: u32) -> Self {
        Self { sequence, ..self }
    }

    pub(super) fn encode(&self, around: &Surroundings, inside: &[u8]) -> Vec<u8> {
        let mut options = self.options.clone();
        options.resize(options.len().next_multiple_of(4), 0);
        let data_offset = self
            .data_offset
            .unwrap_or_else(|| u8::try_from(5 + options.len() / 4).expect("TCP options are at most 40 bytes"));

        let mut segment = Vec::new();
        segment.extend(self.source.to_be_bytes());
        segment.extend(self.destination.to_be_bytes());
        segment.extend(self.sequence.to_be_bytes());
        segment.extend(self.acknowledgement.to_be_bytes());
        segment.extend([data_offset << 4 | self.reserved & 0x0f, self.flags]);
        segment.extend(self.window.to_be_bytes());
        // Checksum and urgent pointer.
        segment.extend([0; 4]);
        segment.extend(options);
        segment.extend(inside);
        let checksum = self.checksum.or(around.pseudo_header.checksum(Self::PROTOCOL, &segment));
        segment[16..18].copy_from_slice(&checksum.to_be_bytes());
        segment
    }
}
