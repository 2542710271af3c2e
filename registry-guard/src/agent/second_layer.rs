//! The second layer: `guard_sk_lookup` in every namespace in which a registry listens, and whether it stands there.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use registry_guard_common::{HOST, Tag};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::task::AbortOnDropHandle;
use tracing::{error, info, warn};

use super::deserted::deserted;
use super::report::NamespaceStatus;
use super::zones::{Surroundings, Zones, zones};
use super::{Agent, AgentError};
use crate::config::{Config, DenyResponse};
use crate::kernel::{Kernel, Standing, number_namespaces, path_number};
use crate::netlink::{Link, Links, Lister};
use crate::netns::Namespace;

/// How long the responder may take to come to an agent that was started again.
const RECONNECTED: Duration = Duration::from_secs(10);

/// How often namespaces are looked at, and for how long the kernel takes it that they are as they were.
const LOOK: Duration = Duration::from_secs(1);
const VOUCHED: Duration = Duration::from_secs(5);

/// Every namespace in which a registry listens, the agent's own first.
pub(super) struct SecondLayer {
    places: Vec<Place>,
    stands: bool,
    /// Until when the responder of an earlier agent is taken to be there.
    inherited_until: Option<Instant>,
    /// The problems that the log has told of.
    told: Vec<String>,
}

/// One namespace.
struct Place {
    number: u8,
    /// The file that stands for it; none for the agent's own.
    path: Option<PathBuf>,
    registries: Vec<String>,
    open: Option<Open>,
    /// Whether the program stands there, alone.
    guards: bool,
    /// Those of its registries that do not listen there.
    deserted: Vec<String>,
    problems: Vec<String>,
    /// The inode of the namespace that was here last.
    last: Option<u64>,
    /// Whether traffic of virtual networks arrives here.
    has_virtual_networks: bool,
}

impl Place {
    /// Whether its path stands for another namespace now, or for none.
    fn is_replaced(&self) -> bool {
        let (Some(path), Some(open)) = (&self.path, &self.open) else { return false };
        Namespace::open(path).map_or(true, |namespace| namespace.inode() != open.namespace.inode())
    }

    /// Whether there is a namespace where there was none.
    fn has_appeared(&self) -> bool {
        self.open.is_none() && self.path.as_ref().is_some_and(|path| path.exists())
    }
}

/// A namespace that is there.
#[derive(Clone)]
struct Open {
    namespace: Arc<Namespace>,
    lister: Lister,
    _following: Option<Arc<AbortOnDropHandle<()>>>,
}

impl SecondLayer {
    /// Names the places; nothing is attached yet.
    pub(super) fn new(config: &Config, kernel: &Kernel, lister: Lister) -> anyhow::Result<Self> {
        let paths = config.namespaces();
        let there: Vec<_> = paths.iter().map(|path| Namespace::open(path).ok()).collect();
        let inodes = there.iter().map(|namespace| namespace.as_ref().map(Namespace::inode));
        let wanted: Vec<_> = paths.iter().map(|path| path_number(path)).zip(inodes).collect();
        let numbers = number_namespaces(&kernel.socket_layer_pins()?, &wanted);
        let listens_in = |path: Option<&Path>| {
            let inside =
                config.registries.iter().filter(|registry| registry.netns.as_ref().map(|n| n.path.as_path()) == path);
            inside.map(|registry| registry.name.clone()).collect::<Vec<_>>()
        };
        let place = |number, path: Option<&Path>, open, namespace: Option<&Namespace>| -> anyhow::Result<Place> {
            // What an earlier agent left goes on without a gap until it is looked at closely.
            let inherits = namespace.map(|namespace| kernel.inherits_socket_layer(number, namespace)).transpose()?;
            Ok(Place {
                number,
                path: path.map(Path::to_path_buf),
                registries: listens_in(path),
                open,
                guards: inherits.unwrap_or(false),
                deserted: Vec::new(),
                problems: Vec::new(),
                last: None,
                has_virtual_networks: false,
            })
        };
        let own = Arc::new(Namespace::current()?);
        let open = Open { namespace: Arc::clone(&own), lister, _following: None };
        let mut places = vec![place(HOST, None, Some(open), Some(&own))?];
        for ((path, number), namespace) in paths.iter().zip(numbers).zip(&there) {
            places.push(place(number, Some(path), None, namespace.as_ref())?);
        }
        let stands = kernel.second_layer_stands() && places.iter().all(|place| place.guards);
        let inherited_until = stands.then(|| Instant::now() + RECONNECTED);
        Ok(Self { places, stands, inherited_until, told: Vec::new() })
    }

    /// The number of the namespace that `registry` listens in.
    pub(super) fn number_of(&self, registry: &str) -> u8 {
        let place = self.places.iter().find(|place| place.registries.iter().any(|name| name == registry));
        place.map_or(HOST, |place| place.number)
    }

    /// Whether denied connections to `registry` that pass the NIC are denied again at its socket.
    pub(super) fn guards(&self, registry: &str) -> bool {
        let is_here = |names: &[String]| names.iter().any(|name| name == registry);
        self.places.iter().any(|place| place.guards && is_here(&place.registries) && !is_here(&place.deserted))
    }

    /// The namespaces that are there, by number.
    pub(super) fn namespaces(&self) -> Vec<(u8, Arc<Namespace>)> {
        let open = |place: &Place| place.open.as_ref().map(|open| (place.number, Arc::clone(&open.namespace)));
        self.places.iter().filter_map(open).collect()
    }

    /// Whether it was left to decide what the NIC cannot.
    pub(super) const fn stands(&self) -> bool {
        self.stands
    }

    /// Whether the program stands anywhere.
    pub(super) fn guards_somewhere(&self) -> bool {
        self.places.iter().any(|place| place.guards)
    }

    /// Logs what has changed since it last did.
    fn tell(&mut self, stands: bool) {
        let problems: Vec<String> = self.places.iter().flat_map(|place| &place.problems).cloned().collect();
        for problem in problems.iter().filter(|problem| !self.told.contains(problem)) {
            warn!(problem, "the second layer is incomplete");
        }
        self.told = problems;
        match (self.stands, stands) {
            (false, true) => info!("the second layer stands"),
            (true, false) => warn!("the second layer does not stand; what the NIC cannot decide is dropped"),
            _ => {}
        }
    }

    /// Whether what comes out of a VXLAN interface of one namespace may end in another, where it is taken for public traffic.
    pub(super) fn is_mixed(&self) -> bool {
        self.places.len() > 1 && self.places.iter().any(|place| place.has_virtual_networks)
    }

    /// How each namespace stands.
    pub(super) fn status(&self) -> Vec<NamespaceStatus> {
        let status = |place: &Place| NamespaceStatus {
            path: place.path.clone(),
            inode: place.open.as_ref().map(|open| open.namespace.inode()),
            registries: place.registries.clone(),
            enforcing: place.guards,
            problems: place.problems.clone(),
        };
        self.places.iter().map(status).collect()
    }
}

impl Agent {
    /// Brings the second layer into every namespace, tells it what is known about their interfaces and addresses, and sees
    /// whether it stands. Blocks.
    ///
    /// # Errors
    ///
    /// If the kernel does not take what it is told.
    pub(super) fn follow_second_layer(&self) -> Result<(), AgentError> {
        let mut layer = self.second_layer();
        if self.is_detached() {
            layer.stands = false;
            layer.places.iter_mut().for_each(|place| place.guards = false);
            return Ok(());
        }
        self.close_what_is_replaced(&mut layer)?;
        for place in &mut layer.places {
            place.problems.clear();
            place.guards = match self.follow_place(place) {
                Ok(guards) => guards,
                Err(problem) => {
                    let place_name = place.path.as_ref().map(|path| format!("netns `{}`: ", path.display()));
                    place.problems.push(format!("{}{problem}", place_name.unwrap_or_default()));
                    false
                }
            };
        }
        let numbers: Vec<_> = layer.places.iter().map(|place| place.number).collect();
        let mut kernel = self.kernel();
        let gone = kernel.forget_socket_layers(&numbers)?;
        if gone > 0 {
            warn!(gone, "network namespaces of registries are gone, or are not in config.toml any more");
        }
        let replaced = kernel.forget_other_layouts()?;
        if !replaced.is_empty() {
            info!(
                ?replaced,
                "maps of another layout are replaced: counters, hits and what is known of open connections begin anew"
            );
        }
        let is_inherited = layer.inherited_until.is_some_and(|until| Instant::now() < until);
        let is_told = self.responder_is_present() || !self.wants_responder() || is_inherited;
        let is_blind = self.config().registries.iter().any(|registry| self.0.blind_spots.hide(&registry.name));
        let is_mixed = layer.is_mixed();
        let all_guard = layer.places.iter().all(|place| place.guards && place.problems.is_empty());
        let stands = is_told && !is_blind && !is_mixed && all_guard;
        layer.tell(stands);
        layer.stands = stands;
        kernel.set_second_layer(stands)?;
        kernel.vouch((layer.places.len() > 1).then_some(VOUCHED))?;
        let tables = self.read(|policy| super::host::host_tables(self.config(), policy, &layer, &self.0.blind_spots));
        kernel.set_host(&tables)?;
        Ok(())
    }

    fn look_at_namespaces(&self) -> Result<(), AgentError> {
        let layer = self.second_layer();
        if self.is_detached() {
            return Ok(());
        }
        if layer.places.iter().any(|place| place.is_replaced() || place.has_appeared()) {
            drop(layer);
            return self.follow_second_layer();
        }
        Ok(self.kernel().vouch(Some(VOUCHED))?)
    }

    /// Nothing denied may pass towards a namespace in which the program does not stand yet.
    fn close_what_is_replaced(&self, layer: &mut SecondLayer) -> Result<(), AgentError> {
        let mut closed = false;
        for place in layer.places.iter_mut().filter(|place| place.guards && place.is_replaced()) {
            place.guards = false;
            closed = true;
        }
        if closed {
            layer.stands = false;
            let tables =
                self.read(|policy| super::host::host_tables(self.config(), policy, layer, &self.0.blind_spots));
            let mut kernel = self.kernel();
            kernel.set_second_layer(false)?;
            kernel.set_host(&tables)?;
        }
        Ok(())
    }

    /// Whether some registry answers denied clients with a 403.
    pub(super) fn wants_responder(&self) -> bool {
        self.config().registries.iter().any(|registry| registry.deny_response == DenyResponse::Forbidden)
    }

    /// Whether the program stands in this place, alone.
    fn follow_place(&self, place: &mut Place) -> Result<bool, AgentError> {
        let Some(open) = self.open(place)? else { return Ok(false) };
        let (links, addresses) = open.lister.look()?;
        let guarded = self.kernel().linked()?;
        // Of many interfaces this takes a while, in which changes are not held up.
        let Zones { interfaces, problems } = self.zones(place, &links, &guarded);
        place.problems.extend(problems);
        place.has_virtual_networks = interfaces.values().any(|interface| interface.tag() != Tag::PUBLIC);
        let mut kernel = self.kernel();
        kernel.set_interfaces(place.number, &interfaces)?;
        kernel.set_local_addresses(place.number, &addresses)?;
        if kernel.socket_layer(place.number, &open.namespace)? == Standing::Absent {
            let path = place.path.as_deref().map_or(0, path_number);
            kernel.attach_socket_layer(place.number, path, &open.namespace)?;
            info!(namespace = open.namespace.inode(), registries = ?place.registries, "guarding sockets");
        }
        let standing = kernel.socket_layer(place.number, &open.namespace)?;
        drop(kernel);
        self.follow_registries(place, &open.namespace);
        Ok(match standing {
            Standing::Stands => true,
            Standing::Absent => {
                place.problems.push("guard_sk_lookup is not attached".to_owned());
                false
            }
            Standing::Foreign(programs) => {
                place.problems.push(format!(
                    "other sk_lookup programs decide there too and can hand a denied connection to any socket: {}; `bpftool \
                     prog show id` names them",
                    programs.iter().map(|id| format!("id {id}")).collect::<Vec<_>>().join(", ")
                ));
                false
            }
        })
    }

    /// Sees whether the registries of this place listen there. In the agent's own namespace nobody else can in their stead.
    fn follow_registries(&self, place: &mut Place, namespace: &Namespace) {
        let Some(path) = &place.path else { return };
        let registries = self.config().registries.iter();
        let here = registries.filter_map(|host| Some((host, host.netns.as_ref().filter(|netns| netns.path == *path)?)));
        let deserted = deserted(here, namespace);
        place.problems.extend(deserted.iter().map(|it| it.problem.clone()));
        place.deserted = deserted.into_iter().map(|it| it.registry).collect();
    }

    fn zones(&self, place: &Place, links: &[Link], guarded: &[u32]) -> Zones {
        let is_host = place.path.is_none();
        zones(
            links,
            Surroundings {
                guarded: if is_host { guarded } else { &[] },
                vxlan_port: self.config().vxlan.port,
                tunnels: &self.config().tunnels,
                is_behind_the_host: !is_host,
            },
        )
    }

    /// Opens the namespace of a place again if another one has taken its path.
    fn open(&self, place: &mut Place) -> Result<Option<Open>, AgentError> {
        let Some(path) = &place.path else { return Ok(place.open.clone()) };
        let namespace = match Namespace::open(path) {
            Ok(namespace) => namespace,
            Err(problem) => {
                place.open = None;
                place.problems.push(format!(
                    "netns `{}`: {problem}; accepted: a file that stands for a network namespace, such as one made by `ip netns \
                     add`; {} cannot be guarded there until it is one",
                    path.display(),
                    place.registries.join(", ")
                ));
                return Ok(None);
            }
        };
        if let Some(open) = place.open.as_ref().filter(|open| open.namespace.inode() == namespace.inode()) {
            return Ok(Some(open.clone()));
        }
        if place.last.replace(namespace.inode()).is_some() {
            // The listening sockets of the one before answer nobody here.
            self.kernel().clear_listeners(place.number)?;
        }
        let links = Links::subscribe_in(&namespace)?;
        let lister = links.lister();
        let following = AbortOnDropHandle::new(self.0.runtime.spawn(follow_links(self.clone(), links)));
        let open = Open { namespace: Arc::new(namespace), lister, _following: Some(Arc::new(following)) };
        place.open = Some(open.clone());
        self.0.places_changed.notify_one();
        Ok(Some(open))
    }
}

/// Sees every second that namespaces are those that were guarded; without this nothing denied passes towards them.
pub(super) async fn vouch(agent: Agent) {
    if agent.config().namespaces().is_empty() {
        return;
    }
    let mut again = interval(LOOK);
    again.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        again.tick().await;
        let agent = agent.clone();
        match tokio::task::spawn_blocking(move || agent.look_at_namespaces()).await {
            Ok(Err(problem)) => error!(%problem, "cannot follow network namespaces"),
            Ok(Ok(())) => {}
            Err(problem) => return error!(%problem, "network namespaces are no longer looked at"),
        }
    }
}

/// Looks again whenever something changes in one namespace, until that is gone.
async fn follow_links(agent: Agent, mut links: Links) {
    while links.changed().await {
        let agent = agent.clone();
        let followed = tokio::task::spawn_blocking(move || agent.follow_second_layer()).await;
        if let Ok(Err(problem)) = followed {
            error!(%problem, "cannot follow a network namespace");
        }
    }
}
