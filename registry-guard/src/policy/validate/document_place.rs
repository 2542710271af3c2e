//! A document calls some values otherwise than the management API does, and an error about one names it as the document does.

use crate::policy::PolicyError;

/// What the API calls a value at the end of a place, and what the document calls it.
const NAMES: [(&str, &str); 6] = [
    ("addressSpace.addressPrefixes", "addressPrefixes"),
    ("privateLinkServiceConnectionState.", ""),
    ("networkRuleSet.", ""),
    ("virtual network name", "name"),
    ("subnet name", "name"),
    ("private endpoint connection name", "name"),
];

impl PolicyError {
    /// The same error, about the part of a document that `place` names.
    pub(super) fn within(self, place: &str) -> Self {
        match self {
            Self::Invalid { field, value, problem, accepted } => {
                Self::Invalid { field: format!("{place}.{}", in_document(&field)), value, problem, accepted }
            }
            Self::Missing { field, accepted } => {
                Self::Missing { field: format!("{place}.{}", in_document(&field)), accepted }
            }
            other => Self::At { place: place.to_owned(), error: Box::new(other) },
        }
    }
}

fn in_document(field: &str) -> String {
    let mut field = field.to_owned();
    for (wire, document) in NAMES {
        field = field.replace(wire, document);
    }
    let renamed = |list: &str, wire: &str, document: &str| {
        let rule = field.strip_prefix(list).and_then(|rest| rest.strip_suffix(wire));
        rule.map(|rule| format!("{list}{rule}{document}"))
    };
    renamed("ipRules", ".value", ".ipAddressOrRange")
        .or_else(|| renamed("virtualNetworkRules", ".id", ".subnet"))
        .or_else(|| field.strip_suffix(".service").map(str::to_owned))
        .unwrap_or(field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_called_what_the_document_calls_them() {
        for (wire, document) in [
            ("networkRuleSet.ipRules[3].value", "r.ipRules[3].ipAddressOrRange"),
            ("networkRuleSet.ipRules[3].action", "r.ipRules[3].action"),
            ("networkRuleSet.virtualNetworkRules[0].id", "r.virtualNetworkRules[0].subnet"),
            ("networkRuleSet.defaultAction", "r.defaultAction"),
            ("addressSpace.addressPrefixes[1]", "r.addressPrefixes[1]"),
            ("subnets[0].subnet name", "r.subnets[0].name"),
            ("virtual network name", "r.name"),
            ("privateLinkServiceConnectionState.status", "r.status"),
            ("subnets[0].serviceEndpoints[2].service", "r.subnets[0].serviceEndpoints[2]"),
            ("vni", "r.vni"),
        ] {
            let PolicyError::Missing { field, .. } = PolicyError::missing(wire, "").within("r") else { unreachable!() };
            assert_eq!(field, document);
        }
    }

    #[test]
    fn what_is_about_no_single_value_keeps_its_words_and_its_status() {
        let error = PolicyError::VniTaken { vni: 7, network: "hub".into() };
        let placed = error.clone().within("virtualNetworks[1]");
        assert_eq!((placed.status(), placed.code()), (error.status(), error.code()));
        assert_eq!(placed.to_string(), format!("virtualNetworks[1]: {error}"));
    }
}
