//! Models out of a configuration: a table for each, and what the environment says. Keys are named there, not written.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use super::chat::Chat;
use super::profile::Profile;
use super::remote::{BadPlace, Dialect, Patience, Place, Remote};
use super::responses::Responses;
use super::scripted::{BadScript, Script, Scripted};
use super::{Model, Models, Price};

/// Tokens that fit, if nobody says: what most models have at least.
const WINDOW: u64 = 32_768;

/// The settings of one model, as in `[models.NAME]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum Config {
    Chat(Endpoint),
    Responses(Endpoint),
    Scripted {
        script: String,
        #[serde(default)]
        aliases: Vec<String>,
        price: Option<Price>,
    },
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Endpoint {
    url: String,
    upstream_model: Option<String>,
    api_key_env: Option<String>,
    context_window: Option<u64>,
    profile: Option<Profile>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    aliases: Vec<String>,
    price: Option<Price>,
    connect_timeout_ms: Option<u64>,
    answer_timeout_ms: Option<u64>,
    idle_timeout_ms: Option<u64>,
    retries: Option<u32>,
    backoff_ms: Option<u64>,
    longest_wait_ms: Option<u64>,
}

/// What of the host a configuration refers to.
pub struct Host<'a> {
    /// The environment variable of a name.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    /// The text of a script, by its path as it is written in the configuration.
    pub script: &'a dyn Fn(&str) -> io::Result<String>,
}

/// Why a configuration gives no models.
#[derive(Debug, thiserror::Error)]
pub enum BadModels {
    /// A table is not as docs/models.md describes.
    #[error("models.{name}: {error}")]
    Table {
        /// The model.
        name: String,
        /// What is wrong.
        error: String,
    },
    /// The variable with the key is not set.
    #[error("models.{name}.api_key_env: the environment variable `{variable}` is not set")]
    NoKey {
        /// The model.
        name: String,
        /// The variable.
        variable: String,
    },
    /// The model cannot be asked.
    #[error("models.{name}: {error}")]
    Place {
        /// The model.
        name: String,
        /// What is wrong.
        error: BadPlace,
    },
    /// The script cannot be read.
    #[error("models.{name}.script: cannot read `{path}`: {error}")]
    Script {
        /// The model.
        name: String,
        /// The path as it is written.
        path: String,
        /// What is wrong.
        error: io::Error,
    },
    /// The script is none.
    #[error("models.{name}.script: `{path}`: {error}")]
    BadScript {
        /// The model.
        name: String,
        /// The path as it is written.
        path: String,
        /// What is wrong.
        error: BadScript,
    },
    /// Two models would have one name.
    #[error("models.{name}.aliases: `{alias}` is a name of another model")]
    Twice {
        /// The model.
        name: String,
        /// The name.
        alias: String,
    },
}

impl Models {
    /// The models of a configuration's `[models]` table.
    pub fn from_config(table: &toml::Table, host: &Host<'_>) -> Result<Models, BadModels> {
        let mut models = Models::new();
        for (name, settings) in table {
            let config = Config::deserialize(settings.clone());
            let config =
                config.map_err(|error| BadModels::Table { name: name.clone(), error: error.message().to_owned() })?;
            models.add(name, config, host)?;
        }
        let names: Vec<String> = models.names().map(str::to_owned).collect();
        let taken = models.aliases.iter().find(|(alias, _)| names.contains(*alias));
        match taken {
            Some((alias, name)) => Err(BadModels::Twice { name: name.clone(), alias: alias.clone() }),
            None => Ok(models),
        }
    }

    /// The model that the environment alone describes, if it does: `COQUINA_MODEL_URL` is where it is, `COQUINA_MODEL` what the upstream
    /// calls it (`default` if unset) and its name here, `COQUINA_MODEL_KEY` the key, `COQUINA_MODEL_KIND` `chat` (the default) or
    /// `responses`, `COQUINA_MODEL_PROFILE` a preset, `COQUINA_MODEL_WINDOW` the tokens that fit. It answers to `default` too.
    pub fn add_from_environment(&mut self, variable: &dyn Fn(&str) -> Option<String>) -> Result<(), BadModels> {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let Some(url) = set("COQUINA_MODEL_URL") else { return Ok(()) };
        let name = set("COQUINA_MODEL").unwrap_or_else(|| "default".into());
        let mut table = toml::Table::new();
        table.insert("kind".into(), set("COQUINA_MODEL_KIND").unwrap_or_else(|| "chat".into()).into());
        table.insert("url".into(), url.into());
        if let Some(profile) = set("COQUINA_MODEL_PROFILE") {
            table.insert("profile".into(), profile.into());
        }
        if set("COQUINA_MODEL_KEY").is_some() {
            table.insert("api_key_env".into(), "COQUINA_MODEL_KEY".into());
        }
        if let Some(window) = set("COQUINA_MODEL_WINDOW") {
            let window = window.parse::<i64>().map_or_else(|_| window.into(), toml::Value::from);
            table.insert("context_window".into(), window);
        }
        let config = Config::deserialize(toml::Value::Table(table));
        let config = config.map_err(|error| BadModels::Table {
            name: name.clone(),
            error: format!("(from COQUINA_MODEL…) {}", error.message()),
        })?;
        let no_script = |_: &str| Err(io::ErrorKind::Unsupported.into());
        self.add(&name, config, &Host { variable, script: &no_script })?;
        if self.get("default").is_none() {
            self.alias("default", name);
        }
        Ok(())
    }

    fn add(&mut self, name: &str, config: Config, host: &Host<'_>) -> Result<(), BadModels> {
        let (model, aliases, price): (Arc<dyn Model>, _, _) = match config {
            Config::Scripted { script: path, aliases, price } => {
                let script = scripted(name, &path, host)?;
                // Nobody is paid for it.
                let free = Price { input: 0.0, cached_input: None, output: 0.0 };
                (Arc::new(Scripted::new(name, script)), aliases, Some(price.unwrap_or(free)))
            }
            Config::Chat(endpoint) => {
                let dialect = Chat { model: endpoint.upstream(name), profile: endpoint.profile() };
                let (aliases, price) = (endpoint.aliases.clone(), endpoint.price);
                (Arc::new(endpoint.remote(name, Box::new(dialect), host)?), aliases, price)
            }
            Config::Responses(endpoint) => {
                let dialect = Responses { model: endpoint.upstream(name), profile: endpoint.profile() };
                let (aliases, price) = (endpoint.aliases.clone(), endpoint.price);
                (Arc::new(endpoint.remote(name, Box::new(dialect), host)?), aliases, price)
            }
        };
        self.insert(name, model);
        if let Some(price) = price {
            self.set_price(name, price);
        }
        for alias in aliases {
            if self.aliases.contains_key(&alias) {
                return Err(BadModels::Twice { name: name.to_owned(), alias });
            }
            self.alias(alias, name);
        }
        Ok(())
    }
}

fn scripted(name: &str, path: &str, host: &Host<'_>) -> Result<Script, BadModels> {
    let (name, path) = (name.to_owned(), path.to_owned());
    match (host.script)(&path) {
        Err(error) => Err(BadModels::Script { name, path, error }),
        Ok(text) => Script::parse(&text).map_err(|error| BadModels::BadScript { name, path, error }),
    }
}

impl Endpoint {
    fn upstream(&self, name: &str) -> String {
        self.upstream_model.clone().unwrap_or_else(|| name.to_owned())
    }

    fn profile(&self) -> Profile {
        self.profile.clone().unwrap_or_default()
    }

    fn remote(self, name: &str, dialect: Box<dyn Dialect>, host: &Host<'_>) -> Result<Remote, BadModels> {
        let patience = self.patience();
        let key = self.api_key_env.map(|variable| {
            (host.variable)(&variable).ok_or_else(|| BadModels::NoKey { name: name.to_owned(), variable })
        });
        let place = Place {
            model: name.to_owned(),
            url: self.url,
            key: key.transpose()?,
            headers: self.headers.into_iter().collect(),
            window: self.context_window.unwrap_or(WINDOW),
            patience,
        };
        Remote::new(place, dialect).map_err(|error| BadModels::Place { name: name.to_owned(), error })
    }

    fn patience(&self) -> Patience {
        let usual = Patience::default();
        let or = |ms: Option<u64>, usual: Duration| ms.map_or(usual, Duration::from_millis);
        Patience {
            connect: or(self.connect_timeout_ms, usual.connect),
            answer: or(self.answer_timeout_ms, usual.answer),
            idle: or(self.idle_timeout_ms, usual.idle),
            retries: self.retries.unwrap_or(usual.retries),
            backoff: or(self.backoff_ms, usual.backoff),
            longest_wait: or(self.longest_wait_ms, usual.longest_wait),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Models, String> {
        let table = text.parse::<toml::Table>().expect("it is TOML");
        let variable = |name: &str| (name == "KEY").then(|| "sk-1".to_owned());
        let script = |path: &str| match path {
            "a.toml" => Ok("[[turn]]\ntext = \"hi\"".to_owned()),
            "b.toml" => Ok("[[trun]]".to_owned()),
            _ => Err(io::ErrorKind::NotFound.into()),
        };
        let host = Host { variable: &variable, script: &script };
        Models::from_config(&table, &host).map_err(|error| error.to_string())
    }

    #[test]
    fn models_have_names_aliases_and_prices() {
        let models = read(
            r#"
            [demo]
            kind = "scripted"
            script = "a.toml"
            aliases = ["*"]
            [local]
            kind = "chat"
            url = "http://127.0.0.1:8000/v1"
            api_key_env = "KEY"
            context_window = 5000
            aliases = ["default"]
            price = { input = 2.0, output = 8.0 }
            profile = { like = "vllm", strict = true }
            retries = 0
            idle_timeout_ms = 5
            [big]
            kind = "responses"
            url = "https://example.com/v1"
            upstream_model = "gpt"
            profile = "openai"
            "#,
        )
        .expect("it is a configuration");
        assert_eq!(models.names().collect::<Vec<_>>(), ["big", "demo", "local"]);
        let window = |name: &str| models.get(name).map(|model| model.context_window());
        assert_eq!(window("local"), Some(5000));
        assert_eq!(window("default"), Some(5000));
        assert_eq!(window("big"), Some(WINDOW));
        assert_eq!(window("gpt-whatever"), Some(128_000), "`*` is for all other names");
        assert_eq!(models.price("default").map(|price| price.output), Some(8.0));
        assert_eq!(models.price("demo").map(|price| price.output), Some(0.0));
    }

    #[test]
    fn the_documented_examples_are_configurations() {
        let document = include_str!("../../../docs/models.md");
        let blocks: Vec<&str> =
            document.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
        let [models, profile, script] = blocks[..] else { panic!("there are {} examples", blocks.len()) };
        let models: toml::Table = models.parse().expect("it is TOML");
        let variable = |_: &str| Some("sk-1".to_owned());
        let read = |path: &str| Ok(if path == "play.toml" { script.to_owned() } else { String::new() });
        let host = Host { variable: &variable, script: &read };
        let models = Models::from_config(models["models"].as_table().expect("a table"), &host).expect("all is well");
        assert_eq!(models.names().collect::<Vec<_>>(), ["coder", "play"]);
        let profile: toml::Table = profile.parse().expect("it is TOML");
        profile["profile"].clone().try_into::<Profile>().expect("it is a profile");
    }

    #[test]
    fn mistakes_are_told() {
        for (text, what) in [
            ("[m]\nkind = \"chat\"", "models.m: missing field `url`"),
            ("[m]\nkind = \"smoke\"", "models.m: unknown variant `smoke`"),
            ("[m]\nkind = \"chat\"\nurl = \"http://h\"\nurll = 1", "unknown field `urll`"),
            ("[m]\nkind = \"chat\"\nurl = \"h\"", "models.m: `h` is not an http://"),
            ("[m]\nkind = \"chat\"\nurl = \"http://h\"\napi_key_env = \"NO\"", "`NO` is not set"),
            ("[m]\nkind = \"chat\"\nurl = \"http://h\"\nprofile = \"x\"", "no profile is called `x`"),
            ("[m]\nkind = \"chat\"\nurl = \"http://h\"\nheaders = { \"a b\" = \"\" }", "header `a b`"),
            ("[m]\nkind = \"scripted\"\nscript = \"c.toml\"", "models.m.script: cannot read `c.toml`"),
            ("[m]\nkind = \"scripted\"\nscript = \"b.toml\"", "trun"),
            ("[m]\nkind = \"scripted\"\nscript = \"a.toml\"\naliases = [\"m\"]", "`m` is a name of another model"),
            ("m = 1", "models.m"),
        ] {
            let error = read(text).err().unwrap_or_default();
            assert!(error.contains(what), "{error:?} for {text}");
        }
    }

    #[test]
    fn the_environment_may_have_a_model() {
        let from = |pairs: &[(&str, &str)]| {
            let variable =
                |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
            let mut models = Models::new();
            models.add_from_environment(&variable).map(|()| models).map_err(|error| error.to_string())
        };
        assert_eq!(from(&[]).expect("nothing is set").names().count(), 0);
        let models = from(&[
            ("COQUINA_MODEL_URL", "http://127.0.0.1:1/v1"),
            ("COQUINA_MODEL", "qwen"),
            ("COQUINA_MODEL_KEY", "k"),
            ("COQUINA_MODEL_WINDOW", "9000"),
            ("COQUINA_MODEL_PROFILE", "ollama"),
        ])
        .expect("it is a model");
        assert_eq!(models.names().collect::<Vec<_>>(), ["qwen"]);
        assert_eq!(models.get("default").map(|model| model.context_window()), Some(9000));
        for (key, value) in
            [("COQUINA_MODEL_WINDOW", "big"), ("COQUINA_MODEL_KIND", "x"), ("COQUINA_MODEL_PROFILE", "y")]
        {
            let error = from(&[("COQUINA_MODEL_URL", "http://h"), (key, value)]).err().unwrap_or_default();
            assert!(error.contains("COQUINA_MODEL") && error.contains(value), "{error}");
        }
    }
}
