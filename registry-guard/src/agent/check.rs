//! The verdict on one source, asked of the loaded program.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use registry_guard_common::{Class, NO_COUNTER, Reason};

use super::interfaces::enforced_on;
use super::report::{CheckReport, CheckVerdict};
use super::{Agent, AgentError, question};
use crate::policy::{Policy, Registry, private_endpoint_connection_id};

impl Agent {
    /// Asks the loaded program what it does with a connection from `source` to `destination`, or else to where such a source
    /// would go: the registry's private endpoint in its network, or the first endpoint of its family. Blocks.
    ///
    /// # Errors
    ///
    /// If there is no such registry, it does not listen at `destination`, or the program does not answer.
    pub fn check(
        &self,
        name: &str,
        source: IpAddr,
        vni: Option<u32>,
        destination: Option<IpAddr>,
    ) -> Result<CheckReport, AgentError> {
        let (name, revision) =
            self.read(|policy| policy.find_registry(name).map(|registry| (registry.name.clone(), policy.revision)))?;
        let mut report = CheckReport {
            registry: name,
            source,
            vni,
            endpoint: None,
            verdict: CheckVerdict::NotGuarded,
            reason: "NotGuarded",
            rule: None,
            prefix: None,
            message: String::new(),
            enforced_on: enforced_on(self.kernel().program_id(), &self.links()?),
            revision: self.store_problem().is_none().then_some(revision),
        };
        report.endpoint = self.asked_endpoint(&report, destination)?;
        let Some(frame) = report.endpoint.and_then(|endpoint| self.question(&report, endpoint)) else {
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
        if answer.reason == Reason::TrustedService {
            report.rule = self.trusted_service(source);
        } else if answer.counter != NO_COUNTER {
            report.rule =
                self.read(|policy| policy.registry(&report.registry).and_then(|r| rule_of(r, answer.counter)));
            report.prefix = self.read(|policy| prefix_of(policy, &report.registry, answer.counter, source));
        }
        answer.reason.sentence().clone_into(&mut report.message);
        if answer.reason == Reason::UntrustedVtep && self.config().vxlan.trusted_vteps.is_empty() {
            report.message.push_str(" config.toml trusts none: `vxlan.trusted-vteps` is not set.");
        }
        if report.enforced_on.is_empty() {
            report.message.push_str(" But the program stands on no interface, so nothing is enforced.");
        }
        Ok(report)
    }

    /// The first trusted service that `source` belongs to.
    fn trusted_service(&self, source: IpAddr) -> Option<String> {
        let mut services = self.config().trusted_services.iter();
        let service = services.find(|service| service.prefixes.iter().any(|prefix| prefix.contains(&source)));
        service.map(|service| service.name.clone())
    }

    /// The SYN that `report` asks about.
    fn question(&self, report: &CheckReport, endpoint: SocketAddr) -> Option<Vec<u8>> {
        question::connection(&self.config().vxlan, report.source, endpoint, report.vni)
    }
}

/// The rule of `registry` with this hit counter, as its owner spelled it.
fn rule_of(registry: &Registry, counter: u32) -> Option<String> {
    let ip = registry.ip_rules.iter().find(|rule| rule.counter == counter).map(|rule| rule.value.clone());
    let tag = registry.service_tag_rules.iter().find(|rule| rule.counter == counter).map(|rule| rule.tag.clone());
    let subnet = registry.subnet_rules.iter().find(|rule| rule.counter == counter);
    let endpoint = registry.private_endpoints.iter().find(|endpoint| endpoint.counter == counter);
    ip.or(tag)
        .or_else(|| subnet.map(|rule| rule.subnet.to_string()))
        .or_else(|| endpoint.map(|endpoint| private_endpoint_connection_id(&registry.name, &endpoint.name)))
}

/// The most specific prefix that covers `source`, of the service tag that the rule of `registry` with this hit counter names.
fn prefix_of(policy: &Policy, registry: &str, counter: u32, source: IpAddr) -> Option<IpNet> {
    let rule = policy.registry(registry)?.service_tag_rules.iter().find(|rule| rule.counter == counter)?;
    let covering = policy.service_tag_prefixes(&rule.tag).iter().filter(|prefix| prefix.contains(&source));
    covering.max_by_key(|prefix| prefix.prefix_len()).copied()
}
