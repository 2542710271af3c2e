use std::collections::HashSet;

use ipnet::IpNet;

use super::ip_rule::any_prefix;
use super::name::resource_name;
use crate::policy::{
    Edit, NetworkRequest, Policy, PolicyError, REGISTRY_SERVICE, Subnet, SubnetRequest, VirtualNetwork,
};

const ACCEPTED_VNI: &str = "1 to 16777215";

impl Policy {
    pub(super) fn put_network(
        &self,
        name: &str,
        only_if_absent: bool,
        request: &NetworkRequest,
    ) -> Result<Vec<Edit>, PolicyError> {
        let before = self.network(name);
        if only_if_absent && let Some(before) = before {
            return Err(PolicyError::AlreadyExists { kind: "virtual network", name: before.name.clone() });
        }
        self.network_edit(before, self.network_asked_for(name, request, before)?)
    }

    /// What `before` is to become; other networks of this policy have other VNIs.
    pub(super) fn network_asked_for(
        &self,
        name: &str,
        request: &NetworkRequest,
        before: Option<&VirtualNetwork>,
    ) -> Result<VirtualNetwork, PolicyError> {
        resource_name("virtual network name", name)?;
        Ok(VirtualNetwork {
            name: before.map_or(name, |before| &before.name).to_owned(),
            vni: self.vni(name, request.vni, before)?,
            prefixes: prefixes(
                || "addressSpace.addressPrefixes".to_owned(),
                request.prefixes.as_deref(),
                before.map(|before| before.prefixes.as_slice()),
            )?,
            subnets: match &request.subnets {
                Some(asked) => subnets(asked, before)?,
                None => before.map_or_else(Vec::new, |before| before.subnets.clone()),
            },
        })
    }

    pub(super) fn delete_network(&self, name: &str) -> Result<Vec<Edit>, PolicyError> {
        let network = self.find_network(name)?;
        for subnet in &network.subnets {
            self.refuse_if_named(network, subnet)?;
        }
        self.refuse_if_inhabited(network)?;
        Ok(vec![Edit::RemoveNetwork(name.to_ascii_lowercase())])
    }

    pub(super) fn put_subnet(
        &self,
        network: &str,
        name: &str,
        only_if_absent: bool,
        request: &SubnetRequest,
    ) -> Result<Vec<Edit>, PolicyError> {
        let before = self.find_network(network)?;
        if only_if_absent && let Some(subnet) = before.subnet(name) {
            return Err(PolicyError::AlreadyExists { kind: "subnet", name: subnet.name.clone() });
        }
        let subnet = subnet("", name, request, before.subnet(name))?;
        let mut after = before.clone();
        match after.subnets.iter_mut().find(|same| same.name.eq_ignore_ascii_case(name)) {
            Some(same) => *same = subnet,
            None => after.subnets.push(subnet),
        }
        self.network_edit(Some(before), after)
    }

    pub(super) fn delete_subnet(&self, network: &str, name: &str) -> Result<Vec<Edit>, PolicyError> {
        let before = self.find_network(network)?;
        let gone = before.find_subnet(name)?;
        self.refuse_if_named(before, gone)?;
        let mut after = before.clone();
        after.subnets.retain(|subnet| subnet != gone);
        Ok(vec![Edit::PutNetwork(after)])
    }

    /// The edit that makes `before` into `after`, if subnets lie where they must and none goes that a rule names.
    fn network_edit(&self, before: Option<&VirtualNetwork>, after: VirtualNetwork) -> Result<Vec<Edit>, PolicyError> {
        if before == Some(&after) {
            return Ok(Vec::new());
        }
        refuse_misplaced_subnets(&after)?;
        self.refuse_stray_private_endpoints(&after)?;
        if let Some(before) = before {
            let kept: HashSet<String> = after.subnets.iter().map(|subnet| subnet.name.to_ascii_lowercase()).collect();
            for subnet in before.subnets.iter().filter(|subnet| !kept.contains(&subnet.name.to_ascii_lowercase())) {
                self.refuse_if_named(before, subnet)?;
            }
        }
        Ok(vec![Edit::PutNetwork(after)])
    }

    fn refuse_if_named(&self, network: &VirtualNetwork, subnet: &Subnet) -> Result<(), PolicyError> {
        match self.registry_that_names(&network.id_of(subnet)) {
            None => Ok(()),
            Some(registry) => Err(PolicyError::SubnetInUse {
                network: network.name.clone(),
                subnet: subnet.name.clone(),
                registry: registry.name.clone(),
            }),
        }
    }

    fn vni(&self, name: &str, asked: Option<i64>, before: Option<&VirtualNetwork>) -> Result<u32, PolicyError> {
        let Some(asked) = asked else {
            let kept = before.map(|before| before.vni).ok_or_else(|| PolicyError::missing("vni", ACCEPTED_VNI))?;
            return self.unless_taken(name, kept);
        };
        let vni = u32::try_from(asked).ok().filter(|vni| (1..1 << 24).contains(vni)).ok_or_else(|| {
            PolicyError::invalid("vni", asked.to_string(), "is not a VXLAN network identifier", ACCEPTED_VNI)
        })?;
        self.unless_taken(name, vni)
    }

    fn unless_taken(&self, name: &str, vni: u32) -> Result<u32, PolicyError> {
        let other = self.networks.values().find(|other| other.vni == vni && !other.name.eq_ignore_ascii_case(name));
        match other {
            None => Ok(vni),
            Some(other) => Err(PolicyError::VniTaken { vni, network: other.name.clone() }),
        }
    }
}

fn subnets(asked: &[(String, SubnetRequest)], before: Option<&VirtualNetwork>) -> Result<Vec<Subnet>, PolicyError> {
    let mut names = HashSet::with_capacity(asked.len());
    let mut subnets = Vec::with_capacity(asked.len());
    for (place, (name, request)) in asked.iter().enumerate() {
        let field = format!("subnets[{place}].");
        if !names.insert(name.to_ascii_lowercase()) {
            let field = format!("{field}name");
            return Err(PolicyError::invalid(field, name, "is the name of an earlier subnet", "each name once"));
        }
        subnets.push(subnet(&field, name, request, before.and_then(|before| before.subnet(name)))?);
    }
    Ok(subnets)
}

fn subnet(field: &str, name: &str, request: &SubnetRequest, before: Option<&Subnet>) -> Result<Subnet, PolicyError> {
    resource_name(&format!("{field}subnet name"), name)?;
    Ok(Subnet {
        name: before.map_or(name, |before| &before.name).to_owned(),
        prefixes: prefixes(
            || format!("{field}addressPrefixes"),
            request.prefixes.as_deref(),
            before.map(|before| before.prefixes.as_slice()),
        )?,
        service_endpoints: match &request.service_endpoints {
            Some(asked) => service_endpoints(field, asked)?,
            None => before.map_or_else(Vec::new, |before| before.service_endpoints.clone()),
        },
    })
}

fn service_endpoints(field: &str, asked: &[String]) -> Result<Vec<String>, PolicyError> {
    let mut services = Vec::new();
    for (place, name) in asked.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
        if !name.eq_ignore_ascii_case(REGISTRY_SERVICE) {
            let field = format!("{field}serviceEndpoints[{place}].service");
            return Err(PolicyError::invalid(field, name, "is not known", REGISTRY_SERVICE));
        }
        services = vec![REGISTRY_SERVICE.to_owned()];
    }
    Ok(services)
}

/// The prefixes asked for, or else those that were; canonical, at least one, without overlap.
fn prefixes(
    field: impl Fn() -> String,
    asked: Option<&[String]>,
    before: Option<&[IpNet]>,
) -> Result<Vec<IpNet>, PolicyError> {
    let accepted = "one or more prefixes such as 10.1.0.0/16";
    let Some(asked) = asked else {
        return before.map(<[IpNet]>::to_vec).ok_or_else(|| PolicyError::missing(field(), accepted));
    };
    if asked.is_empty() {
        return Err(PolicyError::invalid(field(), "[]", "is empty", accepted));
    }
    let parse = |(place, text): (usize, &String)| any_prefix(|| format!("{}[{place}]", field()), text);
    let prefixes: Vec<IpNet> = asked.iter().enumerate().map(parse).collect::<Result<_, _>>()?;
    match first_overlap(prefixes.iter().map(|prefix| (*prefix, ()))) {
        None => Ok(prefixes),
        Some(((wide, ()), (narrow, ()))) => {
            let problem = format!("overlaps {wide} of the same list");
            Err(PolicyError::invalid(field(), narrow.to_string(), problem, "prefixes without overlap"))
        }
    }
}

/// Refuses subnets outside of the network, and those that overlap.
pub(super) fn refuse_misplaced_subnets(network: &VirtualNetwork) -> Result<(), PolicyError> {
    refuse_stray_subnets(network)?;
    refuse_overlapping_subnets(network)
}

fn refuse_stray_subnets(network: &VirtualNetwork) -> Result<(), PolicyError> {
    for subnet in &network.subnets {
        let stray = subnet.prefixes.iter().find(|prefix| !network.prefixes.iter().any(|space| space.contains(*prefix)));
        if let Some(stray) = stray {
            let space: Vec<String> = network.prefixes.iter().map(ToString::to_string).collect();
            let problem = format!("of subnet `{}` is outside of virtual network `{}`", subnet.name, network.name);
            let accepted = format!("prefixes inside {}", space.join(", "));
            return Err(PolicyError::invalid("addressPrefixes", stray.to_string(), problem, accepted));
        }
    }
    Ok(())
}

fn refuse_overlapping_subnets(network: &VirtualNetwork) -> Result<(), PolicyError> {
    let every = network.subnets.iter().flat_map(|subnet| subnet.prefixes.iter().map(move |prefix| (*prefix, subnet)));
    let Some(((wide, one), (narrow, other))) = first_overlap(every) else {
        return Ok(());
    };
    let problem = format!("of subnet `{}` overlaps {wide} of subnet `{}`", other.name, one.name);
    Err(PolicyError::invalid("addressPrefixes", narrow.to_string(), problem, "prefixes without overlap"))
}

/// Two of the prefixes of which the first contains the second. Sorted, one that contains any contains its successor.
fn first_overlap<T: Copy>(prefixes: impl Iterator<Item = (IpNet, T)>) -> Option<((IpNet, T), (IpNet, T))> {
    let mut sorted: Vec<(IpNet, T)> = prefixes.collect();
    sorted.sort_by_key(|(prefix, _)| *prefix);
    sorted.array_windows().find(|[wide, narrow]| wide.0.contains(&narrow.0)).map(|[wide, narrow]| (*wide, *narrow))
}
