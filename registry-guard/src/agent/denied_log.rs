//! The log of denied packets: within a budget per second, with the number of those left out.

use std::net::IpAddr;
use std::time::Duration;

use registry_guard_common::{Class, Event, Response};
use tokio::time::{MissedTickBehavior, interval};
use tracing::{info, warn};

use super::Agent;
use crate::kernel::{EventBudget, Events, KernelError, ReasonCounts, interface_name};

/// Writes one line for each event until the runtime ends.
pub(super) async fn follow(agent: Agent, events: Events, mut budget: EventBudget) -> anyhow::Result<()> {
    let mut events = events.stream()?;
    let mut second = interval(Duration::from_secs(1));
    second.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut written = 0;
    let mut denied = total(&agent)?;
    loop {
        tokio::select! {
            _ = second.tick() => {
                budget.refill(agent.config().events.per_second)?;
                let now = total(&agent)?;
                let left_out = now.saturating_sub(denied).saturating_sub(written);
                if left_out > 0 {
                    warn!(left_out, "more packets were denied in this second than are logged");
                }
                (denied, written) = (now, 0);
            }
            arrived = events.next() => {
                for event in arrived? {
                    log(&agent, &event);
                    written += 1;
                }
            }
        }
    }
}

fn log(agent: &Agent, event: &Event) {
    let registry = agent.registry_in_slot(event.registry()).unwrap_or_else(|| format!("#{}", event.registry()));
    let source = IpAddr::from(event.source());
    let endpoint = std::net::SocketAddr::new(event.destination().into(), event.port());
    let reason = event.reason().map_or("Unknown", |reason| reason.name());
    let interface = interface_name(event.ifindex());
    let response = match event.response() {
        Response::Drop => "drop",
        Response::Reset => "reset",
    };
    match event.encapsulation() {
        None => info!(registry, %source, %endpoint, reason, response, interface, "denied"),
        Some(outer) => {
            let vtep = IpAddr::from(outer.vtep);
            info!(registry, %source, vni = outer.vni, %vtep, %endpoint, reason, response, interface, "denied");
        }
    }
}

/// Packets denied so far, of all registries.
fn total(agent: &Agent) -> Result<u64, KernelError> {
    Ok(denied(&agent.reasons()?))
}

fn denied(counts: &ReasonCounts) -> u64 {
    let of_registries = counts.iter().filter(|(registry, _)| registry.is_some()).flat_map(|(_, reasons)| reasons);
    of_registries.filter(|(reason, _)| reason.class() == Class::Deny).map(|(_, packets)| packets).sum()
}
