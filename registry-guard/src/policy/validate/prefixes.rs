use crate::policy::{Edit, Limits, Policy, PolicyError, Registry, ServiceTagRule, ServiceTags, Subject};

impl Policy {
    /// Refuses edits after which the IP rules of a registry and the service tags that its rules name would be more prefixes
    /// than its table may hold. What makes them fewer is never refused.
    pub(super) fn refuse_too_many_prefixes(&self, edits: &[Edit], limits: &Limits) -> Result<(), PolicyError> {
        for (key, registry) in &self.registries {
            let concerns = |edit: &&Edit| matches!(edit.subject(), Subject::Registry(name) if name == key);
            let mut after = Load::of(self, registry);
            let before = after.prefixes();
            for edit in edits.iter().filter(|edit| concerns(edit) || edit.subject() == Subject::ServiceTags) {
                after.follow(edit, registry);
            }
            let asked = after.prefixes();
            if !after.rules.is_empty() && asked > before && asked > limits.rules as usize {
                return Err(PolicyError::TooManyPrefixes {
                    registry: registry.name.clone(),
                    asked,
                    limit: limits.rules,
                });
            }
        }
        Ok(())
    }
}

/// What the table of one registry is made from, as far as its size depends on it.
struct Load<'a> {
    ip_rules: usize,
    rules: Vec<&'a ServiceTagRule>,
    tags: Option<&'a ServiceTags>,
}

impl<'a> Load<'a> {
    fn of(policy: &'a Policy, registry: &'a Registry) -> Self {
        Self {
            ip_rules: registry.ip_rules.len(),
            rules: registry.service_tag_rules.iter().collect(),
            tags: policy.service_tags.as_deref(),
        }
    }

    fn prefixes(&self) -> usize {
        let of = |rule: &&ServiceTagRule| self.tags.map_or(0, |tags| tags.prefixes(&rule.tag).len());
        self.ip_rules + self.rules.iter().map(of).sum::<usize>()
    }

    fn follow(&mut self, edit: &'a Edit, registry: &Registry) {
        match edit {
            Edit::InsertIpRule { rule, .. } => {
                self.ip_rules += usize::from(registry.ip_rules.get(&rule.prefix).is_none());
            }
            Edit::RemoveIpRule { .. } => self.ip_rules = self.ip_rules.saturating_sub(1),
            Edit::ReplaceIpRules { rules, .. } => self.ip_rules = rules.len(),
            Edit::InsertServiceTagRule { rule, .. } => {
                self.rules.retain(|before| !before.tag.eq_ignore_ascii_case(&rule.tag));
                self.rules.push(rule);
            }
            Edit::RemoveServiceTagRule { tag, .. } => self.rules.retain(|before| !before.tag.eq_ignore_ascii_case(tag)),
            Edit::ReplaceServiceTagRules { rules, .. } => self.rules = rules.iter().collect(),
            Edit::ImportServiceTags(tags) => self.tags = Some(tags),
            Edit::DropServiceTags => self.tags = None,
            _ => {}
        }
    }
}
