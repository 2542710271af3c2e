//! What was denied lately, and those who follow it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use serde::Serialize;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast};

use super::denial::{Denial, rfc3339};

/// Entries that are kept.
pub const RECENT_DENIALS: usize = 1_000;

/// How many may follow at one time.
pub const MOST_FOLLOWERS: usize = 64;

/// Entries that wait for a follower that is slow.
const WAITING: usize = 1_024;

/// One line of the denied log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Entry {
    /// A denied connection.
    Denied(Denial),
    /// Denied packets of which nothing more is told, since there were too many of them.
    LeftOut(LeftOut),
}

/// Denied packets of which nothing more is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LeftOut {
    /// When they were counted.
    #[serde(serialize_with = "rfc3339")]
    pub time: SystemTime,
    /// The registry they asked for.
    pub registry: String,
    /// How many.
    pub left_out: u64,
}

/// What a follower is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Told {
    /// An entry, as it came.
    Entry(Arc<Entry>),
    /// Entries of all registries that the follower was too slow for.
    Missed {
        /// When it was found out.
        #[serde(serialize_with = "rfc3339")]
        time: SystemTime,
        /// How many.
        missed: u64,
    },
}

/// There are [`MOST_FOLLOWERS`] already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{MOST_FOLLOWERS} clients follow the events already; accepted: that many at one time")]
pub struct TooManyFollowers;

/// The denied log. Clones share it.
#[derive(Clone, Debug)]
pub struct Denials {
    log: Arc<Mutex<Log>>,
    places: Arc<Semaphore>,
}

#[derive(Debug)]
struct Log {
    recent: VecDeque<Arc<Entry>>,
    /// `None` once the agent stops.
    live: Option<broadcast::Sender<Arc<Entry>>>,
}

/// One who follows.
#[derive(Debug)]
pub struct Follower {
    registry: Option<String>,
    recent: VecDeque<Arc<Entry>>,
    live: Option<broadcast::Receiver<Arc<Entry>>>,
    _place: OwnedSemaphorePermit,
}

impl Default for Denials {
    fn default() -> Self {
        let log = Log { recent: VecDeque::new(), live: Some(broadcast::Sender::new(WAITING)) };
        Self { log: Arc::new(Mutex::new(log)), places: Arc::new(Semaphore::new(MOST_FOLLOWERS)) }
    }
}

impl Denials {
    /// Keeps an entry, and tells it to all who follow. Never waits for them.
    pub fn add(&self, entry: Entry) {
        let entry = Arc::new(entry);
        let mut log = self.log();
        if log.recent.len() == RECENT_DENIALS {
            log.recent.pop_front();
        }
        log.recent.push_back(Arc::clone(&entry));
        if let Some(live) = &log.live {
            // An error says that nobody follows.
            let _ = live.send(entry);
        }
    }

    /// The last entries, at most `most` of them, the newest last. With a name, only those of that registry.
    pub fn recent(&self, registry: Option<&str>, most: usize) -> VecDeque<Arc<Entry>> {
        self.log().recent(registry, most)
    }

    /// Follows what comes from now on, after at most `recent` entries of what was. With a name, only of that registry.
    pub fn follow(&self, registry: Option<&str>, recent: usize) -> Result<Follower, TooManyFollowers> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| TooManyFollowers)?;
        // Under one lock, so that no entry is told twice and none falls between.
        let log = self.log();
        Ok(Follower {
            registry: registry.map(ToOwned::to_owned),
            recent: log.recent(registry, recent),
            live: log.live.as_ref().map(broadcast::Sender::subscribe),
            _place: place,
        })
    }

    /// Ends all who follow, once they have been told what waits for them.
    pub fn close(&self) {
        self.log().live = None;
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log {
    fn recent(&self, registry: Option<&str>, most: usize) -> VecDeque<Arc<Entry>> {
        let wanted = self.recent.iter().rev().filter(|entry| entry.concerns(registry)).take(most);
        let mut wanted: VecDeque<_> = wanted.cloned().collect();
        wanted.make_contiguous().reverse();
        wanted
    }
}

impl Entry {
    fn concerns(&self, registry: Option<&str>) -> bool {
        let own = match self {
            Self::Denied(denial) => &denial.registry,
            Self::LeftOut(left_out) => &left_out.registry,
        };
        registry.is_none_or(|registry| registry.eq_ignore_ascii_case(own))
    }
}

impl Follower {
    /// What comes next; `None` once the agent stops.
    pub async fn next(&mut self) -> Option<Told> {
        if let Some(entry) = self.recent.pop_front() {
            return Some(Told::Entry(entry));
        }
        let live = self.live.as_mut()?;
        loop {
            match live.recv().await {
                Ok(entry) if entry.concerns(self.registry.as_deref()) => return Some(Told::Entry(entry)),
                Ok(_) => {}
                Err(RecvError::Lagged(missed)) => return Some(Told::Missed { time: SystemTime::now(), missed }),
                Err(RecvError::Closed) => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(registry: &str, number: u64) -> Entry {
        Entry::LeftOut(LeftOut { time: SystemTime::UNIX_EPOCH, registry: registry.to_owned(), left_out: number })
    }

    fn number(entry: &Entry) -> u64 {
        let Entry::LeftOut(left_out) = entry else { unreachable!() };
        left_out.left_out
    }

    fn numbers(entries: &VecDeque<Arc<Entry>>) -> Vec<u64> {
        entries.iter().map(|entry| number(entry)).collect()
    }

    async fn next(follower: &mut Follower) -> Option<u64> {
        match follower.next().await? {
            Told::Entry(entry) => Some(number(&entry)),
            Told::Missed { missed, .. } => panic!("missed {missed}"),
        }
    }

    #[test]
    fn only_the_last_entries_are_kept() {
        let denials = Denials::default();
        for number in 0..1_500 {
            denials.add(entry("contoso", number));
        }
        assert_eq!(numbers(&denials.recent(None, usize::MAX)), (500..1_500).collect::<Vec<_>>());
        assert_eq!(numbers(&denials.recent(None, 2)), [1_498, 1_499]);
    }

    #[test]
    fn a_name_selects_in_any_case() {
        let denials = Denials::default();
        for (number, registry) in ["contoso", "fabrikam", "Contoso", "fabrikam"].into_iter().enumerate() {
            denials.add(entry(registry, number as u64));
        }
        assert_eq!(numbers(&denials.recent(Some("CONTOSO"), usize::MAX)), [0, 2]);
        assert_eq!(numbers(&denials.recent(Some("fabrikam"), 1)), [3]);
        assert_eq!(numbers(&denials.recent(Some("nobody"), 1)), [0; 0]);
    }

    #[tokio::test]
    async fn a_follower_is_told_what_comes_and_what_it_asked_for_of_before() {
        let denials = Denials::default();
        denials.add(entry("contoso", 1));
        denials.add(entry("contoso", 2));
        let (mut all, mut own) = (denials.follow(None, 1).unwrap(), denials.follow(Some("contoso"), 0).unwrap());
        denials.add(entry("fabrikam", 3));
        denials.add(entry("contoso", 4));
        denials.close();
        denials.add(entry("contoso", 5));
        assert_eq!([next(&mut all).await, next(&mut all).await, next(&mut all).await], [Some(2), Some(3), Some(4)]);
        assert_eq!([next(&mut own).await, next(&mut own).await], [Some(4), None]);
        assert_eq!(all.next().await, None);
        assert_eq!(denials.follow(None, 0).unwrap().next().await, None, "the agent stops");
    }

    #[tokio::test]
    async fn a_slow_follower_is_told_how_many_it_missed_and_holds_up_nobody() {
        let denials = Denials::default();
        let mut slow = denials.follow(None, 0).unwrap();
        for number in 0..WAITING as u64 + 10 {
            denials.add(entry("contoso", number));
        }
        assert!(matches!(slow.next().await, Some(Told::Missed { missed: 10, .. })));
        assert_eq!(next(&mut slow).await, Some(10));
    }

    #[test]
    fn followers_are_few_and_a_place_is_free_again_when_one_goes() {
        let denials = Denials::default();
        let mut followers: Vec<_> = (0..MOST_FOLLOWERS).map(|_| denials.follow(None, 0).unwrap()).collect();
        let refusal = denials.follow(None, 0).unwrap_err().to_string();
        assert_eq!(refusal, "64 clients follow the events already; accepted: that many at one time");
        followers.pop();
        assert!(denials.follow(None, 0).is_ok());
    }
}
