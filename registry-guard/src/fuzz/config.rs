use std::path::Path;

use crate::config::{Config, MOST_ENDPOINTS, MOST_REGISTRIES, MOST_RULES};

/// As config.toml: it is refused with a reason, or it is within what the maps can hold.
pub fn config(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let config = match Config::parse(Path::new("config.toml"), text) {
        Ok(config) => config,
        Err(refusal) => return assert!(!refusal.to_string().is_empty()),
    };
    assert!(config.registries.len() <= MOST_REGISTRIES);
    let endpoints: usize = config.registries.iter().map(|registry| registry.addresses().count()).sum();
    assert!(endpoints <= MOST_ENDPOINTS);
    assert!(config.policy_limits().rules <= MOST_RULES);
}
