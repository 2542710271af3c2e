use std::collections::BTreeMap;
use std::io;
use std::os::fd::AsFd as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nix::unistd::Uid;
use tokio::io::AsyncRead;
use tokio::net::UnixStream;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use super::Listeners;
use crate::api::ControlSocket;
use crate::certificates::{Certificates, Owner};
use crate::handover::{
    Answered, FrameError, MOST_TO_AGENT, MOST_TO_RESPONDER, RegistrySetup, Setup, ToAgent, decode, encode, read_frame,
    send,
};

/// How long the responder may take to read what it is given.
const PATIENCE: Duration = Duration::from_secs(10);

/// When no connection can be accepted, trying again at once does not help.
const PAUSE: Duration = Duration::from_millis(250);

/// Where the responder is received.
pub(super) struct Desk {
    pub(super) user: Uid,
    pub(super) registries: Vec<RegistrySetup>,
    pub(super) listeners: watch::Receiver<Listeners>,
    pub(super) certificates: watch::Receiver<Certificates>,
    pub(super) accepted: watch::Sender<Option<Listeners>>,
    pub(super) reports: mpsc::Sender<Answered>,
}

impl Desk {
    /// Talks to one responder at a time, for ever.
    pub(super) async fn serve(self: Arc<Self>, socket: ControlSocket) {
        let mut conversation = JoinSet::new();
        loop {
            tokio::select! {
                Some(_) = conversation.join_next() => {}
                accepted = socket.listener.accept() => match accepted {
                    Ok((stream, _)) => match self.refusal(&stream, !conversation.is_empty()) {
                        None => {
                            conversation.spawn(Arc::clone(&self).receive(stream));
                        }
                        Some(refusal) => warn!("refused a connection to the responder's socket: {refusal}"),
                    },
                    Err(error) => {
                        warn!(%error, "cannot accept the responder");
                        sleep(PAUSE).await;
                    }
                },
            }
        }
    }

    fn refusal(&self, stream: &UnixStream, occupied: bool) -> Option<String> {
        let peer = match stream.peer_cred() {
            Ok(peer) => peer,
            Err(error) => return Some(format!("the kernel does not say whose it is: {error}")),
        };
        let (uid, user) = (peer.uid(), self.user);
        let pid = peer.pid().unwrap_or_default();
        if uid == 0 {
            Some(format!("process {pid} runs as root; accepted: user {user}"))
        } else if uid != user.as_raw() {
            Some(format!("process {pid} runs as user {uid}; accepted: user {user}"))
        } else if occupied {
            Some(format!("process {pid} is a second responder; accepted: one at a time"))
        } else {
            None
        }
    }

    pub(super) async fn receive(self: Arc<Self>, mut stream: UnixStream) {
        info!("the responder has come");
        let (mut reading, writing) = stream.split();
        let given = Given::default();
        let ended = tokio::select! {
            ended = self.give(writing.as_ref(), &given) => ended,
            ended = self.listen(&mut reading, &given) => ended,
        };
        self.accepted.send_replace(None);
        match ended {
            Ok(()) => warn!("the responder has gone"),
            Err(problem) => warn!(%problem, "the responder was sent away"),
        }
    }

    /// Gives it a setup, and another one whenever certificates change.
    async fn give(&self, stream: &UnixStream, given: &Given) -> Result<(), FrameError> {
        let (mut certificates, mut listeners) = (self.certificates.clone(), self.listeners.clone());
        loop {
            let now = Arc::clone(&listeners.borrow_and_update());
            let number = given.add(&now);
            let frame = encode(&self.setup(number, &certificates.borrow_and_update(), &now), MOST_TO_RESPONDER)?;
            let sockets: Vec<_> = now.iter().map(|listener| listener.socket.as_fd()).collect();
            match timeout(PATIENCE, send(stream, &frame, &sockets)).await {
                Ok(sent) => sent?,
                Err(_) => return Err(io::Error::from(io::ErrorKind::TimedOut).into()),
            }
            drop(frame);
            tokio::select! {
                () = changed(&mut certificates) => {}
                () = changed(&mut listeners) => {}
            }
        }
    }

    fn setup(&self, number: u64, certificates: &Certificates, listeners: &Listeners) -> Setup {
        let registries = self.registries.iter().map(|registry| RegistrySetup {
            certificate: certificates.get(&Owner::Registry(registry.name.clone())).cloned(),
            ..registry.clone()
        });
        let listeners = listeners.iter().map(|listener| listener.key).collect();
        Setup { number, registries: registries.collect(), listeners }
    }

    /// Hears what it has to say. Ends it when it says what cannot be.
    async fn listen(&self, stream: &mut (impl AsyncRead + Unpin), given: &Given) -> Result<(), FrameError> {
        while let Some(message) = read_frame(stream, MOST_TO_AGENT).await? {
            match decode(&message)? {
                ToAgent::Ready { setup } => {
                    let Some(listeners) = given.take(setup) else {
                        let told = format!("it is ready for setup {setup}, which it was not given");
                        return Err(io::Error::other(told).into());
                    };
                    if self.accepted.send_replace(Some(listeners)).is_none() {
                        info!("the responder is ready");
                    }
                }
                // A report can be older than this agent, and its registry gone. Nobody may be reading any more, either; but
                // whether it is ready still matters.
                ToAgent::Answered(answered) => {
                    if self.is_of_ours(&answered) {
                        let _ = self.reports.send(answered).await;
                    }
                }
            }
        }
        Ok(())
    }

    fn is_of_ours(&self, answered: &Answered) -> bool {
        let Answered { registry, namespace, .. } = answered;
        self.registries.iter().any(|ours| ours.name == *registry)
            && self.listeners.borrow().iter().any(|listener| listener.key.namespace == *namespace)
    }
}

/// Ready when there is a new value; never when nobody can send one any more.
async fn changed<T>(receiver: &mut watch::Receiver<T>) {
    if receiver.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// The setups that one responder was given and is not ready for yet.
#[derive(Default)]
struct Given(Mutex<(u64, BTreeMap<u64, Listeners>)>);

impl Given {
    /// The number of a further one, with these sockets.
    fn add(&self, listeners: &Listeners) -> u64 {
        let mut given = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        given.0 += 1;
        let number = given.0;
        given.1.insert(number, Arc::clone(listeners));
        number
    }

    /// The sockets of this one, which it was given and has not been ready for; those before it count no more.
    fn take(&self, number: u64) -> Option<Listeners> {
        let mut given = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let listeners = given.1.remove(&number)?;
        given.1.retain(|waiting, _| *waiting > number);
        Some(listeners)
    }
}
