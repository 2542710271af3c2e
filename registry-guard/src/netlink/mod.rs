//! The only module that talks to rtnetlink: which interfaces there are, what each carries, which XDP program stands on it, and
//! which addresses a namespace has.

mod link;

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures::channel::mpsc::UnboundedReceiver;
use futures::{StreamExt as _, TryStreamExt as _};
use nix::errno::Errno;
use rtnetlink::Handle;
use rtnetlink::packet_core::{ErrorMessage, NetlinkMessage};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::address::{AddressAttribute, AddressMessage};
use rtnetlink::packet_route::link::LinkMessage;
use rtnetlink::sys::{AsyncSocket as _, SocketAddr};
use thiserror::Error;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Mutex;
use tokio_util::task::AbortOnDropHandle;

pub use self::link::{Beneath, Link, LinkKind, RunningMode, Vxlan, XdpOnLink};

use crate::netns::Namespace;

/// `RTMGRP_LINK`, `RTMGRP_IPV4_IFADDR`, `RTMGRP_IPV6_IFADDR`: links and addresses that come, go, or change.
const GROUPS: u32 = 0x1 | 0x10 | 0x100;
/// How often, and after which pause, a list is asked for again while the kernel is busy with another.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(10);

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

/// A subscription to changes of links and addresses in the network namespace it was made in.
pub struct Links {
    lister: Lister,
    changes: UnboundedReceiver<(NetlinkMessage<RouteNetlinkMessage>, SocketAddr)>,
}

impl Links {
    /// Subscribes.
    pub fn subscribe() -> Result<Self, NetlinkError> {
        let runtime = runtime()?;
        let _entered = runtime.enter();
        let (mut connection, handle, changes) = rtnetlink::new_connection()?;
        connection.socket_mut().socket_mut().bind(&SocketAddr::new(0, GROUPS))?;
        let connection = AbortOnDropHandle::new(runtime.spawn(connection));
        Ok(Self { lister: Lister { handle: Arc::new(Mutex::new(handle)), _connection: Arc::new(connection) }, changes })
    }

    /// Subscribes to those of another namespace. Blocks.
    pub fn subscribe_in(namespace: &Namespace) -> Result<Self, NetlinkError> {
        namespace.run(Self::subscribe)?
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

/// Lists links and addresses, one list at a time: the kernel answers a second dump on the same socket with EBUSY
/// (`__netlink_dump_start`).
#[derive(Clone)]
pub struct Lister {
    handle: Arc<Mutex<Handle>>,
    /// Ends with the last lister: by itself it would wait for one more message, and its socket keeps the namespace alive.
    _connection: Arc<AbortOnDropHandle<()>>,
}

impl Lister {
    /// Every interface, and every address, there is now. Blocks.
    pub fn look(&self) -> Result<(Vec<Link>, BTreeSet<IpAddr>), NetlinkError> {
        runtime()?.block_on(async { Ok((self.list().await?, self.addresses().await?)) })
    }

    /// As [`Lister::list`]. Blocks.
    pub fn list_blocking(&self) -> Result<Vec<Link>, NetlinkError> {
        runtime()?.block_on(self.list())
    }

    /// Every interface there is now.
    pub async fn list(&self) -> Result<Vec<Link>, NetlinkError> {
        let messages: Vec<LinkMessage> =
            self.dump(async |handle| handle.link().get().execute().try_collect().await).await?;
        Ok(messages.into_iter().map(Link::from).collect())
    }

    async fn addresses(&self) -> Result<BTreeSet<IpAddr>, NetlinkError> {
        let messages: Vec<AddressMessage> =
            self.dump(async |handle| handle.address().get().execute().try_collect().await).await?;
        Ok(messages.iter().filter_map(address_of).collect())
    }

    async fn dump<T>(
        &self,
        ask: impl AsyncFn(&Handle) -> Result<Vec<T>, rtnetlink::Error>,
    ) -> Result<Vec<T>, NetlinkError> {
        let handle = self.handle.lock().await;
        let mut tries = 0;
        loop {
            match ask(&handle).await {
                // A list that somebody stopped waiting for is still being written.
                Err(rtnetlink::Error::NetlinkError(error)) if tries < TRIES && is_busy(&error) => {
                    tries += 1;
                    tokio::time::sleep(PAUSE).await;
                }
                messages => return Ok(messages?),
            }
        }
    }
}

/// `IFA_LOCAL` is the interface's own address; `IFA_ADDRESS` is that too, but for the peer's on a point-to-point link.
fn address_of(message: &AddressMessage) -> Option<IpAddr> {
    let local = message.attributes.iter().find_map(|attribute| match attribute {
        AddressAttribute::Local(address) => Some(*address),
        _ => None,
    });
    local.or_else(|| {
        message.attributes.iter().find_map(|attribute| match attribute {
            AddressAttribute::Address(address) => Some(*address),
            _ => None,
        })
    })
}

/// Netlink has a thread of its own, so that an answer comes to whoever waits for it with a lock that every other thread waits
/// for.
fn runtime() -> io::Result<&'static Runtime> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    let made = Builder::new_multi_thread().worker_threads(1).thread_name("netlink").enable_all().build()?;
    Ok(RUNTIME.get_or_init(|| made))
}

fn is_busy(error: &ErrorMessage) -> bool {
    error.raw_code().unsigned_abs() == Errno::EBUSY as u32
}
