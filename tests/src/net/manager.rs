use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result};
use registry_guard::identity::SecretHash;
use serde_json::Value;

use super::agent_api::{Answer, parse};
use super::certificate::Certificate;
use super::client::Client;
use super::connect::open;
use super::network::Network;
use super::tls::Tls;

/// A principal that config.toml names, with its secret.
#[derive(Clone, Copy, Debug)]
pub struct Principal {
    /// The id, a UUID.
    pub id: &'static str,
    /// The name.
    pub name: &'static str,
    /// The secret.
    pub secret: &'static str,
    /// Each a role and a registry.
    pub roles: &'static [(&'static str, &'static str)],
}

impl Principal {
    /// Its table in the file.
    pub(super) fn table(&self, header: &str) -> Result<String> {
        let Self { id, name, secret, roles } = self;
        let hash = SecretHash::of(secret.as_bytes())?;
        let mut table = format!("{header}\nid = {id:?}\nname = {name:?}\nsecret-hash = {:?}\nroles = [", hash.as_str());
        for (role, registry) in *roles {
            write!(table, "{{ role = {role:?}, registry = {registry:?} }}, ")?;
        }
        table.push_str("]\n");
        Ok(table)
    }
}

/// Somebody who calls the API over TLS, from one address of a client.
#[derive(Clone, Copy, Debug)]
pub struct Manager<'a> {
    /// Where the calls come from.
    pub client: &'a Client,
    /// One of its addresses.
    pub source: IpAddr,
    /// What it trusts.
    pub certificate: &'a Certificate,
}

impl Manager<'_> {
    /// Where the API is served over TLS, at the registry's first address.
    pub const PORT: u16 = 8443;

    /// The tenant in the config.toml of [`super::GuardConfig::management`].
    pub const TENANT: &'static str = "11111111-2222-3333-4444-555555555555";

    /// How long an answer may take.
    const LIMIT: Duration = Duration::from_mins(2);

    /// The URL of the API.
    pub fn url() -> String {
        format!("https://{}:{}", Network::LOGIN_SERVER, Self::PORT)
    }

    /// One request, with this token if there is one.
    pub fn call(&self, method: &str, path: &str, token: Option<&str>, body: &Value) -> Result<Answer> {
        let authorization = token.map(|token| format!("Authorization: Bearer {token}"));
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let headers: Vec<&str> =
            authorization.as_deref().into_iter().chain(["Content-Type: application/json"]).collect();
        self.request(method, path, &headers, &body)
    }

    /// Asks for a token with this id and this secret.
    pub fn ask_token(&self, id: &str, secret: &str) -> Result<Answer> {
        let encoded = |text: &str| text.bytes().fold(String::new(), |all, byte| format!("{all}%{byte:02x}"));
        let body = format!(
            "grant_type=client_credentials&client_id={id}&client_secret={}&scope={}",
            encoded(secret),
            encoded(&format!("{}/.default", Self::url()))
        );
        let path = format!("/{}/oauth2/v2.0/token", Self::TENANT);
        self.request("POST", &path, &["Content-Type: application/x-www-form-urlencoded"], &body)
    }

    /// A token of a principal that must get one.
    pub fn token(&self, principal: &Principal) -> Result<String> {
        let answer = self.ask_token(principal.id, principal.secret)?.expect_success()?;
        Ok(answer["access_token"].as_str().context("no access_token")?.to_owned())
    }

    /// One request; `headers` are whole lines.
    pub fn request(&self, method: &str, path: &str, headers: &[&str], body: &str) -> Result<Answer> {
        let mut tls = Tls::handshake(self.connect()?, self.certificate)?;
        let headers = headers.iter().flat_map(|line| [line, "\r\n"]).collect::<String>();
        let (host, length) = (Network::LOGIN_SERVER, body.len());
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n"
        );
        tls.write_all(head.as_bytes())?;
        tls.write_all(body.as_bytes())?;
        let answer = tls.read_all();
        parse(&answer).with_context(|| format!("the answer {answer:?}"))
    }

    /// What is answered to these bytes without TLS.
    pub fn plain(&self, bytes: &[u8]) -> Result<String> {
        let mut stream = self.connect()?;
        stream.write_all(bytes)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }

    fn connect(&self) -> Result<TcpStream> {
        let api: SocketAddr = match self.source {
            IpAddr::V4(_) => (Network::REGISTRY_V4, Self::PORT).into(),
            IpAddr::V6(_) => (Network::REGISTRY_V6, Self::PORT).into(),
        };
        let stream = self.client.namespace().within(|| open(self.source, api, Self::LIMIT))??;
        stream.set_read_timeout(Some(Self::LIMIT))?;
        stream.set_write_timeout(Some(Self::LIMIT))?;
        Ok(stream)
    }
}
