use toml::{Spanned, Value};

use super::source::Source;
use super::{ConfigError, MOST_RULES};
use crate::policy::Quota;

const FIELD: &str = "registry.quota";
const ACCEPTED: &str = "\"none\", \"acr\", or a table of ip-rules and virtual-network-rules";

/// How many rules a registry may have: a word, or a number for each kind.
pub(super) fn quota(source: &Source<'_>, raw: Option<Spanned<Value>>) -> Result<Quota, ConfigError> {
    let Some(raw) = raw else { return Ok(Quota::default()) };
    let refuse = |field: &str, value: &Value, problem: &str, accepted: String| {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        Err(source.invalid(&raw.span(), field, &value, problem, accepted))
    };
    let table = match raw.get_ref() {
        Value::String(word) if word == "none" => return Ok(Quota::default()),
        Value::String(word) if word == "acr" => return Ok(Quota::ACR),
        Value::Table(table) => table,
        other => return refuse(FIELD, other, "is not known", ACCEPTED.to_owned()),
    };
    let mut quota = Quota::default();
    for (key, value) in table {
        let place = match key.as_str() {
            "ip-rules" => &mut quota.ip_rules,
            "virtual-network-rules" => &mut quota.subnet_rules,
            _ => return refuse(&format!("{FIELD}.{key}"), value, "is of no known kind", ACCEPTED.to_owned()),
        };
        let number = value.as_integer().and_then(|number| u32::try_from(number).ok());
        *place = match number.filter(|number| *number <= MOST_RULES) {
            None => {
                let accepted = format!("0 to {MOST_RULES}");
                return refuse(&format!("{FIELD}.{key}"), value, "is out of range", accepted);
            }
            within => within,
        };
    }
    Ok(quota)
}
