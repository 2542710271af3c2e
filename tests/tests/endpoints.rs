//! The tables in front of the endpoint map: whatever they hold, the loaded program finds the endpoints that are in the map.

use std::collections::HashMap;
use std::net::Ipv4Addr;

use anyhow::Result;
use registry_guard::kernel::{HostTables, Kernel, LoadedTable, Pins, Row};
use registry_guard_common::{Address, Datagrams, Endpoint, EndpointKey, Family, HOST, LocalTraffic, Reason, Response};
use tempfile::TempDir;
use tests::net::Bpffs;
use tests::packet::{Ethernet, Ipv4, Tcp};

const SOURCE: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 66);
const HERE: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 10);
const THERE: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 11);
const CAPACITY: u32 = 16;

/// A folder for pins.
struct Place {
    bpffs: Bpffs,
    _folder: TempDir,
}

impl Place {
    fn new() -> Result<Self> {
        let folder = TempDir::with_prefix("rg-endpoints-")?;
        Ok(Self { bpffs: Bpffs::mount(folder.path())?, _folder: folder })
    }

    fn load(&self) -> Result<Kernel> {
        Ok(Kernel::load(Pins::take(&self.bpffs.path().join("pins"))?, CAPACITY)?)
    }

    /// A kernel in which the first registries deny everyone.
    fn load_denying(&self, registries: u32) -> Result<Kernel> {
        let mut kernel = self.load()?;
        for slot in 0..registries {
            kernel.swap(slot, LoadedTable::build(&[Row::family(Family::V4, Reason::NoRule)], CAPACITY)?)?;
        }
        Ok(kernel)
    }
}

fn at(address: Ipv4Addr, port: u16) -> EndpointKey {
    EndpointKey::exact(HOST, &Address::v4(address.octets()), port)
}

fn host(endpoints: impl IntoIterator<Item = (EndpointKey, u16)>) -> HostTables {
    let endpoint = |registry| Endpoint::new(registry, Response::Drop, Datagrams::Deny, LocalTraffic::Judge);
    let endpoints: HashMap<_, _> = endpoints.into_iter().map(|(key, registry)| (key, endpoint(registry))).collect();
    HostTables { vxlan_port: 4789, endpoints, ..HostTables::default() }
}

/// The registry that a SYN is judged for.
fn asked(kernel: &mut Kernel, destination: Ipv4Addr, port: u16) -> Result<Option<u32>> {
    let syn = Ethernet::default() / Ipv4::from(SOURCE).to(destination) / Tcp::syn(port);
    let answer = kernel.ask(&syn.bytes())?;
    let reason = if answer.registry.is_some() { Reason::NoRule } else { Reason::NotGuarded };
    assert_eq!(answer.reason, reason, "{destination}:{port}");
    Ok(answer.registry)
}

#[test]
fn an_endpoint_is_guarded_from_its_first_moment_to_its_last_over_a_restart_too() -> Result<()> {
    let place = Place::new()?;
    let mut kernel = place.load_denying(1)?;
    assert_eq!(asked(&mut kernel, HERE, 443)?, None);
    kernel.set_host(&host([(at(HERE, 443), 0)]))?;
    drop(kernel);
    let mut kernel = place.load()?;
    assert_eq!(asked(&mut kernel, HERE, 443)?, Some(0), "before the new agent has said anything");
    assert_eq!(asked(&mut kernel, THERE, 443)?, None);
    kernel.set_host(&host([(EndpointKey::wildcard(HOST, Family::V4, 5000), 0)]))?;
    assert_eq!([asked(&mut kernel, HERE, 443)?, asked(&mut kernel, THERE, 5000)?], [None, Some(0)]);
    kernel.set_host(&host([]))?;
    assert_eq!(asked(&mut kernel, THERE, 5000)?, None);
    Ok(())
}

#[test]
fn several_registries_at_one_port_and_more_ports_than_the_table_has_rows_are_found() -> Result<()> {
    const REGISTRIES: u16 = 7;
    let place = Place::new()?;
    let mut kernel = place.load_denying(REGISTRIES.into())?;
    let many = (1000..1600).map(|port| (at(HERE, port), port % REGISTRIES));
    let shared = [(at(HERE, 443), 1), (at(THERE, 443), 2), (EndpointKey::wildcard(HOST, Family::V4, 443), 3)];
    kernel.set_host(&host(many.chain(shared)))?;
    for port in 1000..1600 {
        assert_eq!(asked(&mut kernel, HERE, port)?, Some(u32::from(port % REGISTRIES)));
        assert_eq!(asked(&mut kernel, THERE, port)?, None);
    }
    let shared = [HERE, THERE, SOURCE].map(|address| asked(&mut kernel, address, 443));
    assert_eq!(shared.into_iter().collect::<Result<Vec<_>>>()?, [Some(1), Some(2), Some(3)]);
    Ok(())
}
