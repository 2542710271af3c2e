//! `responder`

use std::path::PathBuf;

use clap::Args;

use super::paths;
use crate::config::Responder;

/// `responder`
#[derive(Debug, Args)]
#[command(after_help = "\
Gets listening sockets, certificates and texts from the agent, keeps answering when the agent is gone, and looks for it for \
ever. Started as root it becomes the user of --user, which must not be root and must be the one that the agent expects; \
started as anyone else it stays who it is. Stops on SIGTERM or SIGINT, with 0; exits with 1 if a privilege cannot be given up.

Environment:
  REGISTRY_GUARD_LOG  how much is logged to standard error: error, warn, info (the default), debug or trace

Example:
  registry-guard responder --user registry-guard-responder")]
pub(crate) struct ResponderArguments {
    /// Who to become if started as root
    #[arg(long, value_name = "NAME-OR-UID", env = "REGISTRY_GUARD_RESPONDER_USER", default_value = Responder::DEFAULT_USER)]
    pub(crate) user: String,
    /// The agent's Unix socket for the responder
    #[arg(
        long,
        value_name = "PATH",
        env = "REGISTRY_GUARD_RESPONDER_SOCKET",
        default_value = paths::RESPONDER_SOCKET
    )]
    pub(crate) responder_socket: PathBuf,
}
