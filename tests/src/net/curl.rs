use std::net::IpAddr;
use std::path::Path;
use std::process::Command;
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

/// What curl offers to speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Http {
    /// HTTP/1.1 and nothing else.
    One,
    /// HTTP/2 if the server knows it too, by ALPN.
    Two,
}

impl Curl<'_> {
    /// Asks the registry, by its name, for `path` (such as `/v2/`), from one of the client's addresses if one is given.
    ///
    /// Prints the body and then, on a line of its own, the HTTP status.
    pub fn get(&self, path: &str, source: Option<IpAddr>, limit: Duration) -> Result<Ran> {
        let mut curl = self.command(source);
        curl.args(["--write-out", "\n%{http_code}\n"]).arg(url(path));
        timed::run(&mut curl, limit)
    }

    /// The same from the preferred address, in this version of HTTP.
    ///
    /// Prints the head, the body and then, on a line of its own, the HTTP status and the version that was spoken.
    pub fn show(&self, path: &str, http: Http, limit: Duration) -> Result<Ran> {
        let mut curl = self.command(None);
        curl.arg(match http {
            Http::One => "--http1.1",
            Http::Two => "--http2",
        });
        curl.args(["--include", "--write-out", "\n%{http_code} HTTP/%{http_version}\n"]).arg(url(path));
        timed::run(&mut curl, limit)
    }

    /// Downloads `path` into a file, or fails if the answer is an error.
    pub fn download(&self, path: &str, file: &Path, limit: Duration) -> Result<Ran> {
        let mut curl = self.command(None);
        curl.args(["--fail", "--output"]).arg(file).arg(url(path));
        timed::run(&mut curl, limit)
    }

    fn command(&self, source: Option<IpAddr>) -> Command {
        let mut curl = self.client.tool("curl");
        curl.args(["--silent", "--show-error", "--noproxy", "*", "--cacert"]).arg(self.certificate.authority());
        if let Some(source) = source {
            curl.arg("--interface").arg(source.to_string());
        }
        curl
    }
}

fn url(path: &str) -> String {
    format!("https://{}{path}", Network::LOGIN_SERVER)
}
