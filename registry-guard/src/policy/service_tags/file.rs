use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

use ipnet::IpNet;
use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

use super::{ServiceTag, ServiceTags};
use crate::policy::public_space::{refused_source, unmapped};
use crate::policy::{PolicyError, PrefixError, parse_prefix, prefix};

/// A published file as it was read: JSON of the right shape of which nothing has been checked. Keys that are not named here
/// may be there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceTagFile {
    #[serde(default, deserialize_with = "number")]
    change_number: Option<u64>,
    cloud: Option<String>,
    values: Option<Vec<PublishedTag>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct PublishedTag {
    name: Option<String>,
    properties: Option<Properties>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Properties {
    #[serde(default, deserialize_with = "number")]
    change_number: Option<u64>,
    region: Option<String>,
    platform: Option<String>,
    system_service: Option<String>,
    address_prefixes: Option<Vec<String>>,
}

/// The shortest prefixes that a tag may have, IPv4 and IPv6. Published ones are not nearly as wide.
const WIDEST: (u8, u8) = (8, 16);

impl ServiceTagFile {
    /// The most bytes of a file. A published one has a few million.
    pub const MOST_BYTES: usize = 64 << 20;

    /// The cloud that the file says it is about.
    pub fn cloud(&self) -> Option<&str> {
        self.cloud.as_deref()
    }

    /// The number that the file says it has.
    pub fn change_number(&self) -> Option<u64> {
        self.change_number
    }

    /// The file as the policy holds it, once it was imported at `imported`.
    pub(in crate::policy) fn checked(&self, imported: &str) -> Result<ServiceTags, PolicyError> {
        let missing = |field: &str, accepted: &str| PolicyError::missing(field, accepted);
        let change_number = self.change_number.ok_or_else(|| missing("changeNumber", "the number of the file"))?;
        let cloud = self.cloud.as_deref().filter(|cloud| is_word(cloud));
        let cloud = cloud.ok_or_else(|| missing("cloud", "the name of the cloud, such as Public"))?;
        let values = self.values.as_deref().filter(|values| !values.is_empty());
        let values = values.ok_or_else(|| missing("values", "a list of one service tag or more"))?;
        let mut tags = BTreeMap::new();
        for (place, published) in values.iter().enumerate() {
            let tag = published.checked(place)?;
            match tags.entry(tag.name.to_ascii_lowercase()) {
                Entry::Vacant(free) => free.insert(tag),
                Entry::Occupied(_) => {
                    let problem = "is the name of an earlier tag of this file; names are compared in any case";
                    let accepted = "each tag once";
                    return Err(PolicyError::invalid(format!("values[{place}].name"), tag.name, problem, accepted));
                }
            };
        }
        Ok(ServiceTags { cloud: cloud.to_owned(), change_number, imported: imported.to_owned(), tags })
    }
}

impl PublishedTag {
    fn checked(&self, place: usize) -> Result<ServiceTag, PolicyError> {
        const NAME: &str = "1 to 200 visible ASCII characters, such as AzureContainerRegistry.AustraliaEast";
        let field = format!("values[{place}].name");
        let name = self.name.as_deref().ok_or_else(|| PolicyError::missing(&field, NAME))?;
        if !is_word(name) {
            return Err(PolicyError::invalid(field, name, "is no name of a service tag", NAME));
        }
        let properties = self.properties.as_ref();
        let list = properties.and_then(|properties| properties.address_prefixes.as_deref());
        let field = format!("values[{place}].properties.addressPrefixes (service tag {name})");
        let list = list.ok_or_else(|| PolicyError::missing(&field, "a list of prefixes, which may be empty"))?;
        let field = |at: usize| format!("values[{place}].properties.addressPrefixes[{at}] (service tag {name})");
        let prefixes = list.iter().enumerate().map(|(at, text)| public_prefix(|| field(at), text));
        let mut prefixes = prefixes.collect::<Result<Vec<IpNet>, _>>()?;
        prefixes.sort_unstable();
        prefixes.dedup();
        let text =
            |of: fn(&Properties) -> &Option<String>| properties.and_then(|it| of(it).clone()).unwrap_or_default();
        Ok(ServiceTag {
            name: name.to_owned(),
            change_number: properties.and_then(|properties| properties.change_number),
            region: text(|properties| &properties.region),
            platform: text(|properties| &properties.platform),
            system_service: text(|properties| &properties.system_service),
            prefixes,
        })
    }
}

fn is_word(text: &str) -> bool {
    (1..=200).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A prefix that public traffic can come from, and not nearly everything. Private ones are known as such, so that a rule can
/// refuse them.
fn public_prefix(field: impl FnOnce() -> String, text: &str) -> Result<IpNet, PolicyError> {
    let parsed = match parse_prefix(text) {
        Ok(parsed) => parsed,
        Err(error) => {
            let accepted = match &error {
                PrefixError::HostBits(network) => network.to_string(),
                _ => prefix::ACCEPTED.to_owned(),
            };
            return Err(PolicyError::invalid(field(), text, error.to_string(), accepted));
        }
    };
    let widest = if parsed.addr().is_ipv4() { WIDEST.0 } else { WIDEST.1 };
    if parsed.prefix_len() < widest {
        let accepted = format!("prefixes of {} bits or more for IPv4, {} or more for IPv6", WIDEST.0, WIDEST.1);
        return Err(PolicyError::invalid(field(), text, "is too wide to be a service", accepted));
    }
    match refused_source(&parsed).filter(|refused| !refused.private) {
        None => Ok(parsed),
        Some(refused) => {
            let problem = format!("is {}, inside {}", refused.kind, refused.range);
            let accepted = unmapped(&parsed)
                .map_or_else(|| "public addresses".to_owned(), |plain| format!("{plain}, written as IPv4"));
            Err(PolicyError::invalid(field(), text, problem, accepted))
        }
    }
}

/// A number as published files have it, or in quotes, as Azure's API answers. It fits the store's integers.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    struct Number;

    impl Visitor<'_> for Number {
        type Value = Option<u64>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a whole number from 0 to 9223372036854775807")
        }

        fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
            i64::try_from(number)
                .map(|_| Some(number))
                .map_err(|_| E::invalid_value(serde::de::Unexpected::Unsigned(number), &self))
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
            let digits = text.bytes().all(|byte| byte.is_ascii_digit()).then_some(text);
            match digits.and_then(|digits| digits.parse().ok()) {
                Some(number) => self.visit_u64(number),
                None => Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)),
            }
        }

        fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }
    }

    deserializer.deserialize_any(Number)
}
