//! The only module that talks to rtnetlink: which interfaces there are, and which XDP program stands on each.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures::channel::mpsc::UnboundedReceiver;
use futures::{StreamExt as _, TryStreamExt as _};
use nix::errno::Errno;
use rtnetlink::Handle;
use rtnetlink::packet_core::{ErrorMessage, NetlinkMessage};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::link::{LinkAttribute, LinkMessage, LinkXdp, XdpAttached};
use rtnetlink::sys::{AsyncSocket as _, SocketAddr};
use serde::Serialize;
use thiserror::Error;
use tokio::sync::Mutex;

/// `RTMGRP_LINK`: links that come, go, or change.
const LINK_GROUP: u32 = 1;
/// How often, and after which pause, a list is asked for again while the kernel is busy with another.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(10);

/// One interface of this network namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The kernel's index of it, new for each interface that is made.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// The XDP program on it.
    pub xdp: Option<XdpOnLink>,
}

/// The XDP program on an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct XdpOnLink {
    /// The kernel's identifier of the program.
    pub program: u32,
    /// Where it runs.
    pub mode: RunningMode,
}

/// Where an XDP program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum RunningMode {
    /// In the driver.
    Native,
    /// In the generic receive path.
    Generic,
    /// On the card.
    Offloaded,
    /// More than one program, in several of these.
    Several,
}

/// The kernel does not tell about links.
#[derive(Debug, Error)]
pub enum NetlinkError {
    /// No socket.
    #[error("opening a netlink socket: {0}")]
    Socket(#[from] io::Error),
    /// No answer.
    #[error("listing interfaces: {0}")]
    Request(#[from] rtnetlink::Error),
}

/// A subscription to changes of links in the network namespace it was made in.
pub struct Links {
    lister: Lister,
    changes: UnboundedReceiver<(NetlinkMessage<RouteNetlinkMessage>, SocketAddr)>,
}

impl Links {
    /// Subscribes. Must be called within a tokio runtime.
    pub fn subscribe() -> Result<Self, NetlinkError> {
        let (mut connection, handle, changes) = rtnetlink::new_connection()?;
        connection.socket_mut().socket_mut().bind(&SocketAddr::new(0, LINK_GROUP))?;
        tokio::spawn(connection);
        Ok(Self { lister: Lister(Arc::new(Mutex::new(handle))), changes })
    }

    /// A handle that lists links, whoever else does.
    pub fn lister(&self) -> Lister {
        self.lister.clone()
    }

    /// Waits until something changed since the last call; false when the kernel will tell no more.
    pub async fn changed(&mut self) -> bool {
        if self.changes.next().await.is_none() {
            return false;
        }
        while self.changes.try_recv().is_ok() {}
        true
    }
}

/// Lists links, one list at a time: the kernel answers a second dump on the same socket with EBUSY (`__netlink_dump_start`).
#[derive(Clone)]
pub struct Lister(Arc<Mutex<Handle>>);

impl Lister {
    /// Every interface there is now.
    pub async fn list(&self) -> Result<Vec<Link>, NetlinkError> {
        let handle = self.0.lock().await;
        let mut tries = 0;
        loop {
            let messages: Result<Vec<LinkMessage>, _> = handle.link().get().execute().try_collect().await;
            match messages {
                // A list that somebody stopped waiting for is still being written.
                Err(rtnetlink::Error::NetlinkError(error)) if tries < TRIES && is_busy(&error) => {
                    tries += 1;
                    tokio::time::sleep(PAUSE).await;
                }
                messages => return Ok(messages?.into_iter().map(Link::from).collect()),
            }
        }
    }
}

fn is_busy(error: &ErrorMessage) -> bool {
    error.raw_code().unsigned_abs() == Errno::EBUSY as u32
}

impl From<LinkMessage> for Link {
    fn from(message: LinkMessage) -> Self {
        let mut link = Self { index: message.header.index, name: String::new(), xdp: None };
        for attribute in message.attributes {
            match attribute {
                LinkAttribute::IfName(name) => link.name = name,
                LinkAttribute::Xdp(attributes) => link.xdp = program_in(&attributes),
                _ => {}
            }
        }
        link
    }
}

fn program_in(attributes: &[LinkXdp]) -> Option<XdpOnLink> {
    let mode = attributes.iter().find_map(|attribute| match attribute {
        LinkXdp::Attached(XdpAttached::Driver) => Some(RunningMode::Native),
        LinkXdp::Attached(XdpAttached::SocketBuffer) => Some(RunningMode::Generic),
        LinkXdp::Attached(XdpAttached::Hardware) => Some(RunningMode::Offloaded),
        LinkXdp::Attached(XdpAttached::Multiple) => Some(RunningMode::Several),
        _ => None,
    })?;
    let program = attributes.iter().find_map(|attribute| match *attribute {
        LinkXdp::ProgId(id) | LinkXdp::DrvProgId(id) | LinkXdp::SkbProgId(id) | LinkXdp::HwProgId(id) => Some(id),
        _ => None,
    })?;
    Some(XdpOnLink { program, mode })
}
