//! The closed sets of words that config.toml uses, written exactly so.

use serde::Serialize;

/// A closed set of words.
pub(super) trait Words: Copy + 'static {
    /// Every word with what it stands for.
    const WORDS: &'static [(&'static str, Self)];
}

/// How the XDP program attaches to an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum XdpMode {
    /// In the driver, or else in the kernel's generic hook with a warning.
    Auto,
    /// In the driver only.
    Native,
    /// In the kernel's generic hook only.
    Generic,
}

impl Words for XdpMode {
    const WORDS: &'static [(&'static str, Self)] =
        &[("auto", Self::Auto), ("native", Self::Native), ("generic", Self::Generic)];
}

/// How a refused client is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DenyResponse {
    /// With an HTTP 403 that says why.
    Forbidden,
    /// Not at all.
    Drop,
    /// With a TCP reset.
    Reset,
}

impl Words for DenyResponse {
    const WORDS: &'static [(&'static str, Self)] =
        &[("forbidden", Self::Forbidden), ("drop", Self::Drop), ("reset", Self::Reset)];
}

/// Where a refused client meets its 403.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ForbiddenAt {
    /// On every path.
    EveryPath,
    /// At the token endpoint, to which every other path sends the client with a 401.
    Token,
}

impl Words for ForbiddenAt {
    const WORDS: &'static [(&'static str, Self)] = &[("every-path", Self::EveryPath), ("token", Self::Token)];
}

/// What happens to UDP at the guarded ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum UdpPolicy {
    /// All of it is refused.
    Deny,
    /// The rules decide on each packet.
    Judge,
}

impl Words for UdpPolicy {
    const WORDS: &'static [(&'static str, Self)] = &[("deny", Self::Deny), ("judge", Self::Judge)];
}

/// Whether IP rules may name private addresses.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum PrivateIpRules {
    Refuse,
    Allow,
}

impl Words for PrivateIpRules {
    const WORDS: &'static [(&'static str, Self)] = &[("refuse", Self::Refuse), ("allow", Self::Allow)];
}
