//! `coquina serve`: the HTTP service in the foreground, until SIGINT or SIGTERM.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Args;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use super::config::{self, Flags, Settings};
use super::{UsageError, log, models, setup, store};
use crate::agent::{Agent, Policy, PolicyConfig};
use crate::api::{self, ApiConfig, Keys, Service};
use crate::container::Containers;
use crate::sandbox::{Engine, Image};
use crate::storage::{Store, StoreConfig};

/// What `--insecure` must be followed by for a service without keys that others can reach.
const INSECURE: &str = "anyone-may-run-commands";

/// How often free memory is given back. On a thread of its own: a gigabyte takes a while.
const GIVE_BACK: Duration = Duration::from_secs(60);

/// How the service is started.
#[derive(Args)]
pub struct ServeArgs {
    #[command(flatten)]
    pub flags: Flags,
}

/// Serves until told to stop.
pub fn serve(args: &ServeArgs, give_back: fn()) -> Result<u8> {
    let settings = config::load(&args.flags)?.settings;
    let traces = log::start(&settings)?;
    let tls = settings.tls_cert.as_ref().zip(settings.tls_key.as_ref()).map(|(certificates, key)| {
        let read = |path: &PathBuf| std::fs::read(path).with_context(|| path.display().to_string());
        anyhow::Ok(api::tls(&read(certificates)?, &read(key)?)?)
    });
    let tls = tls.transpose()?;
    let models = models::load(&settings)?;
    // The store waits for the disk while the engine and the image are made ready.
    let (store, image) = std::thread::scope(|scope| {
        let store = scope.spawn(|| store(&settings));
        let image = image(&settings)?;
        let store = store.join().map_err(|_| anyhow::anyhow!("the store cannot be opened"))?;
        anyhow::Ok((store?, image))
    })?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let served = runtime.context("the runtime cannot be started")?.block_on(async {
        let keys = Keys::new(Keys::read(&store).await?);
        check_exposure(&settings, &keys)?;
        let containers = Containers::open(image, store, settings.containers.clone());
        let agent = Agent::open(models, containers.clone(), settings.agent.clone()).await?;
        let service = Service::new(containers, agent, keys, api_config(&settings)?);
        let listener = TcpListener::bind(settings.listen)
            .await
            .with_context(|| format!("cannot listen on {}", settings.listen))?;
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
        std::thread::spawn(move || {
            loop {
                std::thread::sleep(GIVE_BACK);
                give_back();
            }
        });
        api::serve(listener, tls, service, stop).await?;
        Ok(0)
    });
    traces.end();
    served
}

/// Starts the engine and opens the image.
fn image(settings: &Settings) -> Result<Image> {
    let engine = Engine::new(&settings.engine).map_err(|e| anyhow::anyhow!("the engine cannot be started: {e:#}"))?;
    setup::image(&engine, settings.image.as_deref())
}

/// Opens the store.
fn store(settings: &Settings) -> Result<Store> {
    if !settings.in_memory {
        return store::open_at(settings.store.clone(), settings.store_quota);
    }
    let config = StoreConfig::memory();
    Ok(Store::open(StoreConfig { quota_bytes: settings.store_quota.unwrap_or(config.quota_bytes), ..config })?)
}

/// What the service allows; it lists the models of the file too.
fn api_config(settings: &Settings) -> Result<ApiConfig> {
    let mut config = settings.api.clone();
    config.models.extend(settings.models.keys().cloned());
    let policy = settings.policy.clone().try_into::<PolicyConfig>().context("[policy]")?;
    config.policy = Policy::new(policy).context("[policy]")?;
    Ok(config)
}

/// Refuses to let strangers run commands unless that is said in words.
fn check_exposure(settings: &Settings, keys: &Keys) -> Result<()> {
    let said = settings.insecure.as_deref();
    if said.is_some_and(|words| words != INSECURE) {
        return Err(UsageError(format!("--insecure must be followed by the words {INSECURE}")).into());
    }
    if settings.listen.ip().is_loopback() || keys.required() || said.is_some() {
        return Ok(());
    }
    Err(UsageError(format!(
        "{} can be reached from other machines, and there are no keys: make one (`coquina keys create`), or say --insecure {INSECURE}",
        settings.listen.ip()
    ))
    .into())
}
