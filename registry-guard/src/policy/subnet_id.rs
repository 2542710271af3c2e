use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use serde::{Serialize, Serializer};

use super::{PolicyError, RESOURCE_GROUP, SUBSCRIPTION, network_id};

/// Names one subnet of one virtual network. Compares without regard to case; displays as the full resource id.
#[derive(Clone, Debug)]
pub struct SubnetId {
    /// The virtual network's name.
    pub network: String,
    /// The subnet's name inside that network.
    pub subnet: String,
}

impl SubnetId {
    /// The subnet `subnet` of the virtual network `network`.
    pub fn new(network: impl Into<String>, subnet: impl Into<String>) -> Self {
        Self { network: network.into(), subnet: subnet.into() }
    }

    /// Reads a full resource id, its fixed words in any case. `field` is where `text` stood, for the error.
    pub fn parse(field: &str, text: &str) -> Result<Self, PolicyError> {
        let segments: Vec<&str> = text.split('/').collect();
        let is = |at: usize, word: &str| segments.get(at).is_some_and(|segment| segment.eq_ignore_ascii_case(word));
        let shaped = segments.len() == 11
            && is(0, "")
            && is(1, "subscriptions")
            && is(2, SUBSCRIPTION)
            && is(3, "resourceGroups")
            && is(4, RESOURCE_GROUP)
            && is(5, "providers")
            && is(6, "Microsoft.Network")
            && is(7, "virtualNetworks")
            && !is(8, "")
            && is(9, "subnets")
            && !is(10, "");
        if shaped {
            Ok(Self::new(segments[8], segments[10]))
        } else {
            Err(PolicyError::invalid(
                field,
                text,
                "is not the id of a subnet on this host",
                Self::new("{network}", "{subnet}").to_string(),
            ))
        }
    }

    /// Whether both names are the same, without regard to case.
    pub fn is(&self, network: &str, subnet: &str) -> bool {
        self.network.eq_ignore_ascii_case(network) && self.subnet.eq_ignore_ascii_case(subnet)
    }

    fn lower(&self) -> (String, String) {
        (self.network.to_ascii_lowercase(), self.subnet.to_ascii_lowercase())
    }
}

impl fmt::Display for SubnetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/subnets/{}", network_id(&self.network), self.subnet)
    }
}

impl Serialize for SubnetId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl PartialEq for SubnetId {
    fn eq(&self, other: &Self) -> bool {
        self.is(&other.network, &other.subnet)
    }
}

impl Eq for SubnetId {}

impl Hash for SubnetId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.lower().hash(state);
    }
}

impl PartialOrd for SubnetId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for SubnetId {
    fn cmp(&self, other: &Self) -> Ordering {
        self.lower().cmp(&other.lower())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_as_it_displays() {
        let id = SubnetId::new("hub", "builders");
        assert_eq!(SubnetId::parse("id", &id.to_string()).unwrap(), id);
    }

    #[test]
    fn ids_compare_without_regard_to_case() {
        let id = SubnetId::new("hub", "builders");
        let shouted = id.to_string().to_uppercase();
        assert_eq!(SubnetId::parse("id", &shouted).unwrap(), id);
        assert_eq!(id.cmp(&SubnetId::new("HUB", "Builders")), Ordering::Equal);
        assert_eq!(std::collections::HashSet::from([id, SubnetId::new("HUB", "Builders")]).len(), 1);
    }

    #[test]
    fn an_id_of_another_shape_is_refused_with_the_shape() {
        let id = SubnetId::new("hub", "builders").to_string();
        for bad in [
            "",
            "builders",
            "hub/builders",
            id.trim_start_matches('/'),
            &format!("{id}/"),
            &id.replace("builders", ""),
            &id.replace("/subnets/", "/networks/"),
            &id.replace(SUBSCRIPTION, "11111111-1111-1111-1111-111111111111"),
            &id.replace(RESOURCE_GROUP, "another"),
        ] {
            let message = SubnetId::parse("id", bad).unwrap_err().to_string();
            assert!(message.starts_with("id: "), "{message}");
            assert!(message.contains("virtualNetworks/{network}/subnets/{subnet}"), "{message}");
        }
    }
}
