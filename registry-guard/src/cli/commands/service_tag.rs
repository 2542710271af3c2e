//! `service-tag`.

use std::io::Read as _;
use std::path::Path;

use hyper::body::Bytes;
use serde_json::Value;

use super::Session;
use crate::cli::arguments::{Format, Revision};
use crate::cli::client::Call;
use crate::cli::failure::Failure;
use crate::cli::resource_path;
use crate::cli::view::{Column, ResourceView, flatten};
use crate::policy::ServiceTagFile;

const COLUMNS: &[Column] = &[
    ("NAME", "/name"),
    ("REGION", "/region"),
    ("SYSTEM SERVICE", "/systemService"),
    ("CHANGE NUMBER", "/changeNumber"),
    ("PREFIXES", "/addressPrefixCount"),
];
const IMPORT_COLUMNS: &[Column] = &[
    ("CLOUD", "/cloud"),
    ("CHANGE NUMBER", "/changeNumber"),
    ("TAGS", "/tags"),
    ("TAGS ADDED", "/tagsAdded"),
    ("TAGS REMOVED", "/tagsRemoved"),
    ("PREFIXES", "/prefixes"),
    ("PREFIXES ADDED", "/prefixesAdded"),
    ("PREFIXES REMOVED", "/prefixesRemoved"),
    ("RULES CONCERNED", "/rules"),
    ("DESTROYED", "/destroyedConnections"),
    ("REVISION", "/revision"),
];

/// `service-tag import`
pub(crate) async fn import(
    mut session: Session<'_>,
    file: &Path,
    with_prefixes: bool,
    if_match: Option<Revision>,
) -> Result<(), Failure> {
    let published = read(file)?;
    let call = Call::put_json(resource_path::service_tags_file(with_prefixes), published).if_match(if_match);
    let mut answer = session.ask(call).await?;
    for warning in answer["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        session.terminal.warn(warning);
    }
    if answer["changed"] == false {
        let (cloud, number) = (answer["cloud"].as_str().unwrap_or_default(), &answer["changeNumber"]);
        session.terminal.note(&format!("already held: {cloud}, {number} (revision {})", answer["revision"]));
    }
    if session.output.output == Format::Table && session.output.query.is_none() {
        // The first file adds thousands.
        for list in ["tagsAdded", "tagsRemoved"] {
            answer[list] = answer[list].as_array().map_or(0, Vec::len).into();
        }
    }
    session.print(&ResourceView::new(answer, IMPORT_COLUMNS))
}

/// `service-tag list`
pub(crate) async fn list(mut session: Session<'_>) -> Result<(), Failure> {
    let mut answer = session.ask(Call::get(resource_path::service_tags())).await?;
    let tags = answer.get_mut("values").map(Value::take).unwrap_or_default();
    session.print(&ResourceView::new(flatten(tags), COLUMNS))
}

/// `service-tag show`
pub(crate) async fn show(mut session: Session<'_>, name: &str) -> Result<(), Failure> {
    let tag = session.ask(Call::get(resource_path::service_tag(name))).await?;
    session.print(&ResourceView::new(flatten(tag), COLUMNS))
}

/// The file as it is: what is wrong with it the agent says, as it would of one at the watched path.
fn read(file: &Path) -> Result<Bytes, Failure> {
    let refuse = |problem: String| Failure::Local(format!("{}: {problem}", file.display()));
    let most = ServiceTagFile::MOST_BYTES as u64;
    let mut bytes = Vec::new();
    let read = if file == Path::new("-") {
        std::io::stdin().lock().take(most + 1).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(file).and_then(|opened| opened.take(most + 1).read_to_end(&mut bytes))
    };
    read.map_err(|error| refuse(format!("cannot be read: {error}; accepted: a published file of service tags")))?;
    if bytes.is_empty() {
        return Err(refuse("is empty; accepted: a published file of service tags".to_owned()));
    }
    if bytes.len() as u64 > most {
        return Err(refuse(format!("is too long; accepted: at most {most} bytes")));
    }
    Ok(bytes.into())
}
