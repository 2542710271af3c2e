use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::agent::Agent;
use super::api_connection::ApiConnection;

/// What the API answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The status line and the headers.
    pub head: String,
    /// The body; null if there is none.
    pub body: Value,
}

impl Answer {
    /// The body of an answer that says success, or an error with what it says.
    pub fn expect_success(self) -> Result<Value> {
        ensure!((200..300).contains(&self.status), "the API answered {}: {}", self.status, self.body);
        Ok(self.body)
    }
}

impl Agent {
    /// The path of a registry in the API.
    pub fn registry_path(registry: &str) -> String {
        let group = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/registry-guard";
        format!("{group}/providers/Microsoft.ContainerRegistry/registries/{registry}")
    }

    /// A connection to the API that stays open, for tests that ask much.
    pub fn connection(&self) -> Result<ApiConnection> {
        ApiConnection::open(&self.socket())
    }

    /// One request to the API, without the CLI in between; `headers` are whole lines.
    pub fn request(&self, method: &str, path: &str, headers: &[&str], body: &[u8]) -> Result<Answer> {
        self.connection()?.request(method, path, headers, body)
    }

    /// Changes parts of the registry, as a merge patch, and returns the small answer.
    pub fn patch(&self, registry: &str, changes: &Value) -> Result<Value> {
        let path = format!("{}?return=minimal", Self::registry_path(registry));
        self.request("PATCH", &path, &[], changes.to_string().as_bytes())?.expect_success()
    }

    /// How many packets a registry decided with this reason.
    pub fn counter(&self, registry: &str, reason: &str) -> Result<u64> {
        Ok(self.registry_status(registry)?["counters"][reason].as_u64().unwrap_or(0))
    }

    /// How often this was done about a connection to a registry.
    pub fn outcome(&self, registry: &str, outcome: &str) -> Result<u64> {
        Ok(self.registry_status(registry)?["outcomes"][outcome].as_u64().unwrap_or(0))
    }

    fn registry_status(&self, registry: &str) -> Result<Value> {
        let status = self.request("GET", "/status", &[], &[])?.expect_success()?;
        let registries = status["registries"].as_array().context("registries")?;
        registries.iter().find(|one| one["name"] == registry).cloned().context("no such registry")
    }
}

pub(super) fn parse(answer: &str) -> Result<Answer> {
    let (head, body) = answer.split_once("\r\n\r\n").context("no end of the head")?;
    let status = head.split(' ').nth(1).context("no status")?.parse()?;
    ensure!(!head.to_ascii_lowercase().contains("transfer-encoding"), "the body is in chunks");
    let body = if body.is_empty() { Value::Null } else { serde_json::from_str(body)? };
    Ok(Answer { status, head: head.to_owned(), body })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_a_status_and_perhaps_a_body() {
        let answer = parse("HTTP/1.1 412 Precondition Failed\r\nContent-Length: 7\r\n\r\n{\"a\":1}").unwrap();
        assert_eq!((answer.status, answer.body["a"].as_u64()), (412, Some(1)));
        assert_eq!(parse("HTTP/1.1 204 No Content\r\n\r\n").unwrap().body, Value::Null);
        assert!(parse("HTTP/1.1").is_err());
    }
}
