//! `check`.

use std::net::IpAddr;

use serde_json::json;

use super::Session;
use crate::cli::client::Call;
use crate::cli::failure::Failure;
use crate::cli::resource_path;
use crate::cli::view::{Column, ResourceView};

const COLUMNS: &[Column] = &[
    ("VERDICT", "/verdict"),
    ("REASON", "/reason"),
    ("RULE", "/rule"),
    ("PREFIX", "/prefix"),
    ("ENDPOINT", "/endpoint"),
    ("REVISION", "/revision"),
    ("MESSAGE", "/message"),
];

/// Prints what the loaded program decides; the verdict does not change the exit code.
pub(crate) async fn check(
    mut session: Session<'_>,
    registry: &str,
    source: IpAddr,
    vni: Option<u32>,
    destination: Option<IpAddr>,
) -> Result<(), Failure> {
    let question = json!({"source": source, "vni": vni, "destination": destination});
    let report = session.ask(Call::post(resource_path::check(registry), &question)).await?;
    session.print(&ResourceView::new(report, COLUMNS))
}
