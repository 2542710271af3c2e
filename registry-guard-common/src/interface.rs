use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::{Address, Tag};

/// The key of the map of interfaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct InterfaceKey {
    namespace: u32,
    ifindex: u32,
}

impl InterfaceKey {
    /// The interface with index `ifindex` in the network namespace with this number.
    #[inline(always)]
    pub const fn new(namespace: u8, ifindex: u32) -> Self {
        Self { namespace: namespace as u32, ifindex }
    }

    /// The number of its network namespace.
    pub const fn namespace(&self) -> u32 {
        self.namespace
    }
}

/// What the agent knows about an interface: which network its traffic comes from. An interface that may carry several, or
/// that the agent has not seen, has no such record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Interface {
    tag: u32,
    flags: u32,
}

impl Interface {
    const LOOPBACK: u32 = 1;
    const COUNTED: u32 = 2;
    const UNKNOWN_FLAG: u32 = 4;

    /// What stands where the agent knows nothing: a value rather than `None`, for the verifier's sake.
    pub const UNKNOWN: Self = Self { tag: 0, flags: Self::UNKNOWN_FLAG };

    /// An interface with traffic of the network `tag`. `counted` says whether `guard_xdp` sees, and so counts, all of it.
    pub const fn new(tag: Tag, counted: bool) -> Self {
        Self { tag: tag.value(), flags: if counted { Self::COUNTED } else { 0 } }
    }

    /// The loopback interface.
    pub const fn loopback() -> Self {
        Self { tag: 0, flags: Self::LOOPBACK }
    }

    /// Whether the agent knows which network its traffic comes from.
    #[inline(always)]
    pub const fn is_known(&self) -> bool {
        self.flags & Self::UNKNOWN_FLAG == 0
    }

    /// Whether this is the loopback interface.
    #[inline(always)]
    pub const fn is_loopback(&self) -> bool {
        self.flags & Self::LOOPBACK != 0
    }

    /// Whether `guard_xdp` counts what arrives here.
    #[inline(always)]
    pub const fn is_counted(&self) -> bool {
        self.flags & Self::COUNTED != 0
    }

    /// The network its traffic comes from.
    #[inline(always)]
    pub const fn tag(&self) -> Tag {
        Tag::vni(self.tag)
    }
}

/// The key of the map of the host's own addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct LocalAddressKey {
    words: [u32; 4],
    family: u32,
    namespace: u32,
}

impl LocalAddressKey {
    /// An address in the network namespace with this number.
    #[inline(always)]
    pub const fn new(namespace: u8, address: &Address) -> Self {
        Self { words: address.words(), family: address.family() as u32, namespace: namespace as u32 }
    }

    /// The number of its network namespace.
    pub const fn namespace(&self) -> u32 {
        self.namespace
    }
}
