//! What the owner of a registry wants: who may reach it. The model, what may be asked of it, and what an accepted
//! request does to it. Nothing here reads a file, a socket or the kernel.

mod arm_id;
mod between;
mod change;
mod counters;
mod difference;
mod edit;
mod error;
mod ip_rules;
mod limits;
mod model;
mod network;
mod outline;
mod prefix;
mod private_endpoint;
mod public_space;
mod quota;
mod registry;
mod service_tags;
mod subnet_id;
mod undo;
mod validate;
mod words;

pub use arm_id::{
    RESOURCE_GROUP, SUBSCRIPTION, network_id, private_endpoint_connection_id, private_endpoint_id, registry_id,
    resource_group_id, service_tag_id, service_tags_id, subscription_id,
};
pub use change::{
    Change, NetworkRequest, PastPolicy, PolicyRequest, PrivateEndpointRequest, RegistryPatch, RegistryRequest,
    RuleRequest, SubnetRequest,
};
pub use counters::Counters;
pub use difference::{Step, StepKind, Tally, steps};
pub use edit::{Edit, Subject};
pub use error::PolicyError;
pub use ip_rules::{IpRule, IpRules};
pub use limits::Limits;
pub use model::Policy;
pub use network::{REGISTRY_SERVICE, Subnet, VirtualNetwork};
pub use outline::outline;
pub use prefix::{PrefixError, parse_prefix};
pub use private_endpoint::PrivateEndpoint;
pub use public_space::{Refused, refused_source};
pub use quota::Quota;
pub use registry::{Registry, ServiceTagRule, Settings, SubnetRule};
pub use service_tags::{ServiceTag, ServiceTagFile, ServiceTags, ServiceTagsChanges, TagChange};
pub use subnet_id::SubnetId;
pub use undo::{Undo, UndoError};
pub use validate::registry_name_is_valid;
pub use words::{Action, BypassOptions, ConnectionStatus, PublicNetworkAccess};
