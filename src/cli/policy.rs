//! Policies in files.

use std::path::Path;

use anyhow::{Context as _, Result};

use crate::agent::{Policy, PolicyConfig};

/// Reads a policy and checks it.
pub fn read(path: &Path) -> Result<PolicyConfig> {
    let name = || path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(name)?;
    let config: PolicyConfig = toml::from_str(&text).with_context(name)?;
    Policy::new(config.clone()).with_context(name)?;
    Ok(config)
}
