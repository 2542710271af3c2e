use std::collections::HashSet;

use super::ConfigError;
use super::raw::Text;
use super::source::Source;

const ACCEPTED: &str = "the name of a network interface, 1 to 15 bytes without white space, `/` or `:`";

/// The interfaces that must exist, and those that may come.
pub(super) fn interfaces(
    source: &Source<'_>,
    required: Vec<Text>,
    hotplug: Vec<Text>,
    may_be_none: bool,
) -> Result<(Vec<String>, Vec<String>), ConfigError> {
    if required.is_empty() && hotplug.is_empty() && !may_be_none {
        return Err(source.missing(0, "interfaces", "one or more network interfaces, such as [\"eth0\"]"));
    }
    let mut seen = HashSet::new();
    let mut names = |field: &str, list: Vec<Text>| -> Result<Vec<String>, ConfigError> {
        list.into_iter()
            .map(|text| {
                let name = checked(source, field, &text)?;
                if seen.insert(name.clone()) {
                    return Ok(name);
                }
                let problem = "is named twice in `interfaces` and `hotplug-interfaces`";
                Err(source.invalid(&text.span(), field, &name, problem, "each interface once"))
            })
            .collect()
    };
    Ok((names("interfaces", required)?, names("hotplug-interfaces", hotplug)?))
}

/// Tunnel devices whose inner traffic is judged.
pub(super) fn tunnels(source: &Source<'_>, list: &[Text]) -> Result<Vec<String>, ConfigError> {
    list.iter().map(|text| checked(source, "tunnels", text)).collect()
}

fn checked(source: &Source<'_>, field: &str, text: &Text) -> Result<String, ConfigError> {
    let name = text.get_ref();
    let shaped = (1..=15).contains(&name.len())
        && !matches!(name.as_str(), "." | "..")
        && !name.contains(|letter: char| letter.is_whitespace() || letter.is_control() || "/:".contains(letter));
    let refuse = |problem, accepted| Err(source.invalid(&text.span(), field, name, problem, accepted));
    if !shaped {
        refuse("is not the name of an interface", ACCEPTED)
    } else if name == "lo" {
        refuse("carries only local traffic", "an interface that clients arrive at")
    } else {
        Ok(name.clone())
    }
}
