//! What each command does.

pub(super) mod agent;
pub(super) mod check;
pub(super) mod check_health;
pub(super) mod check_host;
pub(super) mod client_rules;
pub(super) mod completions;
pub(super) mod events;
pub(super) mod history;
pub(super) mod management;
pub(super) mod manual;
pub(super) mod network_rule;
pub(super) mod operation;
pub(super) mod policy;
pub(super) mod private_endpoint;
pub(super) mod registry;
pub(super) mod responder;
pub(super) mod service_tag;
pub(super) mod subnet;
pub(super) mod virtual_network;

#[cfg(test)]
mod tests;

use hyper::body::Bytes;
use serde::Deserialize;
use serde_json::Value;

use super::arguments::{ChangeTerms, OutputArguments, Revision};
use super::client::{Call, Client};
use super::endpoints::Endpoints;
use super::failure::Failure;
use super::output::{self, View};
use super::resource_path;
use super::terminal::Terminal;
use super::view::{Column, ResourceView};

/// What a command has to work with.
pub(crate) struct Session<'t> {
    pub(super) client: Client,
    pub(super) terminal: &'t mut Terminal,
    pub(super) output: OutputArguments,
}

impl Session<'_> {
    /// Prints the answer as the flags ask.
    fn print(&mut self, view: &impl View) -> Result<(), Failure> {
        self.tell_consequences();
        output::print(self.terminal, &self.output, view)
    }

    /// Every change is to be confirmed within this time, if there is one.
    pub(super) fn confirming(mut self, terms: ChangeTerms) -> Self {
        self.client = self.client.confirming(terms.confirm_within);
        self
    }

    /// Says how many connections a change destroyed, if it did, and until when it is to be confirmed, if it is.
    fn tell_consequences(&mut self) {
        if let Some((revision, time)) = self.client.confirm_by() {
            let before = revision.saturating_sub(1);
            self.terminal.note(&format!(
                "To be confirmed by {time}: `registry-guard confirm` lets revision {revision} stand; otherwise the policy of revision {before} comes back by itself."
            ));
        }
        match self.client.destroyed() {
            0 => {}
            1 => self.terminal.note("1 connection of a source that is denied now was destroyed."),
            many => self.terminal.note(&format!("{many} connections of sources that are denied now were destroyed.")),
        }
    }

    /// Sends a call whose answer is small.
    async fn ask(&self, call: Call) -> Result<Value, Failure> {
        understand(&self.client.send(call).await?)
    }

    /// Creates a resource. One that is there already is left alone: that is all there is to do if it `is_so`, and refused with
    /// `otherwise` if not.
    async fn create(
        &mut self,
        path: String,
        body: Value,
        if_match: Option<Revision>,
        is_so: impl Fn(&Value) -> bool,
        otherwise: &str,
    ) -> Result<Value, Failure> {
        match self.ask(Call::put(path.clone(), &body).if_match(if_match).must_be_new()).await {
            Err(failure) if failure.is_precondition() && if_match.is_none() => {
                let present = self.ask(Call::get(path)).await?;
                if !is_so(&present["properties"]) {
                    return Err(Failure::Local(otherwise.to_owned()));
                }
                let (name, revision) = (present["name"].as_str().unwrap_or_default(), &present["revision"]);
                self.terminal.note(&format!("already so: {name} (revision {revision})"));
                Ok(present)
            }
            answer => answer,
        }
    }

    /// Reads a resource and writes what `merged` makes of it, under the revision that it was read at, so that nobody's change
    /// in between is lost; again when somebody changed the policy meanwhile, unless the caller names a revision.
    async fn update(
        &self,
        path: &str,
        merged: impl Fn(&Value) -> Value,
        if_match: Option<Revision>,
    ) -> Result<Value, Failure> {
        const ATTEMPTS: u32 = 20;
        let mut attempt = 1;
        loop {
            let present = self.ask(Call::get(path.to_owned())).await?;
            let read_at = present["revision"].as_u64().map(Revision::Number);
            let call = Call::put(path.to_owned(), &merged(&present)).if_match(if_match.or(read_at));
            match self.ask(call).await {
                Err(failure) if failure.is_precondition() && if_match.is_none() && attempt < ATTEMPTS => attempt += 1,
                answer => return answer,
            }
        }
    }

    /// Where the clients of a registry find it.
    async fn endpoints(&self, registry: &str) -> Result<Endpoints, Failure> {
        understand(&self.client.send(Call::get(resource_path::endpoints(registry))).await?)
    }

    /// Prints the agent's answer to a removal, if it gave one.
    fn print_removal(&mut self, answer: Value) -> Result<(), Failure> {
        const COLUMNS: &[Column] =
            &[("REMOVED", "/name"), ("REVISION", "/revision"), ("DESTROYED", "/destroyedConnections")];
        if answer.is_null() { Ok(()) } else { self.print(&ResourceView::new(answer, COLUMNS)) }
    }

    /// Sends a call whose answer is `{"value": […]}` and small.
    async fn ask_list(&self, call: Call) -> Result<Value, Failure> {
        Ok(self.ask(call).await?.get_mut("value").map(Value::take).unwrap_or_default())
    }
}

/// Whether a list of an answer has the prefixes that were typed, in this order and however they were spelled.
fn are_prefixes(present: &Value, typed: &[String]) -> bool {
    let read = |text: &str| text.parse::<ipnet::IpNet>().ok();
    let present = present.as_array().into_iter().flatten().map(|prefix| prefix.as_str().and_then(read));
    present.eq(typed.iter().map(|prefix| read(prefix)))
}

/// Reads an answer; an empty body reads as null.
fn understand<'a, T: Deserialize<'a>>(body: &'a Bytes) -> Result<T, Failure> {
    let body: &[u8] = if body.is_empty() { b"null" } else { body };
    serde_json::from_slice(body).map_err(|error| {
        Failure::Local(format!("the agent's answer is not understood ({error}): is it of another version?"))
    })
}
