/// What a [`Reason`] amounts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Not the opening of a connection to a guarded endpoint: passes untouched.
    NotOurs,
    /// May reach the registry.
    Allow,
    /// May not reach the registry; answered as the registry's deny response says.
    Deny,
    /// Could hide a connection to the registry where this parser cannot look. Only the second layer, which sees the
    /// connection after the kernel unpacked it, can decide; while it does not stand, the packet is dropped.
    Undecided,
    /// Never legitimate, or refused by every receiver: always dropped.
    Never,
}

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident => $class:ident,)+) => {
        /// Why a packet got its verdict. Each has a counter of its own, per registry where one is known.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        // A whole word: in a `Result`, an `Err` overlays the first word of what an `Ok` holds, and LLVM would take that word
        // apart where it is copied, in a way that the verifier refuses.
        #[repr(u32)]
        pub enum Reason { $($(#[doc = $doc])+ $name,)+ }

        impl Reason {
            /// Every reason, in the order of its number.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// What this reason amounts to.
            #[inline(always)]
            pub const fn class(self) -> Class {
                match self { $(Self::$name => Class::$class,)+ }
            }

            /// The name as it stands in events, status and metrics.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)+ }
            }

            /// The reason in one sentence.
            pub const fn sentence(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),+).trim_ascii(),)+ }
            }

            /// The reason with this number, which is how kernel and agent name it to each other.
            #[inline(always)]
            pub const fn from_number(number: u32) -> Option<Self> {
                $(if number == Self::$name as u32 { return Some(Self::$name); })+
                None
            }
        }
    };
}

reasons! {
    /// Not IPv4 or IPv6, and no encapsulation of them.
    NotIp => NotOurs,
    /// An IP protocol without a connection to open (ICMP, IGMP, OSPF, ...).
    OtherProtocol => NotOurs,
    /// A later fragment; without its first fragment it never becomes a packet.
    LaterFragment => NotOurs,
    /// TCP, but not an opening SYN.
    NotSyn => NotOurs,
    /// To an address and port that no registry listens on.
    NotGuarded => NotOurs,

    /// An IP rule of the registry covers the source.
    IpRule => Allow,
    /// A virtual network rule names the subnet of the source.
    SubnetRule => Allow,
    /// The registry's default action is Allow and no rule denies the source.
    DefaultAllow => Allow,
    /// The destination is a private endpoint of the registry in the virtual network of the source.
    PrivateEndpoint => Allow,
    /// The source is a trusted service, which the registry lets pass.
    TrustedService => Allow,
    /// The host itself asks, and the registry allows local traffic.
    LocalTraffic => Allow,

    /// No rule of the registry covers the source.
    NoRule => Deny,
    /// A Deny rule of the registry covers the source most specifically.
    DenyRule => Deny,
    /// The registry's public network access is disabled.
    PublicAccessDisabled => Deny,
    /// The VXLAN packet does not come from a trusted VTEP.
    UntrustedVtep => Deny,
    /// VNI 0 cannot be told from public traffic, so it is no identity.
    VniZero => Deny,
    /// UDP, UDP-Lite, SCTP or DCCP to a guarded port.
    DatagramToGuardedPort => Deny,
    /// The registry has no rule table in the kernel.
    NoTable => Deny,
    /// The interface it arrived on is not known to carry one network only.
    UnknownInterface => Deny,

    /// An encapsulation that this parser does not open.
    UnknownEncapsulation => Undecided,
    /// A header lies outside the part of the packet that the program can read.
    NonLinear => Undecided,

    /// A header does not fit into its packet.
    Truncated => Never,
    /// More VLAN tags than the bound.
    TooManyTags => Never,
    /// More IPv6 extension headers than the bound.
    TooManyExtensionHeaders => Never,
    /// An IPv4 header whose version, header length or total length is impossible.
    BadIpv4Header => Never,
    /// An IPv6 header whose version or payload length is impossible.
    BadIpv6Header => Never,
    /// An IPv4 source route (RFC 7126 section 4.3) or an IPv6 routing header with segments left (RFC 5095).
    SourceRoute => Never,
    /// An IPv4-mapped IPv6 source address on the wire.
    MappedSource => Never,
    /// A fragment made to hide the transport header (RFC 1858, RFC 3128, RFC 8200 section 4.5).
    TinyFragment => Never,
    /// A TCP header shorter than five words.
    BadTcpHeader => Never,
    /// A VXLAN datagram whose UDP length is impossible.
    BadUdpHeader => Never,
    /// VXLAN inside VXLAN.
    NestedVxlan => Never,
    /// A fragmented VXLAN datagram, which RFC 7348 section 4.3 forbids.
    FragmentedVxlan => Never,
    /// VXLAN with reserved bits set, or without a valid VNI (RFC 7348 section 5).
    VxlanReserved => Never,

    /// A service tag that a rule of the registry allows has the source.
    ServiceTagRule => Allow,
}
