//! Service tags: all of them in short, one with its prefixes, and the published file that replaces them.

mod imported;
mod view;

use axum::extract::State;
use axum::http::Uri;

use super::answer::{Answer, blocking, ok_at};
use super::backend::Shared;
use super::body::Body;
use super::condition::Condition;
use super::segment::Segments;
use crate::policy::ServiceTagFile;
use imported::ImportedView;
use view::{ListView, TagView};

/// `GET …/serviceTags`
pub(super) async fn list(State(agent): State<Shared>) -> Answer {
    blocking(move || {
        let policy = agent.policy()?;
        ok_at(policy.revision, &ListView::new(policy.service_tags.as_deref(), policy.revision))
    })
    .await
}

/// `GET …/serviceTags/{tag}`
pub(super) async fn show(State(agent): State<Shared>, Segments(name): Segments<String>) -> Answer {
    blocking(move || {
        let policy = agent.policy()?;
        ok_at(policy.revision, &TagView::whole(policy.find_service_tag(&name)?))
    })
    .await
}

/// `PUT …/serviceTags`
pub(super) async fn put(State(agent): State<Shared>, uri: Uri, condition: Condition, body: Body) -> Answer {
    blocking(move || {
        let file = body.read::<ServiceTagFile>()?;
        drop(body);
        let imported = condition.import(&*agent, file)?;
        ok_at(imported.changed.revision, &ImportedView::new(&imported, asks_for_prefixes(&uri)))
    })
    .await
}

/// `?prefixes=true`: the caller wants each prefix that was added or removed, not only how many.
fn asks_for_prefixes(uri: &Uri) -> bool {
    uri.query().is_some_and(|query| query.split('&').any(|pair| pair.eq_ignore_ascii_case("prefixes=true")))
}
