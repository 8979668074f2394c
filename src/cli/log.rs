//! What a service tells those who run it: the log on standard error, and traces for a collector if there is one.

use std::collections::HashMap;
use std::io::IsTerminal as _;

use anyhow::{Context as _, Result};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio_rustls::rustls::crypto::ring;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};

use super::UsageError;
use super::config::{Settings, Telemetry};
use crate::api::TRACE_TARGET;

/// What the service is called in traces if nothing is said.
const SERVICE: &str = "coquina";

/// Traces on their way to a collector. To be ended, or the last seconds of them are lost.
pub struct Traces(Option<SdkTracerProvider>);

impl Traces {
    /// Sends what there is left. Blocks until it is sent.
    pub fn end(self) {
        if let Some(Err(error)) = self.0.map(|provider| provider.shutdown()) {
            tracing::warn!(%error, "not all traces could be sent");
        }
    }
}

/// Starts the log, and traces if there is somewhere to send them. Once a process.
pub fn start(settings: &Settings) -> Result<Traces> {
    let filter = settings.log_filter.as_deref().unwrap_or("info");
    let filter = EnvFilter::try_new(filter).map_err(|error| UsageError(format!("log_filter: {filter:?}: {error}")))?;
    let log = fmt::layer().with_writer(std::io::stderr);
    let log: Box<dyn Layer<Registry> + Send + Sync> = match settings.log.as_str() {
        "json" => Box::new(log.json().with_filter(filter)),
        _ => Box::new(log.with_ansi(std::io::stderr().is_terminal()).with_filter(filter)),
    };
    let provider = provider(&settings.telemetry)?;
    let traces = provider.as_ref().map(|provider| {
        let spans = tracing_opentelemetry::layer().with_tracer(provider.tracer(SERVICE)).with_location(false);
        let spans = spans.with_threads(false).with_tracked_inactivity(false);
        spans.with_filter(Targets::new().with_target(TRACE_TARGET, LevelFilter::TRACE))
    });
    tracing_subscriber::registry().with(log).with(traces).init();
    Ok(Traces(provider))
}

/// What sends spans to the collector; nothing if there is none.
fn provider(telemetry: &Telemetry) -> Result<Option<SdkTracerProvider>> {
    let Some(endpoint) = &telemetry.endpoint else { return Ok(None) };
    if !endpoint.starts_with("http://") && !endpoint.starts_with("https://") {
        return Err(UsageError(format!("telemetry.endpoint: {endpoint:?} is no URL of http or https")).into());
    }
    // The exporter's client takes what the process has; another may have been there first.
    let _ = ring::default_provider().install_default();
    let exporter = SpanExporter::builder()
        .with_http()
        .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
        .with_headers(headers(telemetry.headers.as_deref().unwrap_or_default())?)
        .build()
        .context("traces cannot be sent")?;
    let service = telemetry.service.clone().unwrap_or_else(|| SERVICE.into());
    let resource = Resource::builder().with_service_name(service).build();
    Ok(Some(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build()))
}

/// Header fields, `name=value`, separated by commas.
fn headers(text: &str) -> Result<HashMap<String, String>, UsageError> {
    let fields = text.split(',').map(str::trim).filter(|field| !field.is_empty());
    let pair = |field: &str| Some((field.split_once('=')?.0.trim().to_owned(), field.split_once('=')?.1.to_owned()));
    // What is wrong with it is not shown: it may be secret.
    let wrong = || UsageError("telemetry.headers: expected name=value, separated by commas".into());
    fields.map(|field| pair(field).ok_or_else(wrong)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_fields_are_read_and_never_shown() {
        let fields = headers("a=b, authorization=Bearer x=y,").expect("they are good");
        assert_eq!((fields["a"].as_str(), fields["authorization"].as_str()), ("b", "Bearer x=y"));
        let error = headers("a=b,hush").expect_err("it has no value");
        assert!(!error.to_string().contains("hush"));
    }

    #[test]
    fn a_collector_is_a_url() {
        let telemetry = Telemetry { endpoint: Some("localhost:4318".into()), ..Telemetry::default() };
        assert!(provider(&telemetry).is_err());
        assert!(provider(&Telemetry::default()).expect("nothing is asked for").is_none());
    }
}
