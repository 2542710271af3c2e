//! `completions`.

use clap::Args;
use clap_complete::Shell;

/// `completions`
#[derive(Debug, Args)]
#[command(after_help = "\
Prints to standard output and writes no file: put the script where the shell looks for it.

Examples:
  registry-guard completions bash > /usr/share/bash-completion/completions/registry-guard
  registry-guard completions zsh > /usr/local/share/zsh/site-functions/_registry-guard
  registry-guard completions fish > /etc/fish/completions/registry-guard.fish")]
pub(crate) struct CompletionsArguments {
    /// The shell that will read the script
    #[arg(value_name = "SHELL")]
    pub(crate) shell: Shell,
}
