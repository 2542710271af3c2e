//! The verdict on one source, asked of the loaded program.

use std::net::{IpAddr, SocketAddr};

use registry_guard_common::{Class, NO_COUNTER};

use super::interfaces::enforced_on;
use super::report::{CheckReport, CheckVerdict};
use super::{Agent, AgentError, host, question};
use crate::policy::{Registry, private_endpoint_connection_id};

impl Agent {
    /// Asks the loaded program what it does with a connection from `source`. Blocks.
    ///
    /// # Errors
    ///
    /// If there is no such registry, or the program does not answer.
    pub fn check(&self, name: &str, source: IpAddr, vni: Option<u32>) -> Result<CheckReport, AgentError> {
        let (name, revision) =
            self.read(|policy| policy.find_registry(name).map(|registry| (registry.name.clone(), policy.revision)))?;
        let mut report = CheckReport {
            registry: name,
            source,
            vni,
            verdict: CheckVerdict::NotGuarded,
            reason: "NotGuarded",
            rule: None,
            message: String::new(),
            enforced_on: enforced_on(self.kernel().program_id(), &self.links()?),
            revision,
        };
        let Some(frame) = self.question(&report) else {
            report.message = format!(
                "{} has no endpoint that {source} could reach: none of its addresses is of that family",
                report.registry
            );
            return Ok(report);
        };
        let answer = self.kernel().ask(&frame)?;
        report.reason = answer.reason.name();
        report.verdict = match answer.reason.class() {
            Class::NotOurs => CheckVerdict::NotGuarded,
            Class::Allow => CheckVerdict::Allow,
            Class::Deny | Class::Undecided | Class::Never => CheckVerdict::Deny,
        };
        if answer.counter != NO_COUNTER {
            report.rule =
                self.read(|policy| policy.registry(&report.registry).and_then(|r| rule_of(r, answer.counter)));
        }
        answer.reason.sentence().clone_into(&mut report.message);
        if report.enforced_on.is_empty() {
            report.message.push_str(" But the program stands on no interface, so nothing is enforced.");
        }
        Ok(report)
    }

    /// The SYN that `report` asks about; `None` if the registry has no endpoint in that family.
    fn question(&self, report: &CheckReport) -> Option<Vec<u8>> {
        let host = self.config().registries.iter().find(|host| host.name.eq_ignore_ascii_case(&report.registry))?;
        let reachable = |address: &SocketAddr| {
            address.is_ipv4() == report.source.is_ipv4() || (address.is_ipv6() && address.ip().is_unspecified())
        };
        let endpoint = host::addresses(host).find(reachable)?;
        let destination = if endpoint.ip().is_unspecified() {
            SocketAddr::new(question::unspecified(report.source), endpoint.port())
        } else {
            endpoint
        };
        let syn = question::syn(report.source, destination)?;
        let Some(vni) = report.vni else { return Some(syn) };
        let vxlan = &self.config().vxlan;
        // With no trusted VTEP at all, any address shows that none is trusted.
        let vtep = vxlan.trusted_vteps.first().map_or(question::unspecified(report.source), ipnet::IpNet::network);
        question::encapsulate(&syn, vtep, vxlan.port, vni)
    }
}

/// The rule of `registry` with this hit counter, as its owner spelled it.
fn rule_of(registry: &Registry, counter: u32) -> Option<String> {
    let ip = registry.ip_rules.iter().find(|rule| rule.counter == counter).map(|rule| rule.value.clone());
    let subnet = registry.subnet_rules.iter().find(|rule| rule.counter == counter);
    let endpoint = registry.private_endpoints.iter().find(|endpoint| endpoint.counter == counter);
    ip.or_else(|| subnet.map(|rule| rule.subnet.to_string()))
        .or_else(|| endpoint.map(|endpoint| private_endpoint_connection_id(&registry.name, &endpoint.name)))
}
