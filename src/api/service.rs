//! What all requests share.

use std::sync::Arc;

use tokio::sync::watch;

use super::admission::Admission;
use super::config::ApiConfig;
use super::keys::Keys;
use super::metrics::Metrics;
use crate::sandbox::Image;

/// The service: cheap to clone, once a process.
#[derive(Clone)]
pub struct Service(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub config: ApiConfig,
    pub image: Image,
    pub keys: Keys,
    pub admission: Admission,
    pub metrics: Metrics,
    /// Turns true when the service is told to stop.
    pub stopping: watch::Sender<bool>,
}

impl Service {
    /// A service over `image` for those who have one of `keys`; for everybody if there are none.
    pub fn new(image: Image, keys: Keys, config: ApiConfig) -> Service {
        let admission = Admission::new(config.execs, config.queue, config.queue_timeout);
        let (stopping, _) = watch::channel(false);
        Service(Arc::new(Inner { config, image, keys, admission, metrics: Metrics::new(), stopping }))
    }

    /// The keys, to be replaced when they have changed.
    pub fn keys(&self) -> &Keys {
        &self.0.keys
    }
}
