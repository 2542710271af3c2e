//! A document says what several parts of the policy shall be. What counts is the whole as it will be: two networks may exchange
//! their numbers, and a subnet may go together with the rule that names it.

use std::collections::{BTreeMap, HashSet};

use super::grants::Grants;
use super::network::refuse_misplaced_subnets;
use crate::policy::{
    Edit, Limits, NetworkRequest, Policy, PolicyError, PolicyRequest, PrivateEndpointRequest, Registry,
    RegistryRequest, VirtualNetwork,
};

impl Policy {
    pub(super) fn apply_request(&self, request: &PolicyRequest, limits: &Limits) -> Result<Vec<Edit>, PolicyError> {
        let wanted = self.registries_named(&request.registries)?;
        let mut after = self.clone();
        let mut edits = Vec::new();
        if let Some(networks) = &request.networks {
            after.networks = self.networks_asked_for(networks)?;
            edits.extend(self.network_edits(&after.networks));
        }
        let mut grants = Grants::new(self, limits);
        edits.extend(self.replace_private_endpoints(&mut after, &wanted, limits, &mut grants)?);
        edits.extend(rule_edits(&mut after, &wanted, limits, &mut grants)?);
        after.refuse_loose_ends()?;
        Ok(edits)
    }

    fn registries_named<'a>(&self, asked: &'a [(String, RegistryRequest)]) -> Result<Vec<Wanted<'a>>, PolicyError> {
        let mut names = HashSet::with_capacity(asked.len());
        let mut wanted = Vec::with_capacity(asked.len());
        for (at, (name, request)) in asked.iter().enumerate() {
            let place = format!("registries[{at}]");
            self.find_registry(name).map_err(|error| error.within(&format!("{place}.name")))?;
            refuse_repeated(&mut names, name, &place)?;
            wanted.push(Wanted { place, name, request });
        }
        Ok(wanted)
    }

    fn networks_asked_for(
        &self,
        asked: &[(String, NetworkRequest)],
    ) -> Result<BTreeMap<String, VirtualNetwork>, PolicyError> {
        let mut names = HashSet::with_capacity(asked.len());
        // Only the networks of the document: the numbers of the others are free.
        let mut after = Self::default();
        for (at, (name, request)) in asked.iter().enumerate() {
            let place = format!("virtualNetworks[{at}]");
            refuse_repeated(&mut names, name, &place)?;
            let network = after
                .network_asked_for(name, request, self.network(name))
                .and_then(|network| refuse_misplaced_subnets(&network).map(|()| network))
                .map_err(|error| error.within(&place))?;
            after.networks.insert(name.to_ascii_lowercase(), network);
        }
        Ok(after.networks)
    }

    /// What goes and what changes its number goes first, so that at no step two networks have one number.
    fn network_edits(&self, after: &BTreeMap<String, VirtualNetwork>) -> Vec<Edit> {
        let vacated = self.networks.iter().filter(|(key, before)| {
            let after = after.get(*key);
            after.is_none_or(|after| after.vni != before.vni)
        });
        let changed = after.iter().filter(|(key, network)| self.networks.get(*key) != Some(network));
        vacated
            .map(|(key, _)| Edit::RemoveNetwork(key.clone()))
            .chain(changed.map(|(_, network)| Edit::PutNetwork(network.clone())))
            .collect()
    }

    fn replace_private_endpoints(
        &self,
        after: &mut Self,
        wanted: &[Wanted<'_>],
        limits: &Limits,
        grants: &mut Grants<'_>,
    ) -> Result<Vec<Edit>, PolicyError> {
        let replaced = |wanted: &Wanted<'_>| wanted.request.private_endpoints.is_some();
        for wanted in wanted.iter().filter(|wanted| replaced(wanted)) {
            if let Some(registry) = after.registries.get_mut(&wanted.key()) {
                registry.private_endpoints.clear();
            }
        }
        let mut edits = Vec::new();
        for wanted in wanted {
            if let Some(endpoints) = &wanted.request.private_endpoints {
                let before = self.find_registry(wanted.name)?;
                edits.extend(after.private_endpoints_asked_for(before, wanted, endpoints, limits, grants)?);
            }
        }
        Ok(edits)
    }

    /// Adds the endpoints to this policy, which has none of this registry, and says what that changes about `before`.
    fn private_endpoints_asked_for(
        &mut self,
        before: &Registry,
        wanted: &Wanted<'_>,
        asked: &[(String, PrivateEndpointRequest)],
        limits: &Limits,
        grants: &mut Grants<'_>,
    ) -> Result<Vec<Edit>, PolicyError> {
        let kept: HashSet<String> = asked.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
        let gone =
            before.private_endpoints.iter().filter(|endpoint| !kept.contains(&endpoint.name.to_ascii_lowercase()));
        grants.exchange(0, gone.clone().map(|endpoint| endpoint.counter).collect())?;
        let removed = gone.map(|endpoint| Edit::RemovePrivateEndpoint {
            registry: wanted.key(),
            name: endpoint.name.to_ascii_lowercase(),
        });
        let mut edits: Vec<Edit> = removed.collect();
        let mut names = HashSet::with_capacity(asked.len());
        for (at, (name, request)) in asked.iter().enumerate() {
            let place = format!("{}.privateEndpointConnections[{at}]", wanted.place);
            refuse_repeated(&mut names, name, &place)?;
            let present = before.private_endpoint(name);
            let endpoint = self
                .private_endpoint_asked_for(before, name, request, present, limits, grants)
                .map_err(|error| error.within(&place))?;
            let edit = Edit::PutPrivateEndpoint { registry: wanted.key(), endpoint: endpoint.clone() };
            self.apply(std::slice::from_ref(&edit));
            if present != Some(&endpoint) {
                edits.push(edit);
            }
        }
        Ok(edits)
    }

    /// Refuses a policy in which a rule or a private endpoint names what is not there.
    fn refuse_loose_ends(&self) -> Result<(), PolicyError> {
        const PLACE: &str = "virtualNetworks";
        for registry in self.registries.values() {
            if let Some(rule) = registry.subnet_rules.iter().find(|rule| self.subnet(&rule.subnet).is_none()) {
                let (network, subnet) = (rule.subnet.network.clone(), rule.subnet.subnet.clone());
                let error = PolicyError::SubnetInUse { network, subnet, registry: registry.name.clone() };
                return Err(error.within(PLACE));
            }
            let homeless = registry.private_endpoints.iter().find(|endpoint| self.network(&endpoint.network).is_none());
            if let Some(endpoint) = homeless {
                let (network, endpoint) = (endpoint.network.clone(), endpoint.name.clone());
                let error = PolicyError::NetworkInUse { network, registry: registry.name.clone(), endpoint };
                return Err(error.within(PLACE));
            }
        }
        let mut networks = self.networks.values();
        networks
            .try_for_each(|network| self.refuse_stray_private_endpoints(network).map_err(|error| error.within(PLACE)))
    }
}

/// One registry of a document.
struct Wanted<'a> {
    place: String,
    name: &'a str,
    request: &'a RegistryRequest,
}

impl Wanted<'_> {
    fn key(&self) -> String {
        self.name.to_ascii_lowercase()
    }

    /// By how many the rules grow; negative when there are fewer afterwards.
    fn growth(&self, policy: &Policy) -> i64 {
        let Some(registry) = policy.registry(self.name) else { return 0 };
        let patch = &self.request.patch;
        let lists = [
            (patch.ip_rules.as_ref(), registry.ip_rules.len()),
            (patch.subnet_rules.as_ref(), registry.subnet_rules.len()),
            (patch.service_tag_rules.as_ref(), registry.service_tag_rules.len()),
        ];
        let count = |rules: usize| i64::try_from(rules).unwrap_or(i64::MAX);
        lists.into_iter().filter_map(|(asked, have)| Some(count(asked?.len()) - count(have))).sum()
    }
}

/// The edits that give the registries of `after` their settings and rules. Where there is hardly room for more rules, those that
/// go make room for those that come.
fn rule_edits(
    after: &mut Policy,
    wanted: &[Wanted<'_>],
    limits: &Limits,
    grants: &mut Grants<'_>,
) -> Result<Vec<Edit>, PolicyError> {
    let mut shrinking_first: Vec<&Wanted<'_>> = wanted.iter().collect();
    shrinking_first.sort_by_key(|wanted| wanted.growth(after));
    let mut edits = Vec::new();
    for wanted in shrinking_first {
        let of_one = after
            .patch_registry_with(wanted.name, &wanted.request.patch, limits, grants)
            .map_err(|error| error.within(&wanted.place))?;
        // Nothing that is checked afterwards looks at IP rules, of which there may be a million.
        for edit in of_one.iter().filter(|edit| matches!(edit, Edit::ReplaceSubnetRules { .. })) {
            after.apply(std::slice::from_ref(edit));
        }
        edits.extend(of_one);
    }
    Ok(edits)
}

fn refuse_repeated(seen: &mut HashSet<String>, name: &str, place: &str) -> Result<(), PolicyError> {
    if seen.insert(name.to_ascii_lowercase()) {
        return Ok(());
    }
    let field = format!("{place}.name");
    Err(PolicyError::invalid(field, name, "is the name of an earlier one of this list", "each name once"))
}
