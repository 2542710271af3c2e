//! Options for the BPF linker, which no other linker understands.

use std::env;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if env::var("CARGO_CFG_TARGET_ARCH").as_deref() != Ok("bpf") {
        return;
    }
    // An unaligned field of a packet is one wide load instead of one load per byte. The kernel allows it on every
    // architecture with efficient unaligned access, and its verifier refuses the program elsewhere.
    println!("cargo:rustc-link-arg-bins=--cpu-features=+allows-misaligned-mem-access");
    // With that LLVM joins two writes of four bytes wherever they meet, also on the stack, where the verifier wants each write to be
    // aligned (`check_stack_write_fixed_off`).
    println!("cargo:rustc-link-arg-bins=--llvm-args=-combiner-store-merging=false");
}
