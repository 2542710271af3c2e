use anyhow::{Context, Result};
use aya::Ebpf;
use aya::programs::Xdp;
use aya::programs::links::FdLink;
use aya::programs::xdp::XdpMode;

use super::bpf_object::object;
use super::namespace::Namespace;

/// `r0 = XDP_PASS; exit`
const PASS: [u8; 16] = [0xb7, 0, 0, 0, 2, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0];
const NAME: &str = "pass";

/// An XDP program that lets everything pass, on one end of a veth pair for as long as this value lives.
///
/// A frame that a driver-mode program sends back over a veth pair waits in the other end's queue until that end looks at it;
/// without a program of its own it only does so when some other packet comes (`veth_xdp_flush`).
#[derive(Debug)]
pub struct PassProgram {
    _link: FdLink,
}

impl PassProgram {
    /// Puts it on an interface of `namespace`, in the driver.
    pub fn attach(namespace: &Namespace, interface: &str) -> Result<Self> {
        let mut ebpf =
            Ebpf::load(&object("xdp", NAME, &PASS)?).context("loading a program that lets everything pass")?;
        let program: &mut Xdp = ebpf.program_mut(NAME).context("the program")?.try_into()?;
        program.load()?;
        let link = namespace.within(|| -> Result<FdLink> {
            let id = program.attach(interface, XdpMode::Driver)?;
            Ok(program.take_link(id)?.try_into()?)
        })?;
        Ok(Self { _link: link.with_context(|| format!("attaching it to {interface} in {}", namespace.name()))? })
    }
}
