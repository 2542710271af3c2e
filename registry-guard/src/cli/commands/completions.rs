//! `completions`.

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::cli::arguments::{Arguments, PROGRAM};
use crate::cli::failure::Failure;
use crate::cli::terminal::Terminal;

/// Prints the script by which a shell completes our commands.
pub(crate) fn completions(shell: Shell, terminal: &mut Terminal) -> Result<(), Failure> {
    // The generator panics when it cannot write, so it writes to memory.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), PROGRAM, &mut script);
    let script = String::from_utf8_lossy(&script);
    // For bash it spells a program's name with a hyphen in two ways and finds no subcommand (clap-rs/clap#6421).
    let script = script.replace(&PROGRAM.replace('-', "__subcmd__"), &PROGRAM.replace('-', "__"));
    Ok(terminal.out.write_all(script.as_bytes())?)
}
