//! The programs that measure.

use anyhow::{Context as _, Result};
use aya::Ebpf;
use aya::programs::Xdp;

/// The ELF object with the programs of `bench-ebpf`, aligned as its parser wants it.
static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/bench-ebpf"));

/// The object with maps of its own, and these of its programs loaded.
pub(crate) fn load(programs: &[&str]) -> Result<Ebpf> {
    let mut ebpf = Ebpf::load(OBJECT).context("loading the programs that measure")?;
    for name in programs {
        let program: &mut Xdp = ebpf.program_mut(name).context("no such program")?.try_into()?;
        program.load().with_context(|| format!("loading {name}"))?;
    }
    Ok(ebpf)
}

/// A program of the object that is loaded.
pub(crate) fn program<'a>(ebpf: &'a mut Ebpf, name: &str) -> Result<&'a mut Xdp> {
    Ok(ebpf.program_mut(name).with_context(|| format!("no program `{name}`"))?.try_into()?)
}
