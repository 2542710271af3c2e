use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::connect_info::{ConnectInfo, Connected};
use axum::extract::{FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;
use axum::serve::IncomingStream;

use super::ControlSocket;
use super::refusal::Refusal;
use crate::identity::{Principal, Role};

/// Who makes a request.
#[derive(Clone, Debug)]
pub(super) enum Caller {
    /// A process on this host that may write to the Unix socket, as the kernel knows it (`SO_PEERCRED`).
    Local {
        /// Its effective user.
        uid: u32,
        /// Its process, as it is called in the agent's namespace.
        pid: Option<i32>,
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

impl Caller {
    /// Whether it has at least this role on the registry `name`.
    pub(super) fn may(&self, role: Role, name: &str) -> bool {
        match self {
            Self::Local { .. } => true,
            Self::Principal { principal, .. } => principal.may(role, name),
            Self::Stranger { .. } => false,
        }
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local { uid, pid: Some(pid) } => write!(out, "uid {uid}, pid {pid}"),
            Self::Local { uid, pid: None } => write!(out, "uid {uid}"),
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

/// The process at the other end of the Unix socket; nothing if the kernel does not tell.
#[derive(Clone, Copy, Debug)]
pub(super) struct LocalPeer(Option<(u32, Option<i32>)>);

impl Connected<IncomingStream<'_, ControlSocket>> for LocalPeer {
    fn connect_info(stream: IncomingStream<'_, ControlSocket>) -> Self {
        Self(stream.io().peer_cred().ok().map(|peer| (peer.uid(), peer.pid())))
    }
}

/// Notes the process that calls, for whoever wants to know the caller.
pub(super) async fn identify(mut request: Request, next: Next) -> Response {
    if let Some(&ConnectInfo(LocalPeer(Some((uid, pid))))) = request.extensions().get() {
        request.extensions_mut().insert(Caller::Local { uid, pid });
    }
    next.run(request).await
}
