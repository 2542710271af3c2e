use anyhow::{Context as _, Result};
use aya::Ebpf;
use aya::programs::links::FdLink;
use aya::programs::xdp::XdpMode;
use tests::net::{Client, Network};

use crate::object;
use crate::shape::Shape;

/// One of the programs of `bench-ebpf`, at the receiving end of a link for as long as this lives.
pub(crate) struct Program {
    id: u32,
    _link: FdLink,
    _ebpf: Ebpf,
}

impl Program {
    /// The program that parses no more than this.
    pub(crate) const fn floor(shape: Shape) -> &'static str {
        match shape {
            Shape::V4 => "floor_v4",
            Shape::V6 => "floor_v6",
            Shape::Vxlan => "floor_vxlan",
        }
    }

    pub(super) fn attach(network: &Network, client: &Client, name: &str) -> Result<Self> {
        let mut ebpf = object::load(&[name])?;
        let program = object::program(&mut ebpf, name)?;
        let id = program.info()?.id();
        let link = network.host().within(|| -> Result<FdLink> {
            let link = program.attach(client.host_interface(), XdpMode::Driver)?;
            Ok(program.take_link(link)?.try_into()?)
        })?;
        Ok(Self { id, _link: link.with_context(|| format!("attaching {name}"))?, _ebpf: ebpf })
    }

    pub(super) const fn id(&self) -> u32 {
        self.id
    }
}
