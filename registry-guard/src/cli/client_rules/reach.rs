use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde::Serialize;
use serde::ser::{SerializeSeq as _, Serializer};

use crate::cli::endpoints::Endpoints;
use crate::cli::resolve::resolve;

/// How long DNS may take.
const LIMIT: Duration = Duration::from_secs(30);

/// One endpoint that clients connect to, and at which addresses.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::cli) struct Reach {
    kind: Kind,
    region: Option<String>,
    host: String,
    /// Whether clients are told of it.
    announced: bool,
    protocol: &'static str,
    #[serde(rename = "addressesFrom")]
    from: From,
    #[serde(serialize_with = "each_destination")]
    pub(super) destinations: Vec<SocketAddr>,
    /// Why DNS gave no address.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
enum Kind {
    LoginServer,
    DataEndpoint,
}

#[derive(Clone, Copy, Serialize)]
enum From {
    #[serde(rename = "config.toml")]
    Config,
    #[serde(rename = "DNS")]
    Dns,
}

impl Reach {
    /// The login server, then the data endpoints, announced or not: a firewall must know them before they are announced.
    pub(in crate::cli) async fn of(endpoints: &Endpoints) -> Vec<Self> {
        let login = Self::endpoint(Kind::LoginServer, None, &endpoints.login_server, true, &endpoints.listen).await;
        let mut all = vec![login];
        for data in &endpoints.data {
            let (region, announced) = (Some(data.region.clone()), endpoints.data_endpoint_enabled);
            all.push(Self::endpoint(Kind::DataEndpoint, region, &data.endpoint, announced, &data.listen).await);
        }
        all
    }

    /// Why there is no address to allow.
    pub(in crate::cli) fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    async fn endpoint(kind: Kind, region: Option<String>, name: &str, announced: bool, listen: &[SocketAddr]) -> Self {
        let host = name.split(':').next().unwrap_or_default().to_owned();
        let mut reach = Self {
            kind,
            region,
            host,
            announced,
            protocol: "tcp",
            from: From::Config,
            destinations: Vec::new(),
            problem: None,
        };
        reach.destinations.extend(listen.iter().filter(|address| is_reachable(address.ip())));
        for wildcard in listen.iter().filter(|address| address.ip().is_unspecified()) {
            reach.from = From::Dns;
            reach.resolve(wildcard).await;
        }
        reach.destinations.sort_unstable();
        reach.destinations.dedup();
        if reach.destinations.is_empty() && reach.problem.is_none() {
            reach.problem = Some(format!("{} listens at no address that another machine can reach", reach.host));
        }
        reach
    }

    /// Adds the addresses of the host's name that `wildcard` hears.
    async fn resolve(&mut self, wildcard: &SocketAddr) {
        match resolve(&self.host, wildcard.port(), LIMIT).await {
            Ok(found) => {
                let heard = |address: &SocketAddr| wildcard.is_ipv6() || address.is_ipv4();
                let found = found.into_iter().filter(heard).filter(|address| is_reachable(address.ip()));
                self.destinations.extend(found);
            }
            Err(error) => self.problem = Some(format!("{} has no address: {error}", self.host)),
        }
    }
}

/// Whether another machine may find somebody at this address.
fn is_reachable(address: IpAddr) -> bool {
    !address.is_loopback() && !address.is_unspecified()
}

fn each_destination<S: Serializer>(destinations: &[SocketAddr], serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Destination {
        address: IpAddr,
        port: u16,
    }
    let mut list = serializer.serialize_seq(Some(destinations.len()))?;
    for destination in destinations {
        list.serialize_element(&Destination { address: destination.ip(), port: destination.port() })?;
    }
    list.end()
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.kind, &self.region) {
            (Kind::DataEndpoint, Some(region)) => write!(f, "Data endpoint {} (region {region})", self.host)?,
            _ => write!(f, "Login server {}", self.host)?,
        }
        f.write_str(match self.from {
            From::Config => ": addresses from config.toml",
            From::Dns => ": addresses that DNS gave when this was printed; print it again when they change",
        })?;
        f.write_str(if self.announced { "." } else { "; not announced to clients at present." })
    }
}
