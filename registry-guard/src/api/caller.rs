use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::State;
use axum::extract::connect_info::{ConnectInfo, Connected};
use axum::extract::{FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;
use axum::serve::IncomingStream;
use nix::unistd::Uid;

use super::ControlSocket;
use super::refusal::Refusal;
use super::visit::Visit;
use crate::identity::{Principal, Role};

/// Who makes a request.
#[derive(Clone, Debug)]
pub(super) enum Caller {
    /// A process of root or of the agent's own user at the Unix socket, as the kernel knows it (`SO_PEERCRED`).
    Local(Process),
    /// A process of anybody else there, who can be no other than a member of the group of readers: the file is for that.
    Reader {
        /// Which one.
        process: Process,
        /// The group's name.
        group: Arc<str>,
    },
    /// A principal with a token that counts.
    Principal {
        /// Who it is, and what it may do.
        principal: Arc<Principal>,
        /// Where it calls from.
        peer: SocketAddr,
    },
    /// Somebody who has shown no token, or none that counts.
    Stranger {
        /// Where they call from.
        peer: SocketAddr,
    },
}

/// A process on this host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Process {
    /// Its effective user.
    pub(super) uid: u32,
    /// Its number, as it is called in the agent's namespace.
    pub(super) pid: Option<i32>,
}

impl fmt::Display for Process {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "uid {}", self.uid)?;
        self.pid.map_or(Ok(()), |pid| write!(out, ", pid {pid}"))
    }
}

impl Caller {
    /// Whether it has at least this role on the registry `name`.
    pub(super) fn may(&self, role: Role, name: &str) -> bool {
        match self {
            Self::Local(_) => true,
            Self::Reader { .. } => role == Role::Reader,
            Self::Principal { principal, .. } => principal.may(role, name),
            Self::Stranger { .. } => false,
        }
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(process) | Self::Reader { process, .. } => process.fmt(out),
            Self::Principal { principal, peer } => {
                write!(out, "principal {:?} ({}) at {peer}", principal.name, principal.id)
            }
            Self::Stranger { peer } => write!(out, "somebody at {peer}"),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let unknown = || Refusal::new(StatusCode::FORBIDDEN, "AuthorizationFailed", "it is not known who is calling");
        parts.extensions.get().cloned().ok_or_else(unknown)
    }
}

/// The process at the other end of the Unix socket, nothing if the kernel does not tell; and its connection.
#[derive(Clone, Debug)]
pub(super) struct LocalPeer(Option<Process>, Arc<Visit>);

impl Connected<IncomingStream<'_, ControlSocket>> for LocalPeer {
    fn connect_info(stream: IncomingStream<'_, ControlSocket>) -> Self {
        let process = stream.io().peer_cred().ok().map(|peer| Process { uid: peer.uid(), pid: peer.pid() });
        Self(process, Arc::clone(stream.remote_addr()))
    }
}

/// Notes the process that calls, for whoever wants to know the caller. `readers` is the group whose members may look.
pub(super) async fn identify(State(readers): State<Arc<str>>, mut request: Request, next: Next) -> Response {
    if let Some(ConnectInfo(LocalPeer(process, visit))) = request.extensions().get().cloned()
        && let Some(process) = process
    {
        visit.asks();
        let is_master = process.uid == 0 || process.uid == Uid::effective().as_raw();
        let caller = if is_master { Caller::Local(process) } else { Caller::Reader { process, group: readers } };
        request.extensions_mut().insert(caller);
    }
    next.run(request).await
}
