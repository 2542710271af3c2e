//! The API's answers in the shape that `az` prints.

mod flatten;
mod policy;
mod registry;
mod resource;
mod rules;
mod status;

pub(crate) use flatten::flatten;
pub(crate) use policy::{AppliedView, DifferenceView, DocumentView, RolledBackView};
pub(crate) use registry::{RegistryListView, RegistryView};
pub(crate) use resource::{Column, ResourceView};
pub(crate) use rules::{IpRule, RuleListView, ServiceTagRule, SubnetRule, rule_answer};
pub(crate) use status::StatusView;
