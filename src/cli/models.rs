//! The models of the configuration and of the environment, made ready to be asked.

use anyhow::{Context as _, Result};

use super::config::Settings;
use crate::agent::model::{Host, Models};

/// The models that `[models]` and the variables `COQUINA_MODEL…` describe. Scripts' paths begin at the folder of the file that names them.
///
/// # Errors
/// A table is wrong, a key is not set, a script cannot be read.
pub fn load(settings: &Settings) -> Result<Models> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let script = |path: &str| std::fs::read_to_string(settings.folder.join(path));
    let mut models = Models::from_config(&settings.models, &Host { variable: &variable, script: &script })
        .context("the models of the configuration cannot be used")?;
    models.add_from_environment(&variable).context("the model of the environment cannot be used")?;
    Ok(models)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_are_found_beside_the_file() {
        let folder = tempfile::tempdir().expect("there is room");
        std::fs::write(folder.path().join("play.toml"), "[[turn]]\ntext = \"hi\"").expect("it can be written");
        let with = |script: &str| {
            let models = format!("[play]\nkind = \"scripted\"\nscript = \"{script}\"").parse().expect("it is TOML");
            load(&Settings { models, folder: folder.path().into(), ..Settings::default() })
        };
        assert_eq!(with("play.toml").expect("it is there").names().collect::<Vec<_>>(), ["play"]);
        let error = format!("{:#}", with("gone.toml").err().expect("it is not there"));
        assert!(error.contains("models.play.script: cannot read `gone.toml`"), "{error}");
    }
}
