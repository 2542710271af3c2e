//! Host, kernel and naive model give the same verdict on a million random and mutated packets.

use anyhow::Result;
use rand::SeedableRng as _;
use rand::rngs::SmallRng;
use registry_guard_common::Reason;
use tests::guard::Guard;
use tests::naive::{Allowed, Denied, Illegitimate, Verdict};
use tests::random;

const POLICIES: u64 = 500;
const PACKETS_PER_POLICY: u64 = 2_000;
/// `BPF_PROG_TEST_RUN` takes no frame shorter than an Ethernet header.
const SHORTEST_FRAME: usize = 14;

/// What the naive model calls the same thing. It knows no difference between the kinds of rule and of unguarded traffic.
fn same(reason: Reason, naive: Verdict) -> bool {
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
        Verdict::Deny(denied) => {
            reason
                == match denied {
                    Denied::PublicAccessDisabled => Reason::PublicAccessDisabled,
                    Denied::ByRule => Reason::DenyRule,
                    Denied::ByDefault => Reason::NoRule,
                    Denied::UntrustedVtep => Reason::UntrustedVtep,
                    Denied::VniZero => Reason::VniZero,
                    Denied::UdpToGuardedPort => Reason::DatagramToGuardedPort,
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

#[test]
fn host_kernel_and_naive_model_agree_on_a_million_packets() -> Result<()> {
    let mut guard = Guard::new(&tests::naive::Policy::default())?;
    let mut judged = 0;
    for seed in 0..POLICIES {
        let mut rng = SmallRng::seed_from_u64(seed);
        let policy = random::policy(&mut rng);
        guard.set(&policy)?;
        let mut packets = 0;
        while packets < PACKETS_PER_POLICY {
            let frame = random::frame(&mut rng, &policy);
            if frame.len() < SHORTEST_FRAME {
                continue;
            }
            packets += 1;
            let naive = policy.verdict(&frame);
            let host = guard.on_host(&frame).reason;
            let kernel = guard.ask(&frame)?;
            assert!(
                same(host, naive) && kernel == host,
                "seed {seed}, packet {packets}: host {host:?}, kernel {kernel:?}, naive model {naive:?}\n{frame:02x?}\n{policy:#?}"
            );
        }
        judged += packets;
    }
    println!("{judged} packets under {POLICIES} policies: host, kernel and naive model agree");
    assert_eq!(judged, POLICIES * PACKETS_PER_POLICY);
    Ok(())
}
