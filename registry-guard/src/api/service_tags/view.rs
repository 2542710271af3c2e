use ipnet::IpNet;
use serde::Serialize;
use serde::ser::Serializer;

use crate::api::answer::etag;
use crate::policy::{ServiceTag, ServiceTags, service_tag_id, service_tags_id};

/// All service tags, with the keys that the service's own list has, but for the prefixes.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListView<'a> {
    id: String,
    name: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    etag: String,
    revision: u64,
    cloud: Option<&'a str>,
    change_number: Option<u64>,
    imported: Option<&'a str>,
    values: Values<'a>,
}

/// Each of them, in the order of their names.
struct Values<'a>(Option<&'a ServiceTags>);

/// One service tag.
#[derive(Serialize)]
pub(super) struct TagView<'a> {
    id: String,
    name: &'a str,
    properties: Properties<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Properties<'a> {
    change_number: Option<u64>,
    region: &'a str,
    platform: &'a str,
    system_service: &'a str,
    address_prefix_count: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    address_prefixes: Option<&'a [IpNet]>,
}

impl<'a> ListView<'a> {
    pub(super) fn new(tags: Option<&'a ServiceTags>, revision: u64) -> Self {
        Self {
            id: service_tags_id(),
            name: "serviceTags",
            kind: "Microsoft.Network/serviceTags",
            etag: etag(revision),
            revision,
            cloud: tags.map(|tags| tags.cloud.as_str()),
            change_number: tags.map(|tags| tags.change_number),
            imported: tags.map(|tags| tags.imported.as_str()),
            values: Values(tags),
        }
    }
}

impl<'a> TagView<'a> {
    /// With its prefixes.
    pub(super) fn whole(tag: &'a ServiceTag) -> Self {
        Self::new(tag, Some(&tag.prefixes))
    }

    fn new(tag: &'a ServiceTag, address_prefixes: Option<&'a [IpNet]>) -> Self {
        Self {
            id: service_tag_id(&tag.name),
            name: &tag.name,
            properties: Properties {
                change_number: tag.change_number,
                region: &tag.region,
                platform: &tag.platform,
                system_service: &tag.system_service,
                address_prefix_count: tag.prefixes.len(),
                address_prefixes,
            },
        }
    }
}

impl Serialize for Values<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let tags = self.0.iter().flat_map(|tags| tags.tags.values());
        serializer.collect_seq(tags.map(|tag| TagView::new(tag, None)))
    }
}
