use std::path::PathBuf;

use super::raw;
use super::source::Source;
use super::{ConfigError, ServiceTags};

pub(super) fn service_tags(source: &Source<'_>, raw: raw::ServiceTags) -> Result<ServiceTags, ConfigError> {
    let refuse = |text: &raw::Text, field: &str, problem: &str, accepted: &str| {
        Err(source.invalid(&text.span(), field, text.get_ref(), problem, accepted))
    };
    if let Some(watch) = &raw.watch
        && !watch.get_ref().starts_with('/')
    {
        let accepted = "an absolute path: of the published file, or of a folder in which ServiceTags_*.json appear";
        return refuse(watch, "service-tags.watch", "is not an absolute path", accepted);
    }
    if let Some(cloud) = &raw.cloud
        && (cloud.get_ref().is_empty() || !cloud.get_ref().bytes().all(|byte| byte.is_ascii_graphic()))
    {
        return refuse(
            cloud,
            "service-tags.cloud",
            "is not the name of a cloud",
            "a name such as Public or AzureGovernment",
        );
    }
    Ok(ServiceTags {
        watch: raw.watch.map(|watch| PathBuf::from(watch.into_inner())),
        cloud: raw.cloud.map(raw::Text::into_inner),
    })
}
