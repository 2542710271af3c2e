//! The program on the named interfaces, whenever they are there.

use std::collections::BTreeMap;

use tracing::{error, info, warn};

use super::report::InterfaceStatus;
use crate::config::Config;
use crate::kernel::{Attachment, Kernel};
use crate::netlink::{Link, RunningMode};

/// What became of the last attempt on each interface.
#[derive(Debug, Default)]
pub(super) struct Interfaces {
    notes: BTreeMap<u32, String>,
}

/// The names in config.toml, and whether each may be absent.
fn named(config: &Config) -> impl Iterator<Item = (&str, bool)> {
    let fixed = config.interfaces.iter().map(|name| (name.as_str(), false));
    fixed.chain(config.hotplug_interfaces.iter().map(|name| (name.as_str(), true)))
}

/// Refuses to start where an interface belongs to another program, before anything has changed. `ours` are the interfaces that
/// have a pinned link. One that is missing is told of: it is guarded as soon as it comes.
pub(super) fn preflight(config: &Config, links: &[Link], ours: &[u32]) -> anyhow::Result<()> {
    for (name, hotplug) in named(config) {
        let Some(link) = find(links, name) else {
            if !hotplug {
                warn!(
                    "interfaces: {name:?} does not exist yet, and is guarded as soon as it does; there are {}. One whose absence is \
                     no problem belongs into hotplug-interfaces",
                    names(links)
                );
            }
            continue;
        };
        let Some(xdp) = link.xdp.filter(|_| !ours.contains(&link.index)) else { continue };
        let in_use = format!(
            "{name:?} is in use by another XDP program (id {}); `bpftool net` and `bpftool link` show whose it is. If it is \
             registry-guard's with other pins, `registry-guard detach --pins` with those takes it away",
            xdp.program
        );
        if hotplug {
            warn!("hotplug-interfaces: {in_use}");
        } else {
            anyhow::bail!("interfaces: {in_use}");
        }
    }
    Ok(())
}

impl Interfaces {
    /// Puts the program on every named interface that lacks it, and reports what it could not do.
    pub(super) fn follow(&mut self, config: &Config, kernel: &mut Kernel, program: u32, links: &[Link]) {
        let present: Vec<u32> = links.iter().map(|link| link.index).collect();
        self.notes.retain(|index, _| present.contains(index));
        match kernel.forget_interfaces(&present) {
            Ok(gone) if gone.is_empty() => {}
            Ok(gone) => {
                warn!(ifindexes = ?gone, "guarded interfaces are gone; they are guarded again when they come back");
            }
            Err(problem) => error!(%problem, "cannot tidy up links of interfaces that are gone"),
        }
        for (name, _) in named(config) {
            let Some(link) = find(links, name) else { continue };
            if link.xdp.is_some_and(|xdp| xdp.program == program) {
                continue;
            }
            match kernel.attach(link.index, config.xdp_mode) {
                Ok(attachment) => self.attached(link, &attachment),
                Err(problem) => {
                    error!(interface = name, %problem, "NOT ENFORCING on this interface");
                    self.notes.insert(link.index, problem.to_string());
                }
            }
        }
        renew_others(config, kernel, program, links);
    }

    fn attached(&mut self, link: &Link, attachment: &Attachment) {
        self.notes.remove(&link.index);
        let interface = &link.name;
        match attachment {
            Attachment::Replaced => info!(interface, "program replaced, without a gap"),
            Attachment::Native => info!(interface, mode = "native", "program attached"),
            Attachment::Generic { refusal: None } => info!(interface, mode = "generic", "program attached"),
            Attachment::Generic { refusal: Some(refusal) } => {
                warn!(
                    interface,
                    mode = "generic",
                    refusal,
                    "program attached in the SLOW generic mode, since the driver refused native mode"
                );
                self.notes.insert(link.index, format!("native mode was refused: {refusal}"));
            }
        }
    }

    /// How each named interface stands, and each other one that is guarded all the same: one that was renamed, or named
    /// in an earlier configuration. `linked` are the interfaces that have a pinned link.
    pub(super) fn status(&self, config: &Config, program: u32, links: &[Link], linked: &[u32]) -> Vec<InterfaceStatus> {
        let is_named = |link: &&Link| named(config).any(|(name, _)| name == link.name);
        let others = links.iter().filter(|link| linked.contains(&link.index) && !is_named(link)).map(|link| {
            let ours = link.xdp.filter(|xdp| xdp.program == program);
            InterfaceStatus {
                name: link.name.clone(),
                ifindex: Some(link.index),
                hotplug: true,
                mode: link.xdp.map(|xdp| xdp.mode),
                enforcing: ours.is_some(),
                note: Some("guarded, but not named in config.toml".to_owned()),
            }
        });
        let named = named(config).map(|(name, hotplug)| {
            let link = find(links, name);
            let ours = link.and_then(|link| link.xdp).filter(|xdp| xdp.program == program);
            let note = match link {
                None => Some("the interface does not exist".to_owned()),
                Some(link) => self.notes.get(&link.index).cloned(),
            };
            InterfaceStatus {
                name: name.to_owned(),
                ifindex: link.map(|link| link.index),
                hotplug,
                mode: ours.map(|xdp| xdp.mode),
                enforcing: ours.is_some(),
                note: note.or_else(|| match ours {
                    Some(xdp) if xdp.mode == RunningMode::Generic => Some("generic mode is slower".to_owned()),
                    Some(_) => None,
                    None => Some("the program is not attached".to_owned()),
                }),
            }
        });
        named.chain(others).collect()
    }
}

/// Has `program` decide wherever an earlier agent's does, also where config.toml names the interface no longer: what decided there
/// would go on with the tables of its own time if those of this agent have another layout.
fn renew_others(config: &Config, kernel: &mut Kernel, program: u32, links: &[Link]) {
    let is_named = |link: &Link| named(config).any(|(name, _)| name == link.name);
    let linked = match kernel.linked() {
        Ok(linked) => linked,
        Err(problem) => return error!(%problem, "cannot see which interfaces are guarded"),
    };
    let is_old = |link: &&Link| {
        linked.contains(&link.index) && !is_named(link) && link.xdp.is_none_or(|xdp| xdp.program != program)
    };
    for link in links.iter().filter(is_old) {
        if let Err(problem) = kernel.renew(link.index) {
            error!(interface = link.name, %problem, "an earlier version of the program goes on deciding here");
        }
    }
}

/// The interfaces on which `program` stands.
pub(super) fn enforced_on(program: u32, links: &[Link]) -> Vec<String> {
    let stands = |link: &&Link| link.xdp.is_some_and(|xdp| xdp.program == program);
    links.iter().filter(stands).map(|link| link.name.clone()).collect()
}

fn find<'a>(links: &'a [Link], name: &str) -> Option<&'a Link> {
    links.iter().find(|link| link.name == name)
}

fn names(links: &[Link]) -> String {
    links.iter().map(|link| link.name.as_str()).collect::<Vec<_>>().join(", ")
}
