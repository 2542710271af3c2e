//! `check-host`: what an agent that starts here would meet.

use std::path::Path;

use nix::sys::utsname::uname;
use serde_json::json;

use super::Session;
use crate::api::check_management;
use crate::cli::failure::Failure;
use crate::cli::view::{Column, ResourceView};
use crate::config::Config;
use crate::kernel::{GUARD_SK_LOOKUP, GUARD_XDP, try_to_load};

const COLUMNS: &[Column] = &[
    ("VERSION", "/version"),
    ("KERNEL", "/kernel"),
    ("LOADED", "/loaded"),
    ("CONFIG", "/config"),
    ("INTERFACES", "/interfaces"),
    ("REGISTRIES", "/registries"),
];

/// `check-host`
pub(crate) fn check_host(mut session: Session<'_>, path: &Path) -> Result<(), Failure> {
    let local = |error: &dyn std::fmt::Display| Failure::Local(error.to_string());
    let config = Config::load(path).map_err(|error| local(&error))?;
    check_management(&config).map_err(|error| local(&error))?;
    let uname = uname().map_err(|error| local(&error))?;
    let kernel = uname.release().to_string_lossy();
    try_to_load().map_err(|error| Failure::Local(format!("kernel {kernel}: {error}")))?;
    let interfaces: Vec<&String> = config.interfaces.iter().chain(&config.hotplug_interfaces).collect();
    let answer = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "kernel": kernel,
        "loaded": [GUARD_XDP, GUARD_SK_LOOKUP],
        "config": path,
        "interfaces": interfaces,
        "registries": config.registry_names(),
    });
    session.print(&ResourceView::new(answer, COLUMNS))
}
