//! Steers denied connections to the responder while there is one.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::sync::PoisonError;
use std::time::{Duration, SystemTime};

use tokio::task::spawn_blocking;
use tokio::time::{Interval, MissedTickBehavior, interval, sleep};
use tracing::{error, info, warn};

use super::lasting::RESPONDER;
use super::responder::{Listener, Listeners, ResponderError, ResponderLink, ResponderOptions, listen_in};
use super::{Agent, AgentError, Report};
use crate::handover::Answered;

/// How often a start that failed is tried again, and namespaces are looked at.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// The status of an answer that is a denial; any other only leads there.
const FORBIDDEN: u16 = 403;

/// The namespaces that have listening sockets: number and inode.
type Places = BTreeSet<(u8, u64)>;

/// Waits for the responder on `socket` and supplies it, until the runtime ends.
pub(super) async fn steer(agent: Agent, socket: PathBuf) {
    if !agent.wants_responder() {
        agent.0.lasting.forget_the_rest();
        return;
    }
    let (mut link, mut places) = loop {
        match start(&agent, &socket).await {
            Ok(started) => break started,
            Err(problem) => {
                if agent.set_responder_problem(Some(&problem.to_string())) {
                    error!(%problem, "denied clients cannot be told why; they are refused");
                }
                sleep(LOOK_AGAIN).await;
            }
        }
    };
    agent.0.lasting.forget_the_rest();
    agent.set_responder_problem(None);
    info!(socket = %socket.display(), "denied clients are refused until `registry-guard responder` is there");
    let mut accepting = link.accepting();
    let mut again = interval(LOOK_AGAIN);
    again.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            changed = accepting.changed() => {
                if changed.is_err() {
                    error!("no responder will be supplied any more; denied clients are refused");
                    return;
                }
                let listeners = accepting.borrow_and_update().clone();
                turn(&agent, listeners).await;
            }
            Some(answered) = link.answered.recv() => agent.told(&answered),
            () = look(&agent, &mut again) => {
                if let Err(problem) = follow_places(&agent, &link, &mut places).await {
                    error!(%problem, "cannot supply the responder with listening sockets");
                }
            }
        }
    }
}

/// Until namespaces are to be looked at.
async fn look(agent: &Agent, again: &mut Interval) {
    tokio::select! {
        () = agent.0.places_changed.notified() => {}
        _ = again.tick() => {}
    }
}

async fn start(agent: &Agent, socket: &std::path::Path) -> Result<(ResponderLink, Places), SteeringError> {
    let (asking, socket) = (agent.clone(), socket.to_path_buf());
    let options = off_the_runtime(move || {
        let layer = asking.second_layer();
        ResponderOptions::of(asking.config(), |name| layer.number_of(name), socket)
    });
    let options = options.await??;
    let places = places(agent).await?;
    let listeners = listeners(agent).await?;
    let lasting = &agent.0.lasting;
    let link = ResponderLink::start(options, listeners, lasting.inherited(RESPONDER))?;
    lasting.hand_over(RESPONDER, &link.handover().socket)?;
    keep(agent, &link, &places)?;
    Ok((link, places))
}

/// Has the next agent go on with these sockets, so that no client in the middle of a handshake is reset.
fn keep(agent: &Agent, link: &ResponderLink, places: &Places) -> io::Result<()> {
    let inode = |number| places.iter().find(|(place, _)| *place == number).map(|(_, inode)| *inode);
    let listeners = link.listeners();
    let with_inode = listeners.iter().filter_map(|listener| Some((listener, inode(listener.key.namespace)?)));
    agent.0.lasting.keep_listeners(with_inode)
}

async fn follow_places(agent: &Agent, link: &ResponderLink, known: &mut Places) -> Result<(), SteeringError> {
    let now = places(agent).await?;
    if now != *known {
        link.replace_listeners(listeners(agent).await?)?;
        keep(agent, link, &now)?;
        *known = now;
    }
    Ok(())
}

async fn places(agent: &Agent) -> io::Result<Places> {
    let agent = agent.clone();
    let places = move || {
        agent.second_layer().namespaces().iter().map(|(number, namespace)| (*number, namespace.inode())).collect()
    };
    off_the_runtime(places).await
}

/// The second layer is locked while the kernel is asked about it, and no thread of the runtime waits for that.
async fn off_the_runtime<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> io::Result<R> {
    spawn_blocking(work).await.map_err(io::Error::other)
}

/// A listening socket for each family in each namespace that is there.
async fn listeners(agent: &Agent) -> Result<Vec<Listener>, SteeringError> {
    let agent = agent.clone();
    let made = off_the_runtime(move || -> io::Result<Vec<Listener>> {
        let namespaces = agent.second_layer().namespaces();
        let mut listeners = Vec::new();
        for (number, namespace) in namespaces {
            let present = |key| agent.0.lasting.inherited_listener(key, namespace.inode());
            listeners.extend(listen_in(&namespace, number, present)?);
        }
        Ok(listeners)
    });
    Ok(made.await??)
}

/// Has the kernel steer to these sockets, or refuse where there are none.
async fn turn(agent: &Agent, listeners: Option<Listeners>) {
    let present = listeners.is_some();
    let turning = agent.clone();
    let turned = off_the_runtime(move || turning.steer_to(listeners.as_deref().map_or(&[], Vec::as_slice))).await;
    match turned.map_err(anyhow::Error::from).and_then(|turned| Ok(turned?)) {
        Ok(()) if present => info!("the responder is there; denied clients are told why"),
        Ok(()) => warn!("the responder is gone; denied clients are refused"),
        Err(problem) => error!(%problem, "cannot steer denied connections"),
    }
}

/// Why no responder can be supplied.
#[derive(Debug, thiserror::Error)]
enum SteeringError {
    #[error(transparent)]
    Responder(#[from] ResponderError),
    #[error("listening sockets for the responder: {0}")]
    Listener(#[from] io::Error),
}

impl Agent {
    /// What keeps a responder from being supplied, if something does.
    pub(super) fn responder_problem(&self) -> Option<String> {
        self.0.responder_problem.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns whether it was another problem, or none, before.
    fn set_responder_problem(&self, problem: Option<&str>) -> bool {
        let mut known = self.0.responder_problem.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *known, problem.map(str::to_owned)).as_deref() != problem
    }

    /// Blocks.
    fn steer_to(&self, listeners: &[Listener]) -> Result<(), AgentError> {
        let namespaces = self.second_layer().namespaces();
        {
            let mut kernel = self.kernel();
            for (number, _) in namespaces.iter().filter(|_| listeners.is_empty()) {
                kernel.clear_listeners(*number)?;
            }
            for Listener { key, socket } in listeners {
                kernel.set_listener(key.namespace, key.family, socket.as_fd())?;
            }
        }
        self.set_responder_present(!listeners.is_empty());
        self.follow_second_layer()
    }

    fn told(&self, answered: &Answered) {
        if answered.status != FORBIDDEN {
            return;
        }
        self.answered(&Report {
            id: answered.id,
            time: SystemTime::UNIX_EPOCH + Duration::from_millis(answered.time),
            namespace: answered.namespace,
            source: answered.source,
            endpoint: answered.endpoint,
            unreported: answered.left_out,
        });
    }
}
