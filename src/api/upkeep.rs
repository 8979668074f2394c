//! What the service does by itself every few seconds.

use std::time::Duration;

use super::keys::Keys;
use super::service::Service;

/// Time between two rounds: so long a new key, or a revoked one, may take to be noticed.
const EVERY: Duration = Duration::from_secs(2);

/// Goes round until it is dropped.
pub(super) async fn run(service: Service) {
    let mut rounds = tokio::time::interval(EVERY);
    rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        rounds.tick().await;
        match Keys::read(service.0.containers.store()).await {
            Ok(keys) => service.0.keys.replace(keys),
            Err(error) => tracing::error!(%error, "the keys cannot be read"),
        }
        if let Err(error) = service.0.containers.tick().await {
            tracing::error!(%error, "upkeep of the containers failed");
        }
        super::files::expire(&service).await;
    }
}
