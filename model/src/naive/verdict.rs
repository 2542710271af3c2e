/// What becomes of a frame, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// None of the guard's business: it passes.
    Pass,
    /// The opening of a connection that the policy allows: it passes.
    Allow(Allowed),
    /// The opening of a connection that the policy denies: it is dropped or refused.
    Deny(Denied),
    /// An encapsulation that is not understood: dropped, as long as nothing behind can judge it.
    Undecided,
    /// Never legitimate: it is dropped, whatever the policy.
    Never(Illegitimate),
}

/// Why a connection is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// The connection came through a virtual network to an address approved for it.
    AtPrivateEndpoint,
    /// A trusted service, from outside any virtual network.
    TrustedService,
    /// The longest rule that covers the source allows.
    ByRule,
    /// No rule covers the source, and the default action allows.
    ByDefault,
    /// The host itself, where the registry lets it; only at the socket.
    Local,
}

/// Why a connection is denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// The registry's public network access is disabled.
    PublicAccessDisabled,
    /// The longest rule that covers the source denies.
    ByRule,
    /// No rule covers the source, and the default action denies.
    ByDefault,
    /// A VXLAN packet from a source that is no trusted VTEP.
    UntrustedVtep,
    /// A VXLAN packet whose VNI is the tag of public traffic.
    VniZero,
    /// UDP or another datagram transport to a guarded port of a registry that answers none.
    UdpToGuardedPort,
    /// It arrived on an interface of which nothing is known; only at the socket.
    UnknownInterface,
}

/// Why a frame is never legitimate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Illegitimate {
    /// A header does not fit into the bytes that hold it.
    Truncated,
    /// More than four VLAN tags.
    TooManyTags,
    /// An IPv4 header that contradicts itself or the frame.
    BadIpv4Header,
    /// A loose or strict source route.
    SourceRoute,
    /// An IPv6 header that contradicts itself or the frame.
    BadIpv6Header,
    /// An IPv6 packet from an IPv4-mapped address.
    MappedSource,
    /// More than eight IPv6 extension headers.
    TooManyExtensionHeaders,
    /// An IPv6 routing header with segments left to visit.
    RoutingSegmentsLeft,
    /// A fragment cut so that no piece shows the transport header whole.
    TinyFragment,
    /// A TCP header that claims to be shorter than one.
    BadTcpHeader,
    /// A VXLAN datagram whose UDP length contradicts the packet.
    BadUdpHeader,
    /// A VXLAN flag byte other than 0x08, or a reserved byte other than zero.
    VxlanReserved,
    /// VXLAN inside VXLAN.
    NestedVxlan,
    /// The first fragment of a VXLAN datagram.
    FragmentedVxlan,
}
