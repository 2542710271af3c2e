//! Whether this machine can use a registry: name, connection, certificate, answer, and what may stand between them.

mod answered;
mod certificate;
mod clock;
mod finding;
mod http;
mod judged;
mod proxy;
mod target;
mod tcp;
mod tls;
mod trust;

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime};

use futures::future::join_all;
use rustls::RootCertStore;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;

pub(super) use answered::Role;
pub(super) use finding::{Finding, Status};
pub(super) use judged::{Verdict, judged};
pub(super) use proxy::ProxyVariables;
pub(super) use target::Target;
pub(super) use trust::roots;

use super::resolve::resolve;
use http::Answer;
use tls::NoTls;

/// How one endpoint is examined.
pub(super) struct Examiner<'a> {
    /// The registry's name, for advice; a placeholder where nobody said it.
    pub(super) registry: &'a str,
    /// How long each step may take.
    pub(super) limit: Duration,
    pub(super) roots: &'a RootCertStore,
    pub(super) proxies: &'a ProxyVariables,
}

/// An address of an endpoint that this machine would connect to, and from where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Visit {
    /// This machine's address.
    pub(super) source: IpAddr,
    /// The endpoint's.
    pub(super) destination: SocketAddr,
    /// Whether the endpoint itself answered, with anything but a denial.
    pub(super) served: bool,
}

/// What was found at one endpoint.
#[derive(Default)]
pub(super) struct Examined {
    pub(super) findings: Vec<Finding>,
    pub(super) visits: Vec<Visit>,
}

impl Examiner<'_> {
    pub(super) async fn examine(&self, target: &Target, role: Role) -> Examined {
        let mut examined = Examined::default();
        examined.findings.push(self.proxies.check(target));
        let addresses = match resolve(&target.host, target.port, self.limit).await {
            Ok(addresses) => addresses,
            Err(problem) => {
                examined.findings.push(unresolved(target, &problem));
                return examined;
            }
        };
        let listed: Vec<String> = addresses.iter().map(|address| address.ip().to_string()).collect();
        examined.findings.push(Finding::ok("dns", target, format!("{} is {}", target.host, listed.join(", "))));
        let reached = tcp::reach(target, &addresses, self.limit).await;
        examined.findings.extend(reached.findings);
        let firsts = one_of_each_family(addresses);
        let mut streams = reached.streams;
        let visits = firsts.into_iter().map(|first| {
            let stream = streams.iter().position(|(address, _)| address.is_ipv4() == first.is_ipv4());
            let reached = stream.map(|at| streams.swap_remove(at));
            self.visit(target, role, first, reached)
        });
        for visited in join_all(visits.collect::<Vec<_>>()).await {
            examined.findings.extend(visited.findings);
            examined.visits.extend(visited.visits);
        }
        examined
    }

    /// Speaks to the endpoint at the address that was reached; of one that was not, only the way there is known.
    async fn visit(
        &self,
        target: &Target,
        role: Role,
        first: SocketAddr,
        reached: Option<(SocketAddr, TcpStream)>,
    ) -> Examined {
        let Some((address, stream)) = reached else {
            let source = tcp::source(first).await;
            let visits = source.map(|source| Visit { source, destination: first, served: false });
            return Examined { findings: Vec::new(), visits: visits.into_iter().collect() };
        };
        let source = stream.local_addr().ok().map(|address| address.ip());
        let mut conversation = Conversation { examiner: self, target, role, address, findings: Vec::new() };
        let served = conversation.hold(stream).await;
        let visits = source.map(|source| Visit { source, destination: address, served });
        Examined { findings: conversation.findings, visits: visits.into_iter().collect() }
    }
}

fn unresolved(target: &Target, problem: &str) -> Finding {
    let message = format!("{} has no address: {problem}", target.host);
    let advice =
        "see that the name is right and that the DNS servers of this machine know it (/etc/resolv.conf, /etc/hosts)";
    Finding::failed("dns", target, message, advice)
}

/// Clients prefer one family; the registry may judge their addresses in each differently.
fn one_of_each_family(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let mut firsts: Vec<SocketAddr> = Vec::new();
    for address in addresses {
        if firsts.iter().all(|first| first.is_ipv4() != address.is_ipv4()) {
            firsts.push(address);
        }
    }
    firsts
}

/// What is said at one address of an endpoint.
struct Conversation<'a> {
    examiner: &'a Examiner<'a>,
    target: &'a Target,
    role: Role,
    address: SocketAddr,
    findings: Vec<Finding>,
}

impl Conversation<'_> {
    /// Whether the endpoint answered with anything but a denial.
    async fn hold(&mut self, stream: TcpStream) -> bool {
        let Ok(name) = ServerName::try_from(self.target.host.clone()) else {
            let advice = "use the name that the registry's certificate is for";
            let message = format!("{} can be the name of no certificate", self.target.host);
            self.findings.push(Finding::failed("tls", self.target, message, advice));
            return false;
        };
        let tls = match tls::handshake(stream, &name, self.examiner.limit).await {
            Ok(tls) => tls,
            Err(NoTls::Failed(problem)) => return self.no_tls(&problem),
            Err(NoTls::Plain(problem)) => return self.hold_in_plain(&problem).await,
        };
        let (_, session) = tls.get_ref();
        let version =
            session.protocol_version().and_then(|version| version.as_str()).unwrap_or("TLS").replace('_', ".");
        self.findings.push(Finding::ok("tls", self.target, format!("{} speaks {version}", self.address)));
        let chain = session.peer_certificates().unwrap_or_default().to_vec();
        let judged = certificate::judge(self.target, &name, &chain, self.examiner.roots, SystemTime::now());
        self.findings.extend(judged);
        let answer = http::get(tls, &self.target.authority(true), "/v2/", self.examiner.limit).await;
        let served = self.answered(&answer);
        let token = answer.ok().and_then(|answer| answered::token_path(&answer.challenge?, self.target));
        match token {
            Some(path) if served => self.is_given_a_token(&name, &path).await,
            _ => served,
        }
    }

    fn no_tls(&mut self, problem: &str) -> bool {
        let message = format!("{}: no TLS: {problem}", self.address);
        let advice = "see what the log of the registry says, and what stands before it";
        self.findings.push(Finding::failed("tls", self.target, message, advice));
        false
    }

    async fn hold_in_plain(&mut self, problem: &str) -> bool {
        let limit = self.examiner.limit;
        let Ok(stream) = tcp::connect(self.address, limit).await else { return self.no_tls(problem) };
        let answer = http::get(stream, &self.target.authority(false), "/v2/", limit).await;
        if answer.is_err() {
            return self.no_tls(problem);
        }
        self.findings.push(Finding::warning(
            "tls",
            self.target,
            format!("{} speaks plain HTTP: whoever is on the way reads passwords and changes images", self.address),
            "give the registry a certificate; until then clients must call it insecure (docker: insecure-registries)",
        ));
        self.answered(&answer)
    }

    /// Says what the answer means; whether it is one, and no denial.
    fn answered(&mut self, answer: &Result<Answer, String>) -> bool {
        let answer = match answer {
            Ok(answer) => answer,
            Err(problem) => {
                let message = format!("{}: no answer at /v2/: {problem}", self.address);
                let advice = "see that the registry runs and what its log says";
                self.findings.push(Finding::failed("http", self.target, message, advice));
                return false;
            }
        };
        let denial = answered::denial(answer);
        self.findings.push(match &denial {
            Some(denial) => denial.finding(self.target, "/v2/", self.examiner.registry),
            None => answered::meaning(self.target, self.role, answer),
        });
        self.findings.extend(answer.date.map(|date| clock::compare(self.target, date, SystemTime::now())));
        denial.is_none() && answer.status != 403
    }

    /// Some registries deny where tokens are given: at /v2/ they ask everybody for a login.
    async fn is_given_a_token(&mut self, name: &ServerName<'static>, path: &str) -> bool {
        let limit = self.examiner.limit;
        let Ok(stream) = tcp::connect(self.address, limit).await else { return true };
        let Ok(tls) = tls::handshake(stream, name, limit).await else { return true };
        let Ok(answer) = http::get(tls, &self.target.authority(true), path, limit).await else { return true };
        let Some(denial) = answered::denial(&answer) else { return true };
        self.findings.push(denial.finding(self.target, "the token endpoint", self.examiner.registry));
        false
    }
}
