//! Where things are when neither a flag nor an environment variable says otherwise.

/// The API's Unix socket.
pub(super) const SOCKET: &str = "/run/registry-guard/control.sock";
/// The Unix socket between agent and responder.
pub(super) const RESPONDER_SOCKET: &str = "/run/registry-guard/responder.sock";
/// Host facts.
pub(super) const CONFIG: &str = "/etc/registry-guard/config.toml";
/// The folder of the policy store.
pub(super) const STATE: &str = "/var/lib/registry-guard";
/// The bpffs that keeps programs, maps and links alive without the agent.
pub(super) const PINS: &str = "/run/registry-guard/bpf";
