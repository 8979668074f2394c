//! WebSockets: how they are asked for and counted. They outlive the connection's place in the server's count, so they have one of their own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::response::IntoResponse as _;
use prometheus_client::metrics::gauge::Gauge;

use super::error::ApiError;
use super::gate::Caller;
use super::service::Service;

/// Open WebSockets by key.
#[derive(Clone, Default)]
pub(super) struct Sockets(Arc<Mutex<HashMap<String, usize>>>);

/// A place among a key's WebSockets; given back when dropped.
pub(super) struct Seat {
    sockets: Sockets,
    key: String,
    gauge: Gauge,
}

/// What a request to open a WebSocket is taken as, before it is known whether it is one.
pub(super) type Asked = Result<WebSocketUpgrade, WebSocketUpgradeRejection>;

/// A WebSocket to be opened whose messages have at most `message_bytes`, and its place.
pub(super) fn accept(
    service: &Service,
    caller: &Caller,
    asked: Asked,
    message_bytes: usize,
) -> Result<(WebSocketUpgrade, Seat), ApiError> {
    let upgrade = asked.map_err(|why| {
        let status = why.into_response().status();
        ApiError::bad_request(format!(
            "This URL is for a WebSocket over HTTP/1.1, and the request does not begin one ({status})."
        ))
    })?;
    let seat = service.0.sockets.seat(caller.share(), service.0.config.sockets, service.0.metrics.sockets.clone())?;
    Ok((upgrade.max_message_size(message_bytes).max_frame_size(message_bytes), seat))
}

impl Sockets {
    fn seat(&self, key: &str, most: usize, gauge: Gauge) -> Result<Seat, ApiError> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(key.to_owned()).or_default();
        if *count >= most {
            return Err(ApiError::rate_limited("open WebSockets", 1));
        }
        *count += 1;
        gauge.inc();
        Ok(Seat { sockets: self.clone(), key: key.to_owned(), gauge })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.gauge.dec();
        let mut open = self.sockets.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_so_many() {
        let (sockets, gauge) = (Sockets::default(), Gauge::default());
        let first = sockets.seat("a", 1, gauge.clone());
        assert!(first.is_ok() && sockets.seat("a", 1, gauge.clone()).is_err());
        assert!(sockets.seat("b", 1, gauge.clone()).is_ok());
        drop(first);
        assert_eq!((gauge.get(), sockets.0.lock().expect("no panic").len()), (0, 0), "nothing is remembered");
        assert!(sockets.seat("a", 1, gauge).is_ok());
    }
}
