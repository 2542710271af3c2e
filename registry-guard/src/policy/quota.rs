/// The most rules of each kind that one registry may have; `None` is no limit of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quota {
    /// Of IP rules.
    pub ip_rules: Option<u32>,
    /// Of virtual-network rules.
    pub subnet_rules: Option<u32>,
}

impl Quota {
    /// Azure's, as its articles give it.
    pub const ACR: Self = Self { ip_rules: Some(100), subnet_rules: Some(100) };
}
