use std::net::SocketAddr;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::PathBuf;

use registry_guard_common::Family;
use tempfile::TempDir;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::handover::{
    Answered, Endpoint, ListenerKey, MOST_TO_AGENT, MOST_TO_RESPONDER, RegistrySetup, Setup, ToAgent, decode, encode,
    read_frame, send,
};
use crate::responder::{Options, answer_until};

/// A test in the agent's place, and the responder that it serves.
pub(super) struct Agent {
    folder: TempDir,
    listener: Option<UnixListener>,
    stream: Option<UnixStream>,
    number: u64,
    pub(super) stop: Option<oneshot::Sender<()>>,
    pub(super) responder: JoinHandle<()>,
}

impl Agent {
    /// Starts a responder, and takes its call.
    pub(super) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("s")).unwrap();
        let options = Options { user: String::new(), socket: folder.path().join("s") };
        let (stop, stopped) = oneshot::channel::<()>();
        let responder = tokio::spawn(async move {
            let stopped = async { stopped.await.unwrap_or_default() };
            answer_until(&options, stopped).await;
        });
        let stream = listener.accept().await.unwrap().0;
        Self { folder, listener: Some(listener), stream: Some(stream), number: 0, stop: Some(stop), responder }
    }

    /// As [`Self::new`], with these registries behind one listening socket for each family.
    pub(super) async fn with(registries: Vec<RegistrySetup>) -> (Self, SocketAddr) {
        let mut agent = Self::new().await;
        let (address, socket) = listener("127.0.0.1:0");
        agent.give(at(registries, address), &[(Family::V4, &socket)]).await;
        (agent, address)
    }

    /// Gives a setup and waits until it is in use.
    pub(super) async fn give(&mut self, registries: Vec<RegistrySetup>, sockets: &[(Family, &OwnedFd)]) {
        self.send(registries, sockets).await;
        let ready = ToAgent::Ready { setup: self.number };
        while self.hear().await.unwrap() != ready {}
    }

    pub(super) async fn send(&mut self, registries: Vec<RegistrySetup>, sockets: &[(Family, &OwnedFd)]) {
        self.number += 1;
        let listeners = sockets.iter().map(|(family, _)| ListenerKey { namespace: 0, family: *family }).collect();
        let setup = Setup { number: self.number, registries, listeners };
        let frame = encode(&setup, MOST_TO_RESPONDER).unwrap();
        let sockets: Vec<_> = sockets.iter().map(|(_, socket)| socket.as_fd()).collect();
        send(self.stream.as_ref().unwrap(), &frame, &sockets).await.unwrap();
    }

    pub(super) async fn send_bytes(&self, bytes: &[u8]) {
        send(self.stream.as_ref().unwrap(), bytes, &[]).await.unwrap();
    }

    /// The next thing that the responder says.
    pub(super) async fn hear(&mut self) -> Option<ToAgent> {
        let frame = read_frame(self.stream.as_mut().unwrap(), MOST_TO_AGENT).await.unwrap();
        frame.map(|frame| decode(&frame).unwrap())
    }

    pub(super) async fn report(&mut self) -> Answered {
        match self.hear().await {
            Some(ToAgent::Answered(answered)) => answered,
            other => panic!("{other:?}"),
        }
    }

    /// Ends as an agent does that is killed: its socket's file stays.
    pub(super) fn die(&mut self) {
        self.stream = None;
        self.listener = None;
    }

    /// Starts again.
    pub(super) async fn come_back(&mut self) {
        std::fs::remove_file(self.socket()).unwrap();
        let listener = UnixListener::bind(self.socket()).unwrap();
        self.stream = Some(listener.accept().await.unwrap().0);
        self.listener = Some(listener);
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("s")
    }
}

/// A listening socket and its address.
pub(super) fn listener(address: &str) -> (SocketAddr, OwnedFd) {
    let listener = std::net::TcpListener::bind(address).unwrap();
    (listener.local_addr().unwrap(), listener.into())
}

/// The registries with their endpoints at the port of `address`.
pub(super) fn at(mut registries: Vec<RegistrySetup>, address: SocketAddr) -> Vec<RegistrySetup> {
    for Endpoint { address: endpoint, .. } in registries.iter_mut().flat_map(|registry| &mut registry.endpoints) {
        endpoint.set_port(address.port());
    }
    registries
}
