//! `coquina keys`: who may use the HTTP service.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use super::boxes::args::PlaceArgs;
use super::{exec, output, policy, quantity, store};
use crate::api::{Key, KeyError, Keys, NewKey, Quotas, Scope};
use crate::storage::Store;
use crate::vfs::{Clock as _, SystemClock};

/// `coquina keys`.
#[derive(Args)]
pub struct KeysArgs {
    #[command(flatten)]
    pub place: PlaceArgs,
    #[command(subcommand)]
    pub command: KeysCommand,
}

#[derive(Subcommand)]
pub enum KeysCommand {
    /// Make a key and print its secret, which cannot be had again. Once there is one, every request needs one.
    Create(CreateArgs),
    /// List keys.
    Ls,
    /// Make a key useless; a service that runs notices within seconds.
    Revoke {
        /// `key_…`.
        id: String,
    },
}

/// A key to be made.
#[derive(Args)]
pub struct CreateArgs {
    /// What to call it.
    pub name: String,
    /// What it may do.
    #[arg(long, value_enum, default_value = "exec")]
    pub scope: ScopeArg,
    /// Whose things it sees; keys of one owner share them. An owner of its own if not given.
    #[arg(long, value_name = "NAME")]
    pub owner: Option<String>,
    /// Requests a minute.
    #[arg(long, value_name = "N")]
    pub requests_per_minute: Option<u32>,
    /// WebAssembly instructions a minute, on average.
    #[arg(long, value_name = "N")]
    pub fuel_per_minute: Option<u64>,
    /// Commands at a time.
    #[arg(long, value_name = "N")]
    pub execs: Option<u32>,
    /// Memory limits of the commands that run at a time, together.
    #[arg(long, value_name = "SIZE", value_parser = quantity::size)]
    pub memory: Option<u64>,
    /// Files, skills, containers and snapshots that its owner keeps.
    #[arg(long, value_name = "SIZE", value_parser = quantity::size)]
    pub stored: Option<u64>,
    /// What its agents may do: a TOML file as in docs/agent.md.
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
}

/// What a key may do; each includes those before it.
#[derive(Clone, Copy, ValueEnum)]
pub enum ScopeArg {
    /// Look at its owner's containers and files.
    Read,
    /// Run commands, and change its owner's containers and files.
    Exec,
    /// Figures and audit of all owners.
    Admin,
}

/// Runs a `coquina keys` command.
pub fn run(args: &KeysArgs) -> Result<u8> {
    let (store, runtime) = (store::open(&args.place)?, exec::runtime()?);
    runtime.block_on(async {
        match &args.command {
            KeysCommand::Create(new) => create(&store, new, args.place.json).await,
            KeysCommand::Ls => list(&store, args.place.json).await,
            KeysCommand::Revoke { id } => revoke(&store, id).await,
        }
    })?;
    Ok(0)
}

async fn create(store: &Store, new: &CreateArgs, json: bool) -> Result<()> {
    let quotas = Quotas {
        requests_per_minute: new.requests_per_minute,
        fuel_per_minute: new.fuel_per_minute,
        concurrent_execs: new.execs,
        memory_bytes: new.memory,
        stored_bytes: new.stored,
    };
    let policy = new.policy.as_deref().map(policy::read).transpose()?;
    let scope = match new.scope {
        ScopeArg::Read => Scope::Read,
        ScopeArg::Exec => Scope::Exec,
        ScopeArg::Admin => Scope::Admin,
    };
    let new = NewKey { name: new.name.clone(), owner: new.owner.clone(), scope, quotas };
    let (key, secret) = Keys::make(new, now_ms())?;
    let key = Key { policy, ..key };
    Keys::keep(store, &key).await?;
    if json { output::json(&json!({ "id": key.id, "secret": secret })) } else { output::line(&secret) }
}

async fn list(store: &Store, json: bool) -> Result<()> {
    let keys = Keys::read(store).await?;
    if json {
        let shown = |key: &Key| {
            json!({ "id": key.id, "name": key.name, "owner": key.owner, "scope": key.scope, "quotas": key.quotas, "policy": key.policy,
                "created_at_ms": key.created_at_ms, "revoked_at_ms": key.revoked_at_ms })
        };
        return output::json(&keys.iter().map(shown).collect::<Vec<_>>());
    }
    keys.iter().try_for_each(|key| {
        let state = if key.revoked_at_ms.is_some() { "revoked" } else { "in use" };
        output::line(&format!("{}  {:<16} {:?}  {state}  owner {}", key.id, key.name, key.scope, key.owner))
    })
}

async fn revoke(store: &Store, id: &str) -> Result<()> {
    let keys = Keys::read(store).await?;
    let Some(key) = keys.into_iter().find(|key| key.id == id && key.revoked_at_ms.is_none()) else {
        bail!(KeyError::NotFound { id: id.to_owned() })
    };
    Ok(Keys::keep(store, &Key { revoked_at_ms: Some(now_ms()), ..key }).await?)
}

fn now_ms() -> i64 {
    SystemClock.now().div_euclid(1_000_000)
}
