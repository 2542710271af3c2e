//! Builds the object outside a build script: `cargo xtask build-ebpf` sets the variables that Cargo would set.

use std::process::ExitCode;

fn main() -> ExitCode {
    ebpf_build::build(ebpf_build::PACKAGE, &[])
}
