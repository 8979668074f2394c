//! `coquina serve`: the HTTP service in the foreground, until SIGINT or SIGTERM.

use std::io::{IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use super::boxes::args::PlaceArgs;
use super::{UsageError, quantity, setup, store};
use crate::api::{self, ApiConfig, Keys, Service};
use crate::base::Limits;
use crate::container::{Containers, ContainersConfig};
use crate::sandbox::{Engine, EngineConfig};
use crate::storage::{Store, StoreConfig};

/// Where the service listens if nothing else is said: this machine only.
const LISTEN: &str = "127.0.0.1:8320";

/// What `--insecure` must be followed by for a service without keys that others can reach.
const INSECURE: &str = "anyone-may-run-commands";

/// How the service is started.
#[derive(Args)]
pub struct ServeArgs {
    /// Address and port to listen on; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = LISTEN)]
    pub listen: SocketAddr,
    /// A name (without port) under which the service may be asked for, besides localhost; `*` for any.
    #[arg(long = "host", value_name = "NAME")]
    pub hosts: Vec<String>,
    /// Serve HTTPS with this chain of certificates (PEM).
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// The certificates' private key (PEM).
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Listen on other than this machine's own addresses without keys; must be said in the words `anyone-may-run-commands`.
    #[arg(long, value_name = "WORDS")]
    pub insecure: Option<String>,
    /// Limit of WebAssembly instructions of a command.
    #[arg(long, value_name = "N")]
    pub fuel: Option<u64>,
    /// Limit of memory of a command's processes together, in bytes or as `512M`.
    #[arg(long, value_name = "SIZE", value_parser = quantity::size)]
    pub memory: Option<u64>,
    /// Limit of wall-clock time of a command, in seconds or as `90s`, `15m`.
    #[arg(long, value_name = "TIME", value_parser = quantity::duration_ms)]
    pub timeout: Option<u64>,
    /// Commands that run at a time; more wait for their turn.
    #[arg(long, value_name = "N")]
    pub execs: Option<usize>,
    /// How the log on standard error looks; `RUST_LOG` says what is in it.
    #[arg(long, value_enum, default_value = "text")]
    pub log: LogFormat,
    /// Where containers, files and keys are kept; else $COQUINA_STORE, else `coquina` in the user's data directory.
    #[arg(long, value_name = "DIR", conflicts_with = "in_memory")]
    pub store: Option<PathBuf>,
    /// Refuse what would make the store bigger than this.
    #[arg(long, value_name = "SIZE", value_parser = quantity::size)]
    pub store_quota: Option<u64>,
    /// Keep nothing on disk: all is gone when the service stops.
    #[arg(long)]
    pub in_memory: bool,
    /// A model that `/v1/models` lists.
    #[arg(long = "model", value_name = "ID")]
    pub models: Vec<String>,
    /// The root image's folder; else $COQUINA_IMAGE, else `image` beside this program.
    #[arg(long, value_name = "DIR")]
    pub image: Option<PathBuf>,
}

/// How the log looks.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Serves until told to stop.
pub fn serve(args: &ServeArgs) -> Result<u8> {
    start_log(args.log);
    let config = config(args)?;
    let tls = args.tls_cert.as_ref().zip(args.tls_key.as_ref()).map(|(certificates, key)| {
        let read = |path: &PathBuf| std::fs::read(path).with_context(|| path.display().to_string());
        anyhow::Ok(api::tls(&read(certificates)?, &read(key)?)?)
    });
    let tls = tls.transpose()?;
    let engine = EngineConfig { cache_dir: setup::cache_dir(), ..EngineConfig::default() };
    let engine = Engine::new(&engine).map_err(|e| anyhow::anyhow!("the engine cannot be started: {e:#}"))?;
    let image = setup::image(&engine, args.image.as_deref())?;
    let store = store(args)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.context("the runtime cannot be started")?.block_on(async {
        let keys = Keys::new(Keys::read(&store).await?);
        check_exposure(args, &keys)?;
        let containers = Containers::open(image, store, ContainersConfig::default());
        let service = Service::new(containers, keys, config);
        let listener =
            TcpListener::bind(args.listen).await.with_context(|| format!("cannot listen on {}", args.listen))?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        // For scripts: the first line says where, and that it is ready.
        let mut out = std::io::stdout();
        writeln!(out, "{scheme}://{}", listener.local_addr()?).and_then(|()| out.flush())?;
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let stop = async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        };
        api::serve(listener, tls, service, stop).await?;
        Ok(0)
    })
}

/// Opens the store.
fn store(args: &ServeArgs) -> Result<Store> {
    let (store, store_quota) = (args.store.clone(), args.store_quota);
    if !args.in_memory {
        return store::open(&PlaceArgs { store, store_quota, image: None, json: false });
    }
    let config = StoreConfig::memory();
    Ok(Store::open(StoreConfig { quota_bytes: store_quota.unwrap_or(config.quota_bytes), ..config })?)
}

fn config(args: &ServeArgs) -> Result<ApiConfig> {
    let mut limits = Limits::default();
    limits.fuel = args.fuel.unwrap_or(limits.fuel);
    limits.memory_bytes = args.memory.unwrap_or(limits.memory_bytes);
    limits.wall_time_ms = args.timeout.unwrap_or(limits.wall_time_ms);
    let (hosts, models) = (args.hosts.clone(), args.models.clone());
    let config = ApiConfig { limits, hosts, models, ..ApiConfig::default() };
    Ok(ApiConfig { execs: args.execs.unwrap_or(config.execs), ..config })
}

/// Refuses to let strangers run commands unless that is said in words.
fn check_exposure(args: &ServeArgs, keys: &Keys) -> Result<()> {
    let said = args.insecure.as_deref();
    if said.is_some_and(|words| words != INSECURE) {
        return Err(UsageError(format!("--insecure must be followed by the words {INSECURE}")).into());
    }
    if args.listen.ip().is_loopback() || keys.required() || said.is_some() {
        return Ok(());
    }
    Err(UsageError(format!(
        "{} can be reached from other machines, and there are no keys: make one (`coquina keys create`), or say --insecure {INSECURE}",
        args.listen.ip()
    ))
    .into())
}

fn start_log(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => log.with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => log.json().init(),
    }
}
