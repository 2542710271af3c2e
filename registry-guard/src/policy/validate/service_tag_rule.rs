use super::action_of;
use super::grants::Grants;
use super::service_tags::refuse_private;
use crate::policy::{Action, Edit, Limits, Policy, PolicyError, Registry, RuleRequest, ServiceTagRule};

/// Stands in for a counter until the whole list is known to be good.
const UNSET: u32 = u32::MAX;

impl Policy {
    pub(super) fn add_service_tag_rule(
        &self,
        registry: &str,
        tag: &str,
        only_if_absent: bool,
        action: Option<&str>,
        limits: &Limits,
    ) -> Result<Vec<Edit>, PolicyError> {
        let found = self.find_registry(registry)?;
        let same = found.service_tag_rule(tag);
        if only_if_absent && let Some(same) = same {
            return Err(PolicyError::AlreadyExists { kind: "service-tag rule", name: same.tag.clone() });
        }
        if action.is_none() && same.is_some_and(|rule| rule.action == Action::Deny) {
            return Err(PolicyError::DenyRuleStands { registry: found.name.clone(), sources: tag.to_owned() });
        }
        let action = action_of(|| "serviceTagRules.action".to_owned(), action)?;
        if same.is_some_and(|rule| rule.action == action) {
            return Ok(Vec::new());
        }
        let tag = self.find_service_tag(tag)?;
        if action == Action::Allow {
            refuse_private(tag, found, limits)?;
        }
        let rule = match same {
            Some(other) => ServiceTagRule { action, ..other.clone() },
            None => ServiceTagRule { tag: tag.name.clone(), action, counter: Grants::new(self, limits).one()? },
        };
        Ok(vec![Edit::InsertServiceTagRule { registry: registry.to_ascii_lowercase(), rule }])
    }

    pub(super) fn remove_service_tag_rule(&self, registry: &str, tag: &str) -> Result<Vec<Edit>, PolicyError> {
        let tag = self.find_service_tag_rule(registry, tag)?.tag.clone();
        Ok(vec![Edit::RemoveServiceTagRule { registry: registry.to_ascii_lowercase(), tag }])
    }

    /// The service-tag rule that names `tag`, in any case.
    pub fn find_service_tag_rule(&self, registry: &str, tag: &str) -> Result<&ServiceTagRule, PolicyError> {
        let found = self.find_registry(registry)?;
        let missing = || PolicyError::ServiceTagRuleNotFound { registry: found.name.clone(), tag: tag.to_owned() };
        found.service_tag_rule(tag).ok_or_else(missing)
    }

    /// The rules asked for, one for each tag. A rule that is there already may stay though its tag is gone.
    pub(super) fn service_tag_rules(
        &self,
        asked: &[RuleRequest],
        registry: &Registry,
        limits: &Limits,
    ) -> Result<Vec<ServiceTagRule>, PolicyError> {
        let mut rules: Vec<ServiceTagRule> = Vec::with_capacity(asked.len());
        for (place, request) in asked.iter().enumerate() {
            let field = |part: &str| format!("networkRuleSet.serviceTagRules[{place}].{part}");
            let action = action_of(|| field("action"), request.action.as_deref())?;
            let same = registry.service_tag_rule(&request.value);
            let tag = match (same, self.find_service_tag(&request.value)) {
                (Some(same), _) if same.action == action => same.tag.clone(),
                (_, Ok(tag)) => {
                    if action == Action::Allow {
                        refuse_private(tag, registry, limits)?;
                    }
                    same.map_or(&tag.name, |same| &same.tag).clone()
                }
                (_, Err(_)) => {
                    let accepted = "the name of a service tag that is held (`registry-guard service-tag list`)";
                    return Err(PolicyError::invalid(
                        field("serviceTag"),
                        &request.value,
                        "is no service tag",
                        accepted,
                    ));
                }
            };
            match rules.iter().find(|first| first.tag.eq_ignore_ascii_case(&tag)) {
                Some(first) if first.action == action => {}
                Some(first) => {
                    let problem = format!("contradicts an earlier rule of this list, where {tag} is {}", first.action);
                    let accepted = first.action.as_str();
                    return Err(PolicyError::invalid(field("action"), action.as_str(), problem, accepted));
                }
                None => rules.push(ServiceTagRule { tag, action, counter: UNSET }),
            }
        }
        Ok(rules)
    }
}

/// Gives each rule the counter it had before, or one of its own.
pub(super) fn number_service_tag_rules(
    rules: &mut [ServiceTagRule],
    registry: &Registry,
    grants: &mut Grants<'_>,
) -> Result<(), PolicyError> {
    let before = &registry.service_tag_rules;
    let stays = |old: &&ServiceTagRule| rules.iter().any(|rule| rule.tag.eq_ignore_ascii_case(&old.tag));
    let leaving: Vec<u32> = before.iter().filter(|old| !stays(old)).map(|old| old.counter).collect();
    let coming = rules.len() + leaving.len() - before.len();
    let mut granted = grants.exchange(coming, leaving)?.into_iter();
    for rule in rules {
        rule.counter = match registry.service_tag_rule(&rule.tag) {
            Some(same) => same.counter,
            None => granted.next().unwrap_or(UNSET),
        };
    }
    Ok(())
}
