//! The layout of the file.

/// Marks the file as a policy store: the letters `RGps`.
pub(super) const APPLICATION_ID: u32 = u32::from_be_bytes(*b"RGps");

/// What leads from each layout to the next; an empty file has layout 0. What was released is never changed here.
pub(super) const STEPS: [&str; 5] = [FIRST_TABLES, PRIVATE_ENDPOINTS, SERVICE_TAGS, RULES_BY_PREFIX, HISTORY];

/// The layout of this version.
#[expect(clippy::cast_possible_wrap, reason = "there are a few steps")]
pub(super) const VERSION: i64 = STEPS.len() as i64;

/// The statements that lead from the layout `found` to [`VERSION`], in one transaction.
pub(super) fn steps_from(found: usize) -> String {
    format!(
        "BEGIN IMMEDIATE; {} PRAGMA user_version = {VERSION}; COMMIT;",
        STEPS.get(found..).unwrap_or_default().concat()
    )
}

/// The order of `subnet_rules` is that of their ids, and that of `ip_rules` was. A prefix is stored as `prefix_blob` makes it; lists of
/// prefixes and of services are texts with a space between. A registry without a slot is one that config.toml does not name.
const FIRST_TABLES: &str = "
CREATE TABLE state (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    revision INTEGER NOT NULL
) STRICT;
INSERT INTO state VALUES (1, 0);

CREATE TABLE registries (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    slot INTEGER UNIQUE,
    default_action TEXT NOT NULL,
    public_network_access TEXT NOT NULL,
    bypass TEXT NOT NULL,
    data_endpoint_enabled INTEGER NOT NULL CHECK (data_endpoint_enabled IN (0, 1)),
    created TEXT NOT NULL
) STRICT;

CREATE TABLE ip_rules (
    id INTEGER PRIMARY KEY,
    registry INTEGER NOT NULL REFERENCES registries (id),
    prefix BLOB NOT NULL,
    value TEXT NOT NULL,
    action TEXT NOT NULL,
    counter INTEGER NOT NULL,
    UNIQUE (registry, prefix)
) STRICT;

CREATE TABLE subnet_rules (
    id INTEGER PRIMARY KEY,
    registry INTEGER NOT NULL REFERENCES registries (id),
    network TEXT NOT NULL COLLATE NOCASE,
    subnet TEXT NOT NULL COLLATE NOCASE,
    action TEXT NOT NULL,
    counter INTEGER NOT NULL,
    UNIQUE (registry, network, subnet)
) STRICT;

CREATE TABLE networks (
    key TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    vni INTEGER NOT NULL UNIQUE,
    prefixes TEXT NOT NULL
) STRICT;

CREATE TABLE subnets (
    id INTEGER PRIMARY KEY,
    network TEXT NOT NULL REFERENCES networks (key),
    name TEXT NOT NULL COLLATE NOCASE,
    prefixes TEXT NOT NULL,
    service_endpoints TEXT NOT NULL,
    UNIQUE (network, name)
) STRICT;
";

/// The order is that of the ids. The network may be gone, while config.toml does not name the registry.
const PRIVATE_ENDPOINTS: &str = "
CREATE TABLE private_endpoints (
    id INTEGER PRIMARY KEY,
    registry INTEGER NOT NULL REFERENCES registries (id),
    name TEXT NOT NULL COLLATE NOCASE,
    network TEXT NOT NULL COLLATE NOCASE,
    address TEXT NOT NULL,
    status TEXT NOT NULL,
    description TEXT NOT NULL,
    counter INTEGER NOT NULL,
    UNIQUE (registry, name)
) STRICT;
";

/// There is one file of service tags or none. `key` is the lower-case name; `prefixes` is what `prefix_blob` makes of a list.
/// The order of `service_tag_rules` is that of their ids; the tag of one may be gone.
const SERVICE_TAGS: &str = "
CREATE TABLE service_tag_file (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    cloud TEXT NOT NULL,
    change_number INTEGER NOT NULL,
    imported TEXT NOT NULL
) STRICT;

CREATE TABLE service_tags (
    key TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    change_number INTEGER,
    region TEXT NOT NULL,
    platform TEXT NOT NULL,
    system_service TEXT NOT NULL,
    prefixes BLOB NOT NULL
) STRICT;

CREATE TABLE service_tag_rules (
    id INTEGER PRIMARY KEY,
    registry INTEGER NOT NULL REFERENCES registries (id),
    tag TEXT NOT NULL COLLATE NOCASE,
    action TEXT NOT NULL,
    counter INTEGER NOT NULL,
    UNIQUE (registry, tag)
) STRICT;
";

/// One tree where there were a table and its index, which a long list filled in another order than its own. The order of `ip_rules`
/// is that of `place`, which a rule has from the revision that it came with (`write::place`). An id was below all places of the next
/// revision, since no revision adds more rows than there are places in it.
const RULES_BY_PREFIX: &str = "
CREATE TABLE ip_rules_by_prefix (
    registry INTEGER NOT NULL REFERENCES registries (id),
    prefix BLOB NOT NULL,
    place INTEGER NOT NULL,
    value TEXT NOT NULL,
    action TEXT NOT NULL,
    counter INTEGER NOT NULL,
    PRIMARY KEY (registry, prefix)
) STRICT, WITHOUT ROWID;
INSERT INTO ip_rules_by_prefix
    SELECT registry, prefix, id, value, action, counter FROM ip_rules ORDER BY registry, prefix;
DROP TABLE ip_rules;
ALTER TABLE ip_rules_by_prefix RENAME TO ip_rules;
";

/// `undo` is what `policy::Undo` makes of what leads from a revision back to the one before it; a revision that is not there is
/// beyond the bounds, and one without bytes has nothing known before it. `registries` are lower-case names with a space between. `unconfirmed` has a row while the last revision is to be
/// confirmed; times in it are milliseconds.
const HISTORY: &str = "
CREATE TABLE revisions (
    revision INTEGER PRIMARY KEY,
    made TEXT NOT NULL,
    who TEXT NOT NULL,
    origin TEXT NOT NULL,
    what TEXT NOT NULL,
    registries TEXT NOT NULL,
    undo BLOB NOT NULL
) STRICT;

CREATE TABLE unconfirmed (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    revision INTEGER NOT NULL,
    within INTEGER NOT NULL,
    boot TEXT NOT NULL,
    boot_deadline INTEGER NOT NULL,
    wall_deadline INTEGER NOT NULL
) STRICT;
";
