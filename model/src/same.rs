//! Whether the verdict and the naive model say the same.

use registry_guard_common::Reason;

use crate::naive::{Allowed, Denied, Illegitimate, Verdict};

/// Whether `reason` is what the naive model calls `naive`. It knows no difference between the kinds of rule and of unguarded
/// traffic.
pub fn same(reason: Reason, naive: Verdict) -> bool {
    match naive {
        Verdict::Pass => matches!(
            reason,
            Reason::NotIp | Reason::OtherProtocol | Reason::LaterFragment | Reason::NotSyn | Reason::NotGuarded
        ),
        Verdict::Allow(Allowed::AtPrivateEndpoint) => reason == Reason::PrivateEndpoint,
        Verdict::Allow(Allowed::TrustedService) => reason == Reason::TrustedService,
        Verdict::Allow(Allowed::ByRule) => {
            matches!(reason, Reason::IpRule | Reason::SubnetRule | Reason::ServiceTagRule)
        }
        Verdict::Allow(Allowed::ByDefault) => reason == Reason::DefaultAllow,
        Verdict::Allow(Allowed::Local) => reason == Reason::LocalTraffic,
        Verdict::Deny(denied) => {
            reason
                == match denied {
                    Denied::PublicAccessDisabled => Reason::PublicAccessDisabled,
                    Denied::ByRule => Reason::DenyRule,
                    Denied::ByDefault => Reason::NoRule,
                    Denied::UntrustedVtep => Reason::UntrustedVtep,
                    Denied::VniZero => Reason::VniZero,
                    Denied::UdpToGuardedPort => Reason::DatagramToGuardedPort,
                    Denied::UnknownInterface => Reason::UnknownInterface,
                }
        }
        Verdict::Undecided => reason == Reason::UnknownEncapsulation,
        Verdict::Never(why) => {
            reason
                == match why {
                    Illegitimate::Truncated => Reason::Truncated,
                    Illegitimate::TooManyTags => Reason::TooManyTags,
                    Illegitimate::BadIpv4Header => Reason::BadIpv4Header,
                    Illegitimate::SourceRoute | Illegitimate::RoutingSegmentsLeft => Reason::SourceRoute,
                    Illegitimate::BadIpv6Header => Reason::BadIpv6Header,
                    Illegitimate::MappedSource => Reason::MappedSource,
                    Illegitimate::TooManyExtensionHeaders => Reason::TooManyExtensionHeaders,
                    Illegitimate::TinyFragment => Reason::TinyFragment,
                    Illegitimate::BadTcpHeader => Reason::BadTcpHeader,
                    Illegitimate::BadUdpHeader => Reason::BadUdpHeader,
                    Illegitimate::VxlanReserved => Reason::VxlanReserved,
                    Illegitimate::NestedVxlan => Reason::NestedVxlan,
                    Illegitimate::FragmentedVxlan => Reason::FragmentedVxlan,
                }
        }
    }
}
