//! `status -o table`: the state and what is wrong first, then what it rests on, then the counters. A title is where in the JSON
//! its table comes from.

use serde::Serialize;
use serde_json::Value;

use super::resource::{Column, text};
use crate::cli::output::{Table, View};

const INTERFACES: &[Column] =
    &[("NAME", "/name"), ("ENFORCING", "/enforcing"), ("MODE", "/mode"), ("IFINDEX", "/ifindex"), ("NOTE", "/note")];
const OPERATIONS: &[Column] = &[
    ("NAME", "/name"),
    ("PERCENT", "/percentComplete"),
    ("WAITING", "/properties/waiting"),
    ("STARTED", "/startTime"),
    ("REQUEST", "/properties/request"),
];
const REGISTRIES: &[Column] = &[
    ("NAME", "/name"),
    ("DEFAULT ACTION", "/defaultAction"),
    ("PUBLIC ACCESS", "/publicNetworkAccess"),
    ("BYPASS", "/networkRuleBypassOptions"),
    ("IP RULES", "/ipRules"),
    ("VNET RULES", "/virtualNetworkRules"),
    ("SERVICE TAGS", "/serviceTagRules"),
    ("UNRESOLVED", "/unresolvedServiceTags"),
    ("PRIVATE ENDPOINTS", "/privateEndpointConnections"),
    ("DENY RESPONSE", "/denyResponse"),
    ("ENDPOINTS", "/endpoints"),
];
const SERVICE_TAGS: &[Column] = &[
    ("CLOUD", "/cloud"),
    ("CHANGE NUMBER", "/changeNumber"),
    ("IMPORTED", "/imported"),
    ("TAGS", "/tags"),
    ("PREFIXES", "/prefixes"),
    ("WATCH", "/watch"),
    ("PROBLEM", "/problem"),
];
const PROGRAM: &[Column] = &[
    ("NAME", "/name"),
    ("ID", "/id"),
    ("LAYOUT", "/layout"),
    ("VXLAN PORT", "/vxlanPort"),
    ("TRUSTED VTEPS", "/trustedVteps"),
];

/// The agent's status.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct StatusView(pub(crate) Value);

impl View for StatusView {
    fn tables(&self) -> Vec<Table> {
        let status = &self.0;
        let registries = elements(status, "/registries");
        let mut tables = vec![
            summary(status),
            titled("problems", ["PROBLEM"], elements(status, "/problems").iter().map(|it| vec![text(Some(it))])),
            of_columns("operations", OPERATIONS, elements(status, "/operations")),
            of_columns("interfaces", INTERFACES, elements(status, "/interfaces")),
            namespaces(elements(status, "/secondLayer/namespaces")),
            of_columns("registries", REGISTRIES, registries),
            service_tags(status.get("serviceTags")),
        ];
        tables.extend(registries.iter().flat_map(|registry| {
            ["counters", "outcomes"].map(|kind| {
                let name = text(registry.get("name"));
                numbers(&format!("registries.{name}.{kind}"), registry.get(kind))
            })
        }));
        tables.push(numbers("counters", status.get("counters")));
        tables.push(of_columns("program", PROGRAM, status.get("program").map_or(&[], std::slice::from_ref)));
        tables.retain(|table| !table.rows.is_empty());
        tables
    }
}

/// What to read first, one fact a line.
fn summary(status: &Value) -> Table {
    let word = |path: &str, yes: &str, no: &str| match status.pointer(path).and_then(Value::as_bool) {
        Some(true) => yes.to_owned(),
        Some(false) => no.to_owned(),
        None => String::new(),
    };
    let tells = |registry: &Value| registry.get("denyResponse").is_some_and(|response| response == "forbidden");
    let responder = if elements(status, "/registries").iter().any(tells) {
        word("/secondLayer/responder", "present", "ABSENT")
    } else {
        "not needed".to_owned()
    };
    let mut layer = word("/secondLayer/stands", "stands", "DOES NOT STAND");
    if let Some(note) = status.pointer("/secondLayer/note").and_then(Value::as_str) {
        layer.push_str(": ");
        layer.push_str(note);
    }
    let facts = [
        ("state", text(status.get("state"))),
        ("second layer", layer),
        ("responder", responder),
        ("revision", text(status.get("revision"))),
        ("to be confirmed", text(status.pointer("/unconfirmed/confirmBy"))),
        ("destroyed connections", text(status.get("destroyedConnections"))),
        ("trusted services", text(status.get("trustedServices"))),
        ("version", text(status.get("version"))),
    ];
    let mut table = Table::new(["NAME", "VALUE"]);
    let told = |(name, value): &(&str, String)| *name != "to be confirmed" || !value.is_empty();
    table.rows = facts.into_iter().filter(told).map(|(name, value)| vec![name.to_owned(), value]).collect();
    table
}

/// Nothing where no file is held and no path is watched.
fn service_tags(tags: Option<&Value>) -> Table {
    let used = tags.filter(|tags| ["cloud", "watch"].iter().any(|key| tags.get(key).is_some_and(Value::is_string)));
    of_columns("serviceTags", SERVICE_TAGS, used.map_or(&[], std::slice::from_ref))
}

/// Where the second layer has to stand. Its problems are among all problems already.
fn namespaces(namespaces: &[Value]) -> Table {
    let row = |namespace: &Value| {
        let path = text(namespace.get("path"));
        vec![
            if path.is_empty() { "(the agent's own)".to_owned() } else { path },
            text(namespace.get("enforcing")),
            text(namespace.get("inode")),
            text(namespace.get("registries")),
        ]
    };
    titled("secondLayer.namespaces", ["NAMESPACE", "ENFORCING", "INODE", "REGISTRIES"], namespaces.iter().map(row))
}

fn elements<'a>(status: &'a Value, path: &str) -> &'a [Value] {
    status.pointer(path).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn titled<const N: usize>(title: &str, header: [&str; N], rows: impl Iterator<Item = Vec<String>>) -> Table {
    Table { title: Some(title.to_owned()), rows: rows.collect(), ..Table::new(header) }
}

fn of_columns(title: &str, columns: &[Column], elements: &[Value]) -> Table {
    let row = |element: &Value| columns.iter().map(|(_, path)| text(element.pointer(path))).collect();
    Table {
        title: Some(title.to_owned()),
        rows: elements.iter().map(row).collect(),
        ..Table::new(columns.iter().map(|(heading, _)| *heading))
    }
}

fn numbers(title: &str, numbers: Option<&Value>) -> Table {
    let rows = numbers.and_then(Value::as_object).into_iter().flatten();
    titled(title, ["NAME", "COUNT"], rows.map(|(name, count)| vec![name.clone(), text(Some(count))]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn printed(status: Value) -> String {
        let mut out = Vec::new();
        for table in StatusView(status).tables() {
            table.write(&mut out).unwrap();
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_state_and_what_is_wrong_come_first() {
        let status = json!({"state": "DEGRADED", "problems": ["no responder", "eth1: gone"], "revision": 7,
            "destroyedConnections": 2, "trustedServices": ["ci", "scan"], "version": "1",
            "secondLayer": {"stands": false, "responder": false, "note": "mixed", "namespaces": [
                {"path": null, "inode": 9, "registries": ["contoso"], "enforcing": true, "problems": []},
                {"path": "/run/netns/fabrikam", "inode": null, "registries": ["fabrikam"], "enforcing": false,
                    "problems": ["gone"]}]},
            "registries": [{"name": "contoso", "denyResponse": "forbidden"}]});
        let out = printed(status);
        assert!(
            out.starts_with(
                "NAME                   VALUE\n---------------------- ---------------------\nstate                  DEGRADED\n\
                 second layer           DOES NOT STAND: mixed\nresponder              ABSENT\nrevision               7\n\
                 destroyed connections  2\ntrusted services       ci, scan\nversion                1\n\
                 problems\nPROBLEM\n------------\nno responder\neth1: gone\n\
                 secondLayer.namespaces\nNAMESPACE            ENFORCING  INODE  REGISTRIES\n\
                 -------------------- ---------- ------ ----------\n(the agent's own)    true       9      contoso\n\
                 /run/netns/fabrikam  false             fabrikam\n"
            ),
            "{out}"
        );
    }

    #[test]
    fn a_responder_that_nobody_wants_is_not_missed() {
        let layer = json!({"stands": true, "responder": false});
        let out = printed(json!({"secondLayer": layer, "registries": [{"name": "contoso", "denyResponse": "drop"}]}));
        assert!(out.contains("second layer           stands\nresponder              not needed\n"), "{out}");
    }

    #[test]
    fn each_registry_has_its_counters_and_what_there_is_nothing_of_has_no_table() {
        let out = printed(json!({"state": "ENFORCING", "problems": [], "registries": [
            {"name": "contoso", "ipRules": 2, "endpoints": ["a", "b"], "counters": {"NoRule": 3},
                "outcomes": {"admitted": 1, "overSourceBudget": 2}},
            {"name": "fabrikam", "counters": {}, "outcomes": {}}]}));
        for part in [
            "registries.contoso.counters\nNAME    COUNT\n------- -----\nNoRule  3\n",
            "registries.contoso.outcomes\nNAME              COUNT\n----------------- -----\nadmitted          1\noverSourceBudget  2\n",
            "a, b\n",
        ] {
            assert!(out.contains(part), "{out}");
        }
        for absent in ["problems", "fabrikam.", "interfaces", "\ncounters"] {
            assert!(!out.contains(absent), "{out}");
        }
    }
}
