use anyhow::Context as _;
use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};

/// Keeps the agent's memory, which holds private keys, out of core files. The limit alone would not do: the kernel does not apply
/// it where cores go to a pipe (core(5)).
pub(super) fn forbid_cores() -> anyhow::Result<()> {
    setrlimit(Resource::RLIMIT_CORE, 0, 0).context("cannot forbid core files")?;
    prctl::set_dumpable(false).context("cannot become undumpable")
}
