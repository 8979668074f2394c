//! A service in this process.

use std::net::SocketAddr;

use coquina::agent::model::Models;
use coquina::agent::{Agent, AgentConfig};
use coquina::api::{ApiConfig, Key, Keys, Service, serve};
use coquina::container::{Containers, ContainersConfig};
use coquina::storage::{Store, StoreConfig};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::client::Client;
use super::common::image;

/// A service on a port of its own; stops when dropped.
pub struct Server {
    pub address: SocketAddr,
    runtime: Runtime,
    service: Service,
    running: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl Server {
    pub fn start() -> Server {
        Server::with(ApiConfig::default(), [])
    }

    pub fn with(config: ApiConfig, keys: impl IntoIterator<Item = Key>) -> Server {
        Server::asking(Models::new(), config, keys)
    }

    /// One whose agent asks these models.
    pub fn asking(models: Models, config: ApiConfig, keys: impl IntoIterator<Item = Key>) -> Server {
        let store = Store::open(StoreConfig::memory()).expect("a store opens");
        Server::over(store, ContainersConfig::default(), models, config, keys)
    }

    /// One over this store.
    pub fn over(
        store: Store,
        containers: ContainersConfig,
        models: Models,
        config: ApiConfig,
        keys: impl IntoIterator<Item = Key>,
    ) -> Server {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.expect("a runtime starts");
        let service = runtime.block_on(async {
            for key in keys {
                Keys::keep(&store, &key).await.expect("it can be kept");
            }
            let keys = Keys::new(Keys::read(&store).await.expect("they can be read"));
            let containers = Containers::open(image().clone(), store, containers);
            let agent = Agent::open(models, containers.clone(), AgentConfig::default()).await;
            Service::new(containers, agent.expect("the store has its key"), keys, config)
        });
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port is free");
        let address = listener.local_addr().expect("it has an address");
        let (stop, stopped) = oneshot::channel();
        let serving = runtime.spawn({
            let service = service.clone();
            async move {
                let stopped = async { drop(stopped.await) };
                serve(listener, None, service, stopped).await.expect("it serves");
            }
        });
        Server { address, runtime, service, running: Some((stop, serving)) }
    }

    /// Puts these in the place of its keys.
    pub fn replace_keys(&self, keys: impl IntoIterator<Item = Key>) {
        self.service.keys().replace(keys);
    }

    pub fn client(&self) -> Client {
        Client::connect(self.address)
    }

    /// Tells it to stop and waits until it has.
    pub fn stop(&mut self) {
        if let Some((stop, serving)) = self.running.take() {
            let _ = stop.send(());
            self.runtime.block_on(serving).expect("it stops without a panic");
        }
    }

    /// Waits until a line of `/metrics` starts like this.
    pub fn until(&self, line: &str) {
        let mut client = self.client();
        for _ in 0..200_000 {
            let page = client.get("/metrics");
            if page.text().lines().any(|l| l.starts_with(line)) {
                return;
            }
            std::thread::yield_now();
        }
        panic!("{line} did not come:\n{}", client.get("/metrics").text());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}
