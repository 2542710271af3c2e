//! Who may do what. Root and the agent's user may do everything on this host, the group of readers may look; principals may do what
//! is declared for their roles; nobody else anything.

use std::sync::Arc;

use axum::RequestExt as _;
use axum::extract::{MatchedPath, RawPathParams, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use nix::unistd::Uid;

use super::caller::{Caller, Process};
use super::permission::{Need, permission};
use super::refusal::Refusal;
use crate::identity::{Door, Principal, Role, TokenError};
use crate::policy::{registry_id, resource_group_id};

/// Lets only those on who show a token that counts, and notes who they are.
pub(super) async fn authenticate(State(door): State<Arc<Door>>, mut request: Request, next: Next) -> Response {
    let caller = match principal(&door, &request) {
        Ok(caller) => caller,
        Err(refusal) => return challenge(&door, refusal),
    };
    // Nobody further on needs it, so nobody can show it.
    request.headers_mut().remove(header::AUTHORIZATION);
    request.extensions_mut().insert(caller.clone());
    let mut response = next.run(request).await;
    response.extensions_mut().insert(caller);
    response
}

fn principal(door: &Door, request: &Request) -> Result<Caller, Refusal> {
    let unauthorized = |code, message: String| Refusal::new(StatusCode::UNAUTHORIZED, code, message);
    let Some(&Caller::Stranger { peer }) = request.extensions().get() else {
        return Err(unauthorized("AuthenticationFailed", "it is not known where the call comes from".to_owned()));
    };
    let mut headers = request.headers().get_all(header::AUTHORIZATION).iter();
    let token = match (headers.next(), headers.next()) {
        (None, _) => {
            let message = "the header Authorization is missing; accepted: Bearer and a token of this host";
            return Err(unauthorized("AuthenticationFailed", message.to_owned()));
        }
        (Some(one), None) => bearer(one),
        (Some(_), Some(_)) => None,
    };
    let Some(token) = token else {
        let message = "the header Authorization holds no token; accepted: Bearer and a token of this host, once";
        return Err(unauthorized("InvalidAuthenticationToken", message.to_owned()));
    };
    let principal = door.admit(token).map_err(|error| {
        let code = match error {
            TokenError::Expired { .. } => "ExpiredAuthenticationToken",
            _ => "InvalidAuthenticationToken",
        };
        unauthorized(code, error.to_string())
    })?;
    Ok(Caller::Principal { principal: Arc::clone(principal), peer })
}

/// RFC 6750, section 2.1; the word in any case (RFC 9110, section 11.1).
fn bearer(header: &HeaderValue) -> Option<&str> {
    let (scheme, token) = header.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then(|| token.trim())
}

/// Says where a token can be had.
fn challenge(door: &Door, refusal: Refusal) -> Response {
    let words = format!("Bearer authorization_uri=\"{}/{}\", error=\"invalid_token\"", door.audience(), door.tenant());
    let mut response = refusal.into_response();
    if let Ok(words) = HeaderValue::from_str(&words) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, words);
    }
    response
}

/// Lets a request on to the route that it has met if its caller may. A route for which nothing is declared is for callers on
/// this host only.
pub(super) async fn authorise(caller: Caller, mut request: Request, next: Next) -> Response {
    let refusal = match &caller {
        Caller::Local(_) => None,
        Caller::Reader { process, group } => changes(&request).then(|| only_looks(process, group)),
        Caller::Principal { principal, .. } => forbidden(principal, &mut request).await,
        Caller::Stranger { .. } => Some(host_only(request.method())),
    };
    match refusal {
        None => next.run(request).await,
        Some(refusal) => refusal.into_response(),
    }
}

/// Whether a request is for more than to look. What is nowhere said to be only that, counts as a change.
fn changes(request: &Request) -> bool {
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return false;
    }
    let path = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let permission = path.and_then(|path| permission(request.method(), path));
    permission.is_none_or(|permission| permission.need.role() != Role::Reader)
}

fn only_looks(process: &Process, group: &str) -> Refusal {
    let message = format!(
        "user {} may look and change nothing, as a member of the group `{group}` (`socket.readers` of config.toml); accepted: root, \
         or user {}, whose the agent is",
        process.uid,
        Uid::effective()
    );
    Refusal::new(StatusCode::FORBIDDEN, "AuthorizationFailed", message)
}

/// Why not, unless it may.
async fn forbidden(principal: &Principal, request: &mut Request) -> Option<Refusal> {
    // What has met no route is told so by the fallback, which does nothing else.
    let path = request.extensions().get::<MatchedPath>()?.as_str().to_owned();
    let Some(permission) = permission(request.method(), &path) else {
        return Some(host_only(request.method()));
    };
    let (allowed, scope, role, on) = match permission.need {
        Need::Anywhere(role) => (principal.may_anywhere(role), resource_group_id(), role, "any registry".to_owned()),
        Need::Everywhere(role) => {
            (principal.may_everywhere(role), resource_group_id(), role, "every registry (\"*\")".to_owned())
        }
        Need::There(role) => match registry(request).await {
            Some(name) => (principal.may(role, &name), registry_id(&name), role, format!("registry {name:?}")),
            None => (false, resource_group_id(), role, "a registry".to_owned()),
        },
    };
    let role = match role {
        Role::Reader => "reader",
        Role::Contributor => "contributor",
    };
    let message = format!(
        "the principal {:?} with object id '{}' may not perform action '{}' over scope '{scope}': that needs the role {role} on {on}",
        principal.name, principal.id, permission.action,
    );
    (!allowed).then(|| Refusal::new(StatusCode::FORBIDDEN, "AuthorizationFailed", message))
}

/// The registry that the path names.
async fn registry(request: &mut Request) -> Option<String> {
    let parameters = request.extract_parts::<RawPathParams>().await.ok()?;
    parameters.iter().find(|(name, _)| *name == "registry").map(|(_, value)| value.to_owned())
}

fn host_only(method: &Method) -> Refusal {
    let message = format!("{method} is possible here only on the host itself, over its Unix socket");
    Refusal::new(StatusCode::FORBIDDEN, "AuthorizationFailed", message)
}
