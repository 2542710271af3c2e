//! What is told of a packet at a glance is what the whole parser tells of it.

use std::net::IpAddr;

use model::attacks::{Source, all, policy};
use model::glance::assert_same;
use model::naive::{Place, Policy};
use model::random;
use rand::SeedableRng as _;
use rand::rngs::SmallRng;
use registry_guard_common::{
    Address, Datagrams, Endpoint, Entry, Frame, LocalTraffic, Reason, Response, RuleKey, RuleTable, Tables,
};

const POLICIES: u64 = 500;
const PACKETS_PER_POLICY: u64 = 1000;

/// Where the registries of a policy listen; nobody is allowed.
struct Listening<'a>(&'a Policy);

impl Tables for Listening<'_> {
    fn vxlan_port(&self) -> u16 {
        self.0.vxlan_port
    }

    fn may_concern(&self, port: u16) -> bool {
        port == self.0.vxlan_port || self.0.endpoints.iter().any(|endpoint| endpoint.port == port)
    }

    fn endpoint(&self, address: &Address, port: u16) -> Option<Endpoint> {
        let listens = self.0.endpoints.iter().any(|endpoint| {
            let place = match endpoint.place {
                Place::EveryIpv4 => IpAddr::from(*address).is_ipv4(),
                Place::EveryIpv6 => IpAddr::from(*address).is_ipv6(),
                Place::Address(place) => Address::from(place) == *address,
            };
            place && endpoint.port == port
        });
        listens.then(|| Endpoint::new(0, Response::Drop, Datagrams::Deny, LocalTraffic::Judge))
    }

    fn trusts_vtep(&self, _: &Address) -> bool {
        true
    }

    type Rules = Nothing;

    fn rules(&self, _: u32) -> Option<Nothing> {
        None
    }

    fn is_local(&self, _: &Address) -> bool {
        false
    }
}

/// The rules of a registry that has none.
enum Nothing {}

impl RuleTable for Nothing {
    fn may_cover(&self, _: &RuleKey) -> bool {
        match *self {}
    }

    fn uncovered(&self) -> Reason {
        match *self {}
    }

    fn longest(&self, _: &RuleKey, _: u32) -> Option<Entry> {
        match *self {}
    }
}

/// A frame of which only the first bytes can be read directly.
struct Partly<'a> {
    frame: &'a [u8],
    linear: usize,
}

impl Frame for Partly<'_> {
    fn header<H: zerocopy::FromBytes + Copy>(&self, offset: usize) -> Option<H> {
        self.frame[..self.linear].header(offset)
    }

    fn holds(&self, end: usize) -> bool {
        self.frame.holds(end)
    }

    fn reaches(&self, end: usize) -> bool {
        self.frame[..self.linear].reaches(end)
    }
}

#[test]
fn random_packets_are_told_alike() {
    let mut told = [0; 3];
    for seed in 0..POLICIES {
        let mut rng = SmallRng::seed_from_u64(seed);
        let policy = random::policy(&mut rng);
        for _ in 0..PACKETS_PER_POLICY {
            let frame = random::frame(&mut rng, &policy);
            match assert_same(&frame[..], &frame, &Listening(&policy)) {
                Ok(()) => told[0] += 1,
                Err(Reason::NotGuarded) => told[1] += 1,
                Err(Reason::NotSyn) => told[2] += 1,
                Err(_) => {}
            }
        }
    }
    println!("{} open something, {} go to other ports, {} open nothing", told[0], told[1], told[2]);
    assert!(told.iter().all(|count| *count > 1000), "{told:?}");
}

#[test]
fn attacks_are_told_alike_wherever_they_are_cut_off_or_out_of_reach() {
    let policy = policy();
    let tables = Listening(&policy);
    for attack in all() {
        for source in [Source::ALLOWED, Source::DENIED] {
            let frame = (attack.packet)(&source).bytes();
            for end in 0..=frame.len() {
                _ = assert_same(&frame[..end], &frame[..end], &tables);
                _ = assert_same(&Partly { frame: &frame, linear: end }, &frame, &tables);
            }
        }
    }
}
