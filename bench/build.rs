//! Builds the programs that measure, whose object the bench embeds.

use std::process::ExitCode;

fn main() -> ExitCode {
    ebpf_build::build("bench-ebpf", &[])
}
