//! The binary of agent and command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    registry_guard::cli::main()
}
