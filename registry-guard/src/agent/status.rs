//! How registry-guard stands.

use std::collections::BTreeMap;

use registry_guard_common::{LAYOUT_VERSION, Reason};

use super::report::{
    InterfaceStatus, ProgramStatus, RegistryPolicyStatus, RegistryStatus, SecondLayerStatus, ServiceTagsStatus, State,
    Status,
};
use super::{Agent, AgentError, OperationStatus};
use crate::config::DenyResponse;
use crate::kernel::{GUARD_SK_LOOKUP, GUARD_XDP};
use crate::policy::{Action, Policy, Registry};

impl Agent {
    /// How registry-guard stands. Blocks.
    ///
    /// # Errors
    ///
    /// If the kernel does not answer.
    pub fn status(&self) -> Result<Status, AgentError> {
        self.follow_second_layer()?;
        let interfaces = self.interfaces_status()?;
        let (program, mut reasons, mut outcomes) = {
            let kernel = self.kernel();
            (kernel.program_id(), kernel.reasons()?, kernel.outcomes()?)
        };
        let mut problems: Vec<String> = interfaces
            .iter()
            .filter(|interface| interface.ifindex.is_some() || !interface.hotplug)
            .filter_map(InterfaceStatus::problem)
            .collect();
        let (second_layer, guards) = self.second_layer_status();
        problems.extend(second_layer.namespaces.iter().flat_map(|namespace| &namespace.problems).cloned());
        if self.wants_responder() && !second_layer.responder {
            problems.push(self.responder_problem().unwrap_or_else(|| {
                "no responder: denied clients are refused instead of told why; start `registry-guard responder`"
                    .to_owned()
            }));
        }
        let config = self.config();
        let enforcing = (interfaces.iter().any(|interface| interface.enforcing) || guards) && !config.guards_nothing();
        if self.is_detached() {
            problems.insert(0, "detached: start the agent again to enforce".to_owned());
        }
        if config.guards_nothing() {
            problems.push(
                "nothing is guarded: config.toml names no interface and no registry; say what to guard, then `registry-guard reload`"
                    .to_owned(),
            );
        }
        problems.extend(self.0.blind_spots.problems());
        problems.extend(self.0.revocations.problems());
        problems.extend(self.read(denying_nobody));
        let is_known = self.store_problem().is_none();
        problems.extend(self.store_problems());
        let (revision, registries) = self.read(|policy| {
            let registries = config.registries.iter().filter_map(|host| {
                let registry = policy.registry(&host.name)?;
                Some(RegistryStatus {
                    name: registry.name.clone(),
                    endpoints: host.addresses().map(|address| address.to_string()).collect(),
                    deny_response: match host.deny_response {
                        DenyResponse::Forbidden => "forbidden",
                        DenyResponse::Drop => "drop",
                        DenyResponse::Reset => "reset; drop for datagrams and inside VXLAN",
                    },
                    policy: is_known.then(|| said_of(policy, registry)),
                    counters: named(reasons.remove(&Some(registry.slot))),
                    outcomes: outcomes
                        .remove(&registry.slot)
                        .into_iter()
                        .flatten()
                        .map(|(o, n)| (o.name(), n))
                        .collect(),
                })
            });
            (is_known.then_some(policy.revision), registries.collect())
        });
        Ok(Status {
            state: match (enforcing, problems.is_empty()) {
                (false, _) => State::Open,
                (true, true) => State::Enforcing,
                (true, false) => State::Degraded,
            },
            problems,
            revision,
            unconfirmed: self.unconfirmed(),
            destroyed_connections: self.0.revocations.destroyed(),
            version: env!("CARGO_PKG_VERSION"),
            instance: self.0.reload.instance,
            program: ProgramStatus {
                name: GUARD_XDP,
                id: program,
                layout: LAYOUT_VERSION,
                vxlan_port: config.vxlan.port,
                trusted_vteps: config.vxlan.trusted_vteps.iter().map(ToString::to_string).collect(),
            },
            trusted_services: config.trusted_services.iter().map(|service| service.name.clone()).collect(),
            service_tags: self.service_tags_status(),
            second_layer,
            interfaces,
            registries,
            operations: self.operations().list().into_iter().filter(OperationStatus::is_in_progress).collect(),
            counters: named(reasons.remove(&None)),
        })
    }
}

impl Agent {
    /// How each interface stands. Blocks.
    pub(super) fn interfaces_status(&self) -> Result<Vec<InterfaceStatus>, AgentError> {
        let links = self.links()?;
        let (program, linked) = {
            let kernel = self.kernel();
            (kernel.program_id(), kernel.linked()?)
        };
        Ok(self.interfaces().status(self.config(), program, &links, &linked))
    }

    fn service_tags_status(&self) -> ServiceTagsStatus {
        let held = self.read(|policy| policy.service_tags.clone());
        ServiceTagsStatus {
            cloud: held.as_ref().map(|tags| tags.cloud.clone()),
            change_number: held.as_ref().map(|tags| tags.change_number),
            imported: held.as_ref().map(|tags| tags.imported.clone()),
            tags: held.as_ref().map_or(0, |tags| tags.tags.len()),
            prefixes: held.as_ref().map_or(0, |tags| tags.prefix_count()),
            watch: self.config().service_tags.watch.clone(),
            problem: self.service_tags_problem(),
        }
    }

    /// The second layer, and whether it guards anything.
    fn second_layer_status(&self) -> (SecondLayerStatus, bool) {
        let layer = self.second_layer();
        let status = SecondLayerStatus {
            name: GUARD_SK_LOOKUP,
            stands: layer.stands(),
            responder: self.responder_is_present(),
            note: layer.is_mixed().then_some(
                "virtual networks end on this host and a registry has a namespace of its own, where their traffic is taken for \
                 public traffic; what the NIC cannot decide is dropped",
            ),
            namespaces: layer.status(),
        };
        (status, layer.guards_somewhere() && !self.is_detached())
    }
}

fn said_of(policy: &Policy, registry: &Registry) -> RegistryPolicyStatus {
    RegistryPolicyStatus {
        default_action: registry.default_action,
        public_network_access: registry.public_network_access,
        network_rule_bypass_options: registry.bypass,
        private_endpoint_connections: registry.private_endpoints.len(),
        ip_rules: registry.ip_rules.len(),
        virtual_network_rules: registry.subnet_rules.len(),
        service_tag_rules: registry.service_tag_rules.len(),
        unresolved_service_tags: policy.unresolved_service_tags(registry).map(|rule| rule.tag.clone()).collect(),
    }
}

fn named(reasons: Option<BTreeMap<Reason, u64>>) -> BTreeMap<&'static str, u64> {
    reasons.into_iter().flatten().map(|(reason, packets)| (reason.name(), packets)).collect()
}

/// A Deny rule whose service tag is gone while config.toml did not name its registry, so that nobody could be refused the file.
fn denying_nobody(policy: &Policy) -> Vec<String> {
    let rules = |registry| policy.unresolved_service_tags(registry).filter(|rule| rule.action == Action::Deny);
    let problem = |name: &str, tag: &str| {
        format!("registry {name}: the Deny rule for service tag {tag} denies nobody, since the tag has no prefixes")
    };
    let registries = policy.registries.values();
    registries.flat_map(|registry| rules(registry).map(|rule| problem(&registry.name, &rule.tag))).collect()
}
