use std::collections::HashMap;
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::Semaphore;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::signing_key::SigningKey;
use super::token::{Issuer, check, issue};
use super::{Principal, SigningKeyError, TokenError};
use crate::config::Management;
use crate::places::site;

/// Secrets that are checked at one time. Each takes a core for some tens of milliseconds, and 19 MiB.
const AT_ONCE: usize = 2;

/// Callers that wait for that, over all sources.
const MOST_WAITING: usize = 64;

/// Callers from one source that are checked or wait.
const MOST_PER_SOURCE: usize = 4;

/// Where secrets become tokens, and tokens principals.
#[derive(Debug)]
pub(crate) struct Door {
    key: SigningKey,
    issuer: Issuer,
    lifetime: u64,
    principals: Arc<[Arc<Principal>]>,
    checks: Arc<Semaphore>,
    queue: Queue,
}

/// A token and for how many seconds it counts.
pub(crate) struct Issued {
    pub(crate) token: Zeroizing<String>,
    pub(crate) lifetime: u64,
    /// When it was issued, in seconds since 1970.
    pub(crate) at: u64,
    pub(crate) id: Uuid,
    pub(crate) name: String,
}

/// Why there is no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TurnedAway {
    /// There is no such principal, or the secret is not its own: nobody is told which.
    Unknown,
    /// Too many are asking.
    Busy,
}

impl Door {
    /// For those whom config.toml names, with the key in the folder `state`.
    pub(crate) fn new(management: &Management, state: &Path) -> Result<Self, SigningKeyError> {
        let url = management.url();
        Ok(Self {
            key: SigningKey::load(state)?,
            issuer: Issuer {
                name: format!("{url}/{}/v2.0", management.tenant),
                audience: url,
                tenant: management.tenant,
            },
            lifetime: management.token_lifetime.as_secs(),
            principals: management.principals.iter().cloned().map(Arc::new).collect(),
            checks: Arc::new(Semaphore::new(AT_ONCE)),
            queue: Queue::default(),
        })
    }

    /// Who issues the tokens, as they say.
    pub(crate) fn issuer(&self) -> &str {
        &self.issuer.name
    }

    /// What the tokens are for.
    pub(crate) fn audience(&self) -> &str {
        &self.issuer.audience
    }

    /// The tenant.
    pub(crate) fn tenant(&self) -> Uuid {
        self.issuer.tenant
    }

    /// A token for the secret of the principal `id`. It takes as long whether there is such a principal or not.
    pub(crate) async fn issue(
        &self,
        source: IpAddr,
        id: Option<Uuid>,
        secret: Zeroizing<String>,
    ) -> Result<Issued, TurnedAway> {
        let _turn = self.queue.join(site(source)).ok_or(TurnedAway::Busy)?;
        let permit = Arc::clone(&self.checks).acquire_owned().await.map_err(|_| TurnedAway::Busy)?;
        let principals = Arc::clone(&self.principals);
        let known = tokio::task::spawn_blocking(move || {
            // The check goes on when the caller is gone, and so does what it takes up.
            let _permit = permit;
            let asked = principals.iter().position(|principal| Some(principal.id) == id);
            // Somebody's secret is checked in any case, so that the time does not tell who there is.
            let right = principals.get(asked.unwrap_or_default())?.secret_hash.is_of(secret.as_bytes());
            asked.filter(|_| right)
        });
        let known = known.await.ok().flatten().ok_or(TurnedAway::Unknown)?;
        let principal = self.principals.get(known).ok_or(TurnedAway::Unknown)?;
        let at = now();
        let token = issue(&self.key, &self.issuer, principal, at, self.lifetime).ok_or(TurnedAway::Busy)?;
        Ok(Issued {
            token: Zeroizing::new(token),
            lifetime: self.lifetime,
            at,
            id: principal.id,
            name: principal.name.clone(),
        })
    }

    /// The principal whose token this is.
    pub(crate) fn admit(&self, token: &str) -> Result<&Arc<Principal>, TokenError> {
        check(&self.key, &self.issuer, &self.principals, token, now())
    }
}

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Who is being checked or waits for it, by source.
#[derive(Debug, Default)]
struct Queue(Mutex<HashMap<IpAddr, usize>>);

/// A turn, given back when dropped.
struct Turn<'q> {
    queue: &'q Queue,
    source: IpAddr,
}

impl Queue {
    fn join(&self, source: IpAddr) -> Option<Turn<'_>> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = waiting.get(&source).copied().unwrap_or_default();
        if own >= MOST_PER_SOURCE || waiting.values().sum::<usize>() >= MOST_WAITING + AT_ONCE {
            return None;
        }
        waiting.insert(source, own + 1);
        Some(Turn { queue: self, source })
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut waiting = self.queue.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = waiting.get_mut(&self.source) {
            *own -= 1;
            if *own == 0 {
                waiting.remove(&self.source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::pin::pin;
    use std::sync::mpsc;

    use futures::poll;
    use tokio::runtime::Builder;
    use tokio::task::{spawn_blocking, yield_now};

    use super::*;

    fn door() -> Door {
        let folder = tempfile::tempdir().unwrap();
        let host = "https://guard.example.com".to_owned();
        Door {
            key: SigningKey::load(folder.path()).unwrap(),
            issuer: Issuer { name: host.clone(), audience: host, tenant: Uuid::from_u128(7) },
            lifetime: 60,
            principals: Arc::from([]),
            checks: Arc::new(Semaphore::new(AT_ONCE)),
            queue: Queue::default(),
        }
    }

    #[test]
    fn a_caller_who_goes_away_makes_no_room_while_its_secret_is_being_checked() {
        let runtime = Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
        runtime.block_on(async {
            let (release, released) = mpsc::channel::<()>();
            let occupied = spawn_blocking(move || released.recv());
            let door = door();
            let source = IpAddr::from(Ipv4Addr::new(203, 0, 113, 9));
            for gone in 1..=AT_ONCE {
                let mut asked = pin!(door.issue(source, None, Zeroizing::new("0123456789abcdef".to_owned())));
                assert!(poll!(asked.as_mut()).is_pending());
                asked.set(door.issue(source, None, Zeroizing::default()));
                assert_eq!(door.checks.available_permits(), AT_ONCE - gone);
            }
            drop(release);
            assert!(occupied.await.unwrap().is_err());
            while door.checks.available_permits() < AT_ONCE {
                yield_now().await;
            }
        });
    }

    #[test]
    fn no_source_takes_every_turn_and_all_together_are_bounded() {
        let queue = Queue::default();
        let greedy = IpAddr::from(Ipv4Addr::new(203, 0, 113, 9));
        let mut turns: Vec<Turn<'_>> = (0..10).filter_map(|_| queue.join(greedy)).collect();
        assert_eq!(turns.len(), MOST_PER_SOURCE);
        let others = (0..100).map(|last| IpAddr::from(Ipv4Addr::new(198, 51, 100, last)));
        turns.extend(others.filter_map(|source| queue.join(source)));
        assert_eq!(turns.len(), MOST_WAITING + AT_ONCE);
        drop(turns);
        assert!(queue.0.lock().unwrap().is_empty());
        assert!(queue.join(greedy).is_some());
    }
}
