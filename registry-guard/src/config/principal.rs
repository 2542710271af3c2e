use toml::Spanned;

use super::forbidden::path;
use super::management::{ACCEPTED_UUID, uuid};
use super::raw::{self, Text};
use super::source::Source;
use super::words::Words;
use super::{ConfigError, RegistryHost};
use crate::identity::{EVERY_REGISTRY, Grant, Principal, Role, SecretHash};

const ACCEPTED_NAME: &str = "1 to 64 characters on one line";
const ACCEPTED_HASH: &str = "what `registry-guard management hash-secret` prints";
const ACCEPTED_ROLES: &str = "one or more such as { role = \"reader\", registry = \"contoso\" }";

impl Words for Role {
    const WORDS: &'static [(&'static str, Self)] = &[("reader", Self::Reader), ("contributor", Self::Contributor)];
}

/// Those that config.toml itself names, and those of the file that it names.
pub(super) fn principals(
    source: &Source<'_>,
    at: usize,
    tables: Vec<Spanned<raw::Principal>>,
    file: Option<&Text>,
    registries: &[RegistryHost],
) -> Result<Vec<Principal>, ConfigError> {
    let mut principals = Vec::with_capacity(tables.len());
    Reader { source, prefix: "management.principal", registries }.read(tables, &mut principals)?;
    if let Some(file) = file {
        let path = path(source, "management.principals", file)?;
        let unreadable = |source| ConfigError::Unreadable { path: path.as_path().into(), source };
        let text = std::fs::read_to_string(&path).map_err(unreadable)?;
        let source = Source { path: &path, text: &text };
        let raw: raw::PrincipalsFile = toml::from_str(&text).map_err(|error| source.syntax(&error))?;
        Reader { source: &source, prefix: "principal", registries }.read(raw.principal, &mut principals)?;
    }
    if principals.is_empty() {
        let accepted = "one or more tables [[management.principal]], here or as [[principal]] in the file `principals`";
        return Err(source.missing(at, "management.principal", accepted));
    }
    Ok(principals)
}

struct Reader<'a> {
    source: &'a Source<'a>,
    /// The dotted name of the tables in this file.
    prefix: &'static str,
    registries: &'a [RegistryHost],
}

impl Reader<'_> {
    /// Adds what the tables say to those that were read before.
    fn read(&self, tables: Vec<Spanned<raw::Principal>>, known: &mut Vec<Principal>) -> Result<(), ConfigError> {
        for table in tables {
            let principal = self.principal(table, known)?;
            known.push(principal);
        }
        Ok(())
    }

    fn field(&self, key: &str) -> String {
        format!("{}.{key}", self.prefix)
    }

    fn principal(&self, table: Spanned<raw::Principal>, before: &[Principal]) -> Result<Principal, ConfigError> {
        let at = table.span().start;
        let raw = table.into_inner();
        let required = |text: Option<Text>, key: &str, accepted: &str| {
            text.ok_or_else(|| self.source.missing(at, &self.field(key), accepted))
        };
        let id_text = required(raw.id, "id", ACCEPTED_UUID)?;
        let id = uuid(self.source, &self.field("id"), &id_text)?;
        if before.iter().any(|principal| principal.id == id) {
            let problem = "is the id of an earlier principal";
            return Err(self.source.invalid(&id_text.span(), &self.field("id"), &id, problem, "each id once"));
        }
        let name = required(raw.name, "name", ACCEPTED_NAME)?;
        if !(1..=64).contains(&name.get_ref().chars().count()) || name.get_ref().chars().any(char::is_control) {
            let problem = "is not a name";
            return Err(self.source.invalid(&name.span(), &self.field("name"), name.get_ref(), problem, ACCEPTED_NAME));
        }
        let hash = required(raw.secret_hash, "secret-hash", ACCEPTED_HASH)?;
        let secret_hash = SecretHash::parse(hash.get_ref()).map_err(|problem| {
            // Somebody may have written the secret itself.
            let shown = "(not shown)";
            self.source.invalid(&hash.span(), &self.field("secret-hash"), shown, problem.to_string(), ACCEPTED_HASH)
        })?;
        if raw.roles.is_empty() {
            return Err(self.source.missing(at, &self.field("roles"), ACCEPTED_ROLES));
        }
        let grants = raw.roles.into_iter().map(|role| self.grant(role)).collect::<Result<_, _>>()?;
        Ok(Principal { id, name: name.into_inner(), secret_hash, grants })
    }

    fn grant(&self, table: Spanned<raw::Assignment>) -> Result<Grant, ConfigError> {
        let at = table.span().start;
        let raw = table.into_inner();
        let role = self.source.word(&self.field("roles.role"), raw.role)?;
        let role =
            role.ok_or_else(|| self.source.missing(at, &self.field("roles.role"), "\"reader\" or \"contributor\""))?;
        let accepted = || {
            let names: Vec<&str> = self.registries.iter().map(|registry| registry.name.as_str()).collect();
            format!("{} or {EVERY_REGISTRY} for all of them", names.join(", "))
        };
        let field = self.field("roles.registry");
        let registry = raw.registry.ok_or_else(|| self.source.missing(at, &field, &accepted()))?;
        let name = registry.get_ref();
        if name != EVERY_REGISTRY && !self.registries.iter().any(|known| known.name.eq_ignore_ascii_case(name)) {
            return Err(self.source.invalid(&registry.span(), &field, name, "is no registry of this host", accepted()));
        }
        Ok(Grant { role, registry: registry.into_inner() })
    }
}
