use crate::Address;

/// Which network a packet comes from: 0 is public traffic, anything else the VXLAN network identifier (24 bits).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag(u32);

impl Tag {
    /// Traffic that arrived without encapsulation.
    pub const PUBLIC: Self = Self(0);
    /// Bits of a tag.
    pub(crate) const BITS: u32 = 24;

    /// The tag of a VXLAN network; bits above the 24 of a VNI are dropped.
    #[inline(always)]
    pub const fn vni(vni: u32) -> Self {
        Self(vni & 0x00ff_ffff)
    }

    /// The VNI, or 0 for public traffic.
    #[inline(always)]
    pub const fn value(self) -> u32 {
        self.0
    }
}

/// The outer source of a VXLAN packet, or nobody. A value of its own rather than an `Option`: LLVM leaves what stands behind a
/// `None` unwritten, and where it copies that, the BPF verifier may find a pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vtep {
    address: Address,
    is_there: u32,
}

impl Vtep {
    /// There is no VXLAN header.
    pub const NONE: Self = Self { address: Address::from_word(0), is_there: 0 };

    /// The VTEP with this address.
    #[inline(always)]
    pub const fn new(address: Address) -> Self {
        Self { address, is_there: 1 }
    }

    /// Its address, if there is a VXLAN header.
    #[inline(always)]
    pub const fn address(&self) -> Option<&Address> {
        if self.is_there == 0 { None } else { Some(&self.address) }
    }
}

/// What carries the traffic to a guarded port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// The opening SYN of a TCP connection.
    TcpSyn,
    /// UDP, UDP-Lite, SCTP or DCCP, whose first four bytes are the same ports.
    Datagram,
}

/// What a packet wants to open: from where, to which endpoint, by which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Source address of the (inner) IP header.
    pub source: Address,
    /// Destination address of the (inner) IP header.
    pub destination: Address,
    /// Destination port, host byte order.
    pub port: u16,
    /// TCP SYN or datagram.
    pub transport: Transport,
    /// The network it comes from: the VNI of its VXLAN header, or that of the interface which decapsulated it.
    pub tag: Tag,
    /// Source address of the outer IP header, if this is a VXLAN packet: whoever's word for `tag` is only as good as
    /// the trust in it. After decapsulation nobody knows it any more.
    pub vtep: Vtep,
}
