use std::time::Duration;

use clap::Args;

use super::revision::Revision;
use crate::api::confirm_within;

/// What every command that changes the policy can ask for.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(crate) struct ChangeTerms {
    /// Change nothing unless the policy is at this revision: a number as printed by the other commands, or * for any (the default)
    #[arg(long, value_name = "REVISION")]
    pub(crate) if_match: Option<Revision>,
    /// Take the change back by itself unless `registry-guard confirm` comes within this time, such as 60s or 5m
    #[arg(long, value_name = "TIME", value_parser = confirm_within)]
    pub(crate) confirm_within: Option<Duration>,
}
