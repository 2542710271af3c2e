use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::api::refusal::Refusal;
use crate::policy::{PolicyError, RegistryPatch, RuleRequest};

/// The body of a PATCH. What the service itself sets may stand there, as in its answers, and means nothing.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "fields are named so that no others are accepted")]
pub(super) struct RegistryBody {
    properties: Option<Properties>,
    sku: Option<Sku>,
    id: Option<IgnoredAny>,
    name: Option<IgnoredAny>,
    #[serde(rename = "type")]
    kind: Option<IgnoredAny>,
    location: Option<IgnoredAny>,
    tags: Option<IgnoredAny>,
    etag: Option<IgnoredAny>,
    revision: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "fields are named so that no others are accepted")]
struct Sku {
    name: Option<String>,
    tier: Option<IgnoredAny>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "fields are named so that no others are accepted")]
struct Properties {
    network_rule_set: Option<NetworkRuleSet>,
    public_network_access: Option<String>,
    network_rule_bypass_options: Option<String>,
    data_endpoint_enabled: Option<bool>,
    login_server: Option<IgnoredAny>,
    creation_date: Option<IgnoredAny>,
    provisioning_state: Option<IgnoredAny>,
    data_endpoint_host_names: Option<IgnoredAny>,
    private_endpoint_connections: Option<IgnoredAny>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct NetworkRuleSet {
    default_action: Option<String>,
    ip_rules: Option<Vec<IpRuleBody>>,
    virtual_network_rules: Option<Vec<SubnetRuleBody>>,
    service_tag_rules: Option<Vec<ServiceTagRuleBody>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IpRuleBody {
    value: String,
    action: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ServiceTagRuleBody {
    service_tag: String,
    action: Option<String>,
}

/// Old versions of the service call the subnet `id`, new ones by the long name; answers carry both.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct SubnetRuleBody {
    id: Option<String>,
    virtual_network_subnet_resource_id: Option<String>,
    action: Option<String>,
}

impl RegistryBody {
    pub(super) fn into_patch(self) -> Result<RegistryPatch, Refusal> {
        if let Some(sku) = self.sku.and_then(|sku| sku.name)
            && !sku.eq_ignore_ascii_case("Premium")
        {
            return Err(PolicyError::invalid("sku.name", sku, "has no network rules", "Premium").into());
        }
        let properties = self.properties.unwrap_or_default();
        let rules = properties.network_rule_set.unwrap_or_default();
        Ok(RegistryPatch {
            default_action: rules.default_action,
            public_network_access: properties.public_network_access,
            bypass: properties.network_rule_bypass_options,
            data_endpoint_enabled: properties.data_endpoint_enabled,
            ip_rules: rules.ip_rules.map(|rules| {
                rules.into_iter().map(|rule| RuleRequest { value: rule.value, action: rule.action }).collect()
            }),
            subnet_rules: rules.virtual_network_rules.map(subnet_rules).transpose()?,
            service_tag_rules: rules.service_tag_rules.map(|rules| {
                rules.into_iter().map(|rule| RuleRequest { value: rule.service_tag, action: rule.action }).collect()
            }),
        })
    }
}

fn subnet_rules(rules: Vec<SubnetRuleBody>) -> Result<Vec<RuleRequest>, Refusal> {
    let request = |(place, rule): (usize, SubnetRuleBody)| {
        let field = format!("networkRuleSet.virtualNetworkRules[{place}].id");
        let value = match (rule.virtual_network_subnet_resource_id, rule.id) {
            (Some(long), Some(short)) if !long.eq_ignore_ascii_case(&short) => {
                let problem = "is not what `virtualNetworkSubnetResourceId` says";
                return Err(PolicyError::invalid(field, short, problem, long).into());
            }
            (Some(id), _) | (None, Some(id)) => id,
            (None, None) => {
                let accepted = "the id of a subnet, here or as `virtualNetworkSubnetResourceId`";
                return Err(PolicyError::missing(field, accepted).into());
            }
        };
        Ok(RuleRequest { value, action: rule.action })
    };
    rules.into_iter().enumerate().map(request).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patch(json: &str) -> Result<RegistryPatch, String> {
        let body: RegistryBody = serde_json::from_str(json).map_err(|error| error.to_string())?;
        body.into_patch().map_err(|refusal| format!("{refusal:?}"))
    }

    #[test]
    fn absent_and_null_lists_are_kept_and_empty_ones_clear() {
        assert_eq!(patch("{}").unwrap(), RegistryPatch::default());
        let kept = r#"{"properties":{"networkRuleSet":{"ipRules":null}}}"#;
        assert_eq!(patch(kept).unwrap(), RegistryPatch::default());
        let cleared = r#"{"properties":{"networkRuleSet":{"ipRules":[],"virtualNetworkRules":[]}}}"#;
        let patch = patch(cleared).unwrap();
        assert_eq!((patch.ip_rules, patch.subnet_rules), (Some(Vec::new()), Some(Vec::new())));
    }

    #[test]
    fn the_subnet_goes_by_either_name() {
        let rule = |body: &str| {
            let json = format!(r#"{{"properties":{{"networkRuleSet":{{"virtualNetworkRules":[{body}]}}}}}}"#);
            patch(&json).map(|patch| patch.subnet_rules.unwrap()[0].value.clone())
        };
        assert_eq!(rule(r#"{"id":"/a"}"#).unwrap(), "/a");
        assert_eq!(rule(r#"{"virtualNetworkSubnetResourceId":"/a","action":"Allow"}"#).unwrap(), "/a");
        assert_eq!(rule(r#"{"virtualNetworkSubnetResourceId":"/a","id":"/A"}"#).unwrap(), "/a");
        assert!(rule(r#"{"virtualNetworkSubnetResourceId":"/a","id":"/b"}"#).is_err());
        assert!(rule("{}").unwrap_err().contains("virtualNetworkRules[0].id: missing"));
    }

    #[test]
    fn a_misspelt_field_is_refused_by_name() {
        for json in [
            r#"{"property":{}}"#,
            r#"{"properties":{"defaultAction":"Deny"}}"#,
            r#"{"properties":{"networkRuleSet":{"ipRule":[]}}}"#,
            r#"{"properties":{"networkRuleSet":{"ipRules":[{"value":"203.0.113.9","verb":"Allow"}]}}}"#,
        ] {
            assert!(patch(json).unwrap_err().contains("unknown field"), "{json}");
        }
        assert!(patch(r#"{"sku":{"name":"Basic"}}"#).unwrap_err().contains("accepted: Premium"));
        assert!(patch(r#"{"sku":{"name":"premium"}}"#).is_ok());
    }
}
