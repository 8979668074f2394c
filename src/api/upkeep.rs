//! What the service does by itself every few seconds.

use std::time::Duration;

use super::keys::Keys;
use super::responses::store;
use super::service::Service;
use super::{audit, files, idempotency};
use crate::agent::approval;

/// Time between two rounds: so long a new key, or a revoked one, may take to be noticed.
const EVERY: Duration = Duration::from_secs(2);

/// Rounds after which what has expired is removed; until then it is only not shown.
const EXPIRE_ROUNDS: u64 = 30;

/// Goes round until it is dropped.
pub(super) async fn run(service: Service) {
    let mut rounds = tokio::time::interval(EVERY);
    rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    for round in 0u64.. {
        rounds.tick().await;
        match Keys::read(service.0.containers.store()).await {
            Ok(keys) => service.0.keys.replace(keys),
            Err(error) => tracing::error!(%error, "the keys cannot be read"),
        }
        if let Err(error) = service.0.containers.tick().await {
            tracing::error!(%error, "upkeep of the containers failed");
        }
        if let Err(error) = store::recover(&service).await {
            tracing::error!(?error, "responses that have no service any more cannot be failed");
        }
        if round % EXPIRE_ROUNDS == 0
            && let Some(prune) = audit::prune(service.0.config.audit_keep)
            && let Err(error) = service.0.containers.store().commit(prune).await
        {
            tracing::error!(%error, "the audit trail's oldest records cannot be dropped");
        }
        for kind in [files::KIND, idempotency::KIND, store::KIND, approval::KIND] {
            if round % EXPIRE_ROUNDS == 0
                && let Err(error) = service.kept().expire(kind).await
            {
                tracing::error!(?error, kind, "what has expired cannot be removed");
            }
        }
    }
}
