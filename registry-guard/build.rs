//! Builds the kernel programs, whose object the binary embeds.

use std::process::ExitCode;

fn main() -> ExitCode {
    ebpf_build::build(ebpf_build::PACKAGE, &["another-layout", "another-program"])
}
