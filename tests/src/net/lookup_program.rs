use std::fs::File;

use anyhow::{Context, Result};
use aya::Ebpf;
use aya::programs::SkLookup;
use aya::programs::links::FdLink;

use super::bpf_object::object;
use super::namespace::Namespace;

/// `r0 = SK_PASS; exit`
const PASS: [u8; 16] = [0xb7, 0, 0, 0, 1, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0];
const NAME: &str = "foreign";

/// An `sk_lookup` program of somebody else in a namespace, for as long as this value lives. It selects no socket, but nobody who
/// sees it there can know that.
#[derive(Debug)]
pub struct LookupProgram {
    _link: FdLink,
}

impl LookupProgram {
    /// Puts it into `namespace`.
    pub fn attach(namespace: &Namespace) -> Result<Self> {
        let mut ebpf = Ebpf::load(&object("sk_lookup", NAME, &PASS)?).context("loading an sk_lookup program")?;
        let program: &mut SkLookup = ebpf.program_mut(NAME).context("the program")?.try_into()?;
        program.load()?;
        let id = program.attach(File::open(namespace.path())?)?;
        Ok(Self { _link: program.take_link(id)?.into() })
    }
}
