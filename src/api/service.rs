//! What all requests share.

use std::sync::Arc;

use tokio::sync::{Mutex, watch};

use super::admission::Admission;
use super::audit::Audit;
use super::bodies::Bodies;
use super::config::ApiConfig;
use super::idempotency::Running;
use super::kept::{self, Kept};
use super::keys::Keys;
use super::metrics::Metrics;
use super::responses::run::Runs;
use super::responses::store::Alive;
use super::socket::Sockets;
use super::stored::Stored;
use crate::agent::Agent;
use crate::agent::approval::Approvals;
use crate::container::Containers;
use crate::sandbox::Image;

/// The service: cheap to clone, once a process.
#[derive(Clone)]
pub struct Service(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub config: ApiConfig,
    pub containers: Containers,
    pub agent: Agent,
    /// Responses that are being made.
    pub runs: Arc<Runs>,
    /// What says that this process is alive.
    pub alive: Alive,
    pub kept: Kept,
    pub approvals: Approvals,
    /// Held while something kept is read, changed and kept again.
    pub notes: Mutex<()>,
    pub keys: Keys,
    pub admission: Admission,
    /// Memory for request bodies.
    pub bodies: Arc<Bodies>,
    /// What was counted for quotas of stored bytes.
    pub stored: Stored,
    pub audit: Audit,
    /// Requests with an idempotency key that run.
    pub running: Running,
    /// Open WebSockets.
    pub sockets: Sockets,
    pub metrics: Metrics,
    /// When the service was started, in seconds since 1970.
    pub started_at: i64,
    /// Turns true when the service is told to stop.
    pub stopping: watch::Sender<bool>,
}

impl Service {
    /// A service over `containers`, with an agent over the same, for those who have one of `keys`; for everybody if there are none. To be made on the runtime it is to run on.
    pub fn new(containers: Containers, agent: Agent, keys: Keys, config: ApiConfig) -> Service {
        let (runs, alive) = (Arc::new(Runs::new(config.responses)), Alive::default());
        let admission = Admission::new(config.execs, config.queue, config.queue_timeout);
        let bodies = Bodies::new(config.bodies_bytes);
        let (stopping, _) = watch::channel(false);
        let kept = Kept::new(containers.store().clone());
        let (metrics, started_at) = (Metrics::new(), kept::now_ms().div_euclid(1000));
        let approvals = Approvals::new(containers.clone());
        let (audit, trail) = Audit::new(containers.store().clone(), config.audit_keep);
        tokio::spawn(trail);
        let (notes, running, sockets) = (Mutex::default(), Running::default(), Sockets::default());
        let inner = Inner {
            config,
            containers,
            agent,
            runs,
            alive,
            kept,
            approvals,
            notes,
            keys,
            admission,
            bodies,
            stored: Stored::default(),
            audit,
            running,
            sockets,
            metrics,
            started_at,
            stopping,
        };
        Service(Arc::new(inner))
    }

    /// The image that runs are made over.
    pub(super) fn image(&self) -> &Image {
        self.0.containers.image()
    }

    /// The keys, to be replaced when they have changed.
    pub fn keys(&self) -> &Keys {
        &self.0.keys
    }
}
