use crate::policy::{Limits, PolicyError, Quota, Registry};

/// What one registry may take on. One that has more than its quota, which was lowered since, keeps it but takes no more.
pub(super) struct Allowance<'a> {
    registry: &'a str,
    quota: Quota,
}

impl<'a> Allowance<'a> {
    pub(super) fn of(registry: &'a Registry, limits: &Limits) -> Self {
        Self { registry: &registry.name, quota: limits.quota(&registry.name) }
    }

    /// Refuses IP rules of which there would be `asked`, `coming` of them new, if that is over the quota.
    pub(super) fn ip_rules(&self, asked: usize, coming: usize) -> Result<(), PolicyError> {
        self.within("IP rule", self.quota.ip_rules, asked, coming)
    }

    /// The same for virtual-network rules.
    pub(super) fn subnet_rules(&self, asked: usize, coming: usize) -> Result<(), PolicyError> {
        self.within("virtual network rule", self.quota.subnet_rules, asked, coming)
    }

    fn within(
        &self,
        feature: &'static str,
        quota: Option<u32>,
        asked: usize,
        coming: usize,
    ) -> Result<(), PolicyError> {
        let over = |quota: &u32| coming > 0 && usize::try_from(*quota).is_ok_and(|quota| asked > quota);
        match quota.filter(over) {
            None => Ok(()),
            Some(quota) => {
                let registry = self.registry.to_owned();
                Err(PolicyError::RegistryQuotaExceeded { feature, registry, asked, quota })
            }
        }
    }
}
