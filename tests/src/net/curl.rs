use std::net::IpAddr;
use std::time::Duration;

use anyhow::Result;

use super::certificate::Certificate;
use super::client::Client;
use super::network::Network;
use super::timed::{self, Ran};

/// `curl` at a client, which trusts the registry's certificate.
#[derive(Clone, Copy, Debug)]
pub struct Curl<'a> {
    /// Where it runs.
    pub client: &'a Client,
    /// What it trusts.
    pub certificate: &'a Certificate,
}

impl Curl<'_> {
    /// Asks the registry, by its name, for `path` (such as `/v2/`), from one of the client's addresses if one is given.
    ///
    /// Prints the body and then, on a line of its own, the HTTP status.
    pub fn get(&self, path: &str, source: Option<IpAddr>, limit: Duration) -> Result<Ran> {
        let mut curl = self.client.tool("curl");
        curl.args(["--silent", "--show-error", "--noproxy", "*", "--write-out", "\n%{http_code}\n", "--cacert"]);
        curl.arg(self.certificate.chain());
        if let Some(source) = source {
            curl.arg("--interface").arg(source.to_string());
        }
        curl.arg(format!("https://{}{path}", Network::LOGIN_SERVER));
        timed::run(&mut curl, limit)
    }
}
