//! Headers as they stand on the wire. Fields are in network byte order; each struct is laid out without padding, and is
//! copied out of the packet before it is looked at, so that its alignment does not matter.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Ethernet II (IEEE 802.3).
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct Ethernet {
    _addresses: [u16; 6],
    ethertype: u16,
}

impl Ethernet {
    #[inline(always)]
    pub(crate) const fn ethertype(&self) -> u16 {
        u16::from_be(self.ethertype)
    }
}

/// The last field of an Ethernet header (IEEE 802.3), which alone is looked at.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct EtherType(u16);

impl EtherType {
    #[inline(always)]
    pub(crate) const fn number(&self) -> u16 {
        u16::from_be(self.0)
    }
}

/// The part of a VLAN tag behind its ethertype (IEEE 802.1Q).
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct VlanTag {
    control_ethertype: u32,
}

impl VlanTag {
    #[inline(always)]
    pub(crate) const fn ethertype(&self) -> u16 {
        (u32::from_be(self.control_ethertype) & 0xffff) as u16
    }
}

/// IPv4 without options (RFC 791).
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct Ipv4 {
    pub(crate) version_length: u8,
    pub(crate) service: u8,
    pub(crate) total_length: u16,
    pub(crate) identification: u16,
    pub(crate) flags_offset: u16,
    pub(crate) ttl: u8,
    pub(crate) protocol: u8,
    pub(crate) checksum: u16,
    pub(crate) source: u32,
    pub(crate) destination: u32,
}

impl Ipv4 {
    #[inline(always)]
    pub(crate) const fn version(&self) -> u8 {
        self.version_length >> 4
    }

    /// Bytes of header, options included.
    #[inline(always)]
    pub(crate) const fn header_length(&self) -> usize {
        (self.version_length & 0x0f) as usize * 4
    }

    /// Bytes of header and payload.
    #[inline(always)]
    pub(crate) const fn total_length(&self) -> usize {
        u16::from_be(self.total_length) as usize
    }

    #[inline(always)]
    pub(crate) const fn more_fragments(&self) -> bool {
        u16::from_be(self.flags_offset) & 0x2000 != 0
    }

    /// In units of 8 bytes.
    #[inline(always)]
    pub(crate) const fn fragment_offset(&self) -> u16 {
        u16::from_be(self.flags_offset) & 0x1fff
    }

    /// Whether this is no fragment.
    #[inline(always)]
    pub(crate) const fn is_whole(&self) -> bool {
        u16::from_be(self.flags_offset) & 0x3fff == 0
    }

    /// Whether this is version 4 and five words long.
    #[inline(always)]
    pub(crate) const fn is_without_options(&self) -> bool {
        self.version_length == 0x45
    }
}

/// The type of an IPv4 option (RFC 791 section 3.1), and the byte before it.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct Ipv4Option {
    _before: u8,
    pub(crate) kind: u8,
}

/// An IPv4 option that has a length.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct Ipv4OptionLength {
    _kind: u8,
    pub(crate) length: u8,
}

/// IPv6 (RFC 8200 section 3).
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct Ipv6 {
    pub(crate) version_class_label: u32,
    pub(crate) payload_length: u16,
    pub(crate) next_header: u8,
    pub(crate) hop_limit: u8,
    pub(crate) source: [u32; 4],
    pub(crate) destination: [u32; 4],
}

impl Ipv6 {
    #[inline(always)]
    pub(crate) const fn version(&self) -> u32 {
        u32::from_be(self.version_class_label) >> 28
    }

    /// Bytes behind this header.
    #[inline(always)]
    pub(crate) const fn payload_length(&self) -> usize {
        u16::from_be(self.payload_length) as usize
    }
}

/// The first eight bytes of every IPv6 extension header (RFC 8200 section 4, RFC 4302 section 2).
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct ExtensionHeader {
    pub(crate) next_header: u8,
    pub(crate) length: u8,
    word: u16,
    _rest: u32,
}

impl ExtensionHeader {
    /// Of a routing header (RFC 8200 section 4.4).
    #[inline(always)]
    pub(crate) const fn has_segments_left(&self) -> bool {
        u16::from_be(self.word) & 0x00ff != 0
    }

    /// Of a fragment header (RFC 8200 section 4.5), in units of 8 bytes.
    #[inline(always)]
    pub(crate) const fn fragment_offset(&self) -> u16 {
        u16::from_be(self.word) >> 3
    }

    /// Of a fragment header.
    #[inline(always)]
    pub(crate) const fn more_fragments(&self) -> bool {
        u16::from_be(self.word) & 1 != 0
    }
}

/// What TCP, UDP, UDP-Lite, SCTP and DCCP begin with.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct Ports {
    source_destination: u32,
    length_checksum: u32,
}

impl Ports {
    #[inline(always)]
    pub(crate) const fn destination(&self) -> u16 {
        (u32::from_be(self.source_destination) & 0xffff) as u16
    }

    /// Of UDP: bytes of header and payload (RFC 768).
    #[inline(always)]
    pub(crate) const fn udp_length(&self) -> usize {
        (u32::from_be(self.length_checksum) >> 16) as usize
    }
}

/// TCP without options (RFC 9293 section 3.1).
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct Tcp {
    pub(crate) source: u16,
    pub(crate) destination: u16,
    pub(crate) sequence: u32,
    pub(crate) acknowledgement: u32,
    pub(crate) offset_flags: u16,
    pub(crate) window: u16,
    pub(crate) checksum: u16,
    pub(crate) urgent: u16,
}

/// Flag bits of [`Tcp::offset_flags`], host byte order.
pub(crate) const FIN: u16 = 0x01;
pub(crate) const SYN: u16 = 0x02;
pub(crate) const RST: u16 = 0x04;
pub(crate) const ACK: u16 = 0x10;

impl Tcp {
    #[inline(always)]
    pub(crate) const fn destination(&self) -> u16 {
        u16::from_be(self.destination)
    }

    /// Header length in bytes, options included.
    #[inline(always)]
    pub(crate) const fn header_length(&self) -> usize {
        (u16::from_be(self.offset_flags) >> 12) as usize * 4
    }

    /// Only SYN and ACK are looked at: Linux opens a connection whatever the other bits say.
    #[inline(always)]
    pub(crate) const fn opens_connection(&self) -> bool {
        u16::from_be(self.offset_flags) & (SYN | ACK) == SYN
    }
}

/// VXLAN (RFC 7348 section 5).
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct Vxlan {
    flags_reserved: u32,
    vni_reserved: u32,
}

impl Vxlan {
    /// The VNI, if the I flag is the only bit set beside it.
    #[inline(always)]
    pub(crate) const fn vni(&self) -> Option<u32> {
        let (flags, vni) = (u32::from_be(self.flags_reserved), u32::from_be(self.vni_reserved));
        if flags == 0x0800_0000 && vni & 0xff == 0 { Some(vni >> 8) } else { None }
    }
}
