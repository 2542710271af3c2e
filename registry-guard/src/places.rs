use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// The places for connections. Whoever comes gets one: when there is none left, another has to go.
///
/// One that has been answered and only lingers goes first; then the oldest of the source that holds most places. So a source
/// that opens few connections keeps them, however many others there are.
#[derive(Debug)]
pub(crate) struct Places {
    /// How many there are.
    all: usize,
    /// How many one source can have.
    per_source: usize,
    occupied: Mutex<Occupied>,
}

#[derive(Debug, Default)]
struct Occupied {
    next: u64,
    /// By age.
    connections: BTreeMap<u64, Occupant>,
}

#[derive(Debug)]
struct Occupant {
    source: IpAddr,
    answered: bool,
    /// Dropped to take the place away.
    _stay: oneshot::Sender<()>,
}

/// One place, given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<Places>,
    number: u64,
    stay: oneshot::Receiver<()>,
}

impl Places {
    /// So many places, and so many of them for one source.
    pub(crate) fn new(all: usize, per_source: usize) -> Self {
        Self { all, per_source, occupied: Mutex::default() }
    }

    /// A place for a connection from `source`, which is IPv4 if it can be.
    pub(crate) fn take(self: &Arc<Self>, source: IpAddr) -> Place {
        let source = site(source);
        let (sender, stay) = oneshot::channel();
        let mut occupied = self.lock();
        let of_source = occupied.connections.values().filter(|occupant| occupant.source == source).count();
        if of_source >= self.per_source {
            occupied.evict(Some(source));
        } else if occupied.connections.len() >= self.all {
            occupied.evict(None);
        }
        let number = occupied.next;
        occupied.next += 1;
        occupied.connections.insert(number, Occupant { source, answered: false, _stay: sender });
        drop(occupied);
        Place { places: Arc::clone(self), number, stay }
    }

    fn lock(&self) -> MutexGuard<'_, Occupied> {
        self.occupied.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Occupied {
    /// Takes a place away, from `source` if one is named.
    fn evict(&mut self, source: Option<IpAddr>) {
        let mut held: BTreeMap<IpAddr, usize> = BTreeMap::new();
        for occupant in self.connections.values() {
            *held.entry(occupant.source).or_default() += 1;
        }
        let candidates = self.connections.iter().filter(|(_, occupant)| source.is_none_or(|it| it == occupant.source));
        let first = candidates.min_by_key(|(number, occupant)| {
            let places = held.get(&occupant.source).copied().unwrap_or_default();
            (!occupant.answered, usize::MAX - places, **number)
        });
        if let Some(number) = first.map(|(number, _)| *number) {
            self.connections.remove(&number);
        }
    }
}

impl Place {
    /// Ready when the place was given to another connection.
    pub(crate) async fn lost(&mut self) {
        let _ = (&mut self.stay).await;
    }

    /// The client has its answer; what follows is courtesy.
    pub(crate) fn answered(&self) {
        if let Some(occupant) = self.places.lock().connections.get_mut(&self.number) {
            occupant.answered = true;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.lock().connections.remove(&self.number);
    }
}

/// Who shares a bound: one IPv4 address, or one IPv6 /64, which is the least that a site gets (RFC 6177).
pub(crate) fn site(source: IpAddr) -> IpAddr {
    match source {
        IpAddr::V4(_) => source,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    const MOST_CONNECTIONS: usize = 512;
    const MOST_PER_SOURCE: usize = 8;

    fn places() -> Arc<Places> {
        Arc::new(Places::new(MOST_CONNECTIONS, MOST_PER_SOURCE))
    }

    fn lost(place: &mut Place) -> bool {
        place.lost().now_or_never().is_some()
    }

    fn address(number: usize) -> IpAddr {
        Ipv6Addr::from_bits(0x2001_0db8 << 96 | (number as u128) << 64).into()
    }

    #[test]
    fn a_source_that_takes_too_many_loses_its_own_oldest() {
        let places = places();
        let mut other = places.take("198.51.100.7".parse().unwrap());
        let mut held: Vec<Place> = (0..MOST_PER_SOURCE).map(|_| places.take("203.0.113.9".parse().unwrap())).collect();
        assert!(!held.iter_mut().any(lost));
        let mut newest = places.take("203.0.113.9".parse().unwrap());
        let gone: Vec<usize> = (0..held.len()).filter(|&index| lost(&mut held[index])).collect();
        assert_eq!(gone, [0]);
        assert!(!lost(&mut newest) && !lost(&mut other));
    }

    #[test]
    fn addresses_of_one_64_are_one_source() {
        let places = places();
        let in_one = |host: u128| IpAddr::from(Ipv6Addr::from_bits(0x2001_0db8 << 96 | host));
        let mut held: Vec<Place> = (0..=MOST_PER_SOURCE as u128).map(|host| places.take(in_one(host))).collect();
        assert!(lost(&mut held[0]));
    }

    #[test]
    fn a_modest_source_keeps_its_place_whoever_comes() {
        let places = places();
        let mut honest = places.take("203.0.113.9".parse().unwrap());
        let greedy: Vec<Place> =
            (0..2000).map(|number| places.take(address(number / 2 % (MOST_CONNECTIONS / 2)))).collect();
        assert!(!lost(&mut honest));
        assert_eq!(places.lock().connections.len(), MOST_CONNECTIONS);
        drop(greedy);
        assert_eq!(places.lock().connections.len(), 1);
    }

    #[test]
    fn those_that_have_their_answer_go_first() {
        let places = places();
        let mut held: Vec<Place> = (0..MOST_CONNECTIONS).map(|number| places.take(address(number))).collect();
        held[99].answered();
        let _newest = places.take("203.0.113.9".parse().unwrap());
        assert!(lost(&mut held[99]) && !lost(&mut held[0]));
    }
}
