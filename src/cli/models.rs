//! The models of the configuration and the environment.

use anyhow::{Context as _, Result};

use super::config::Settings;
use crate::agent::model::{Host, Models};

/// All of them.
pub fn load(settings: &Settings) -> Result<Models> {
    let variable = |name: &str| std::env::var(name).ok();
    // Paths are as they are where the program was started.
    let script = |path: &str| std::fs::read_to_string(path);
    let host = Host { variable: &variable, script: &script };
    let mut models = Models::from_config(&settings.models, &host).context("the configuration")?;
    models.add_from_environment(&variable)?;
    Ok(models)
}
