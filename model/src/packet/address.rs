use std::net::{Ipv4Addr, Ipv6Addr};

/// What can be written where a layer wants an address: the address itself or its spelling.
pub trait IntoAddress<A> {
    /// The address; panics on a spelling that is none, as a test with a typing error should.
    fn into_address(self) -> A;
}

impl IntoAddress<Ipv4Addr> for Ipv4Addr {
    fn into_address(self) -> Ipv4Addr {
        self
    }
}

impl IntoAddress<Ipv6Addr> for Ipv6Addr {
    fn into_address(self) -> Ipv6Addr {
        self
    }
}

impl IntoAddress<Ipv4Addr> for &str {
    fn into_address(self) -> Ipv4Addr {
        self.parse().unwrap_or_else(|_| panic!("`{self}` is not an IPv4 address"))
    }
}

impl IntoAddress<Ipv6Addr> for &str {
    fn into_address(self) -> Ipv6Addr {
        self.parse().unwrap_or_else(|_| panic!("`{self}` is not an IPv6 address"))
    }
}
