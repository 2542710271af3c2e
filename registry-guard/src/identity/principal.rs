use uuid::Uuid;

use super::SecretHash;

/// The name that stands for every registry.
pub const EVERY_REGISTRY: &str = "*";

/// What one may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// See.
    Reader,
    /// See and change.
    Contributor,
}

/// A role on one registry, or on all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The role.
    pub role: Role,
    /// The registry's name, or [`EVERY_REGISTRY`].
    pub registry: String,
}

/// A program or person that may call over TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// What it is called by in requests.
    pub id: Uuid,
    /// What it is called by in the log.
    pub name: String,
    /// What its secret is checked against.
    pub secret_hash: SecretHash,
    /// What it may do.
    pub grants: Vec<Grant>,
}

impl Principal {
    /// Whether it has at least this role on the registry `name`.
    pub fn may(&self, role: Role, name: &str) -> bool {
        self.grants.iter().any(|grant| {
            grant.role >= role && (grant.registry == EVERY_REGISTRY || grant.registry.eq_ignore_ascii_case(name))
        })
    }

    /// Whether it has at least this role on every registry, and so on what they share.
    pub fn may_everywhere(&self, role: Role) -> bool {
        self.grants.iter().any(|grant| grant.role >= role && grant.registry == EVERY_REGISTRY)
    }

    /// Whether it has at least this role on any registry.
    pub fn may_anywhere(&self, role: Role) -> bool {
        self.grants.iter().any(|grant| grant.role >= role)
    }
}
