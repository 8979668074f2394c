//! What the service counts, in Prometheus's text format.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

/// All that is counted.
pub(super) struct Metrics {
    registry: Registry,
    /// Requests answered.
    pub requests: Family<RequestLabels, Counter>,
    /// From a request's header fields to those of its answer.
    pub request_seconds: Family<RouteLabels, Histogram, fn() -> Histogram>,
    /// Connections open.
    pub connections: Gauge,
    /// WebSockets open.
    pub sockets: Gauge,
    /// Bytes of request bodies in memory.
    pub body_bytes: Gauge,
    /// Commands running.
    pub execs_running: Gauge,
    /// Commands waiting for their turn.
    pub execs_waiting: Gauge,
    /// Responses being made.
    pub responses_running: Gauge,
    /// Commands that ended.
    pub execs: Family<OutcomeLabels, Counter>,
    /// WebAssembly instructions they used.
    pub fuel: Counter,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct RequestLabels {
    pub method: &'static str,
    pub route: String,
    pub status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct RouteLabels {
    pub route: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct OutcomeLabels {
    pub outcome: &'static str,
}

impl Metrics {
    pub fn new() -> Metrics {
        let mut registry = Registry::with_prefix("coquina");
        let requests = Family::default();
        registry.register("http_requests", "Requests answered", requests.clone());
        let histogram = || Histogram::new(exponential_buckets(0.0001, 4.0, 10));
        let request_seconds = Family::new_with_constructor(histogram as fn() -> Histogram);
        let help = "Time from a request's header fields to those of its answer";
        registry.register_with_unit("http_request_duration", help, Unit::Seconds, request_seconds.clone());
        let connections = Gauge::default();
        registry.register("http_connections", "Connections open", connections.clone());
        let sockets = Gauge::default();
        registry.register("websockets", "WebSockets open", sockets.clone());
        let body_bytes = Gauge::default();
        registry.register("request_body_bytes", "Request bodies in memory, in bytes", body_bytes.clone());
        let execs_running = Gauge::default();
        registry.register("execs_running", "Commands running", execs_running.clone());
        let execs_waiting = Gauge::default();
        registry.register("execs_waiting", "Commands waiting for their turn", execs_waiting.clone());
        let responses_running = Gauge::default();
        registry.register("responses_running", "Responses being made", responses_running.clone());
        let execs = Family::default();
        registry.register("execs", "Commands that ended, by outcome", execs.clone());
        let fuel = Counter::default();
        registry.register("fuel", "WebAssembly instructions used by commands", fuel.clone());
        Metrics {
            registry,
            requests,
            request_seconds,
            connections,
            sockets,
            body_bytes,
            execs_running,
            execs_waiting,
            responses_running,
            execs,
            fuel,
        }
    }

    /// The page that Prometheus reads.
    pub fn page(&self) -> String {
        let mut text = String::new();
        // Writing into a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
