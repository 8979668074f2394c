//! Connections: accepting them, TLS, HTTP/1.1 and HTTP/2, and how the service stops.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig};
use tower::ServiceExt as _;

use super::bare::{Answers, Connection};
use super::config::ApiConfig;
use super::router::router;
use super::service::Service;
use super::upkeep;

/// Streams of one HTTP/2 connection at a time.
const HTTP2_STREAMS: u32 = 128;

/// After an error of the listener (no descriptor left, say) it is asked again so much later.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Why certificates cannot be used.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum TlsError {
    #[error("the certificates are not PEM: {0}")]
    Certificates(rustls::pki_types::pem::Error),
    #[error("the private key is not PEM: {0}")]
    Key(rustls::pki_types::pem::Error),
    #[error("certificate and key cannot be used: {0}")]
    Config(#[from] rustls::Error),
}

/// What TLS connections are accepted with: a chain of certificates and its private key, both PEM.
///
/// # Errors
/// When they are not that, or do not belong together.
pub fn tls(certificates: &[u8], key: &[u8]) -> Result<TlsAcceptor, TlsError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificates).collect();
    let key = PrivateKeyDer::from_pem_slice(key).map_err(TlsError::Key)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let mut config = config.with_no_client_auth().with_single_cert(chain.map_err(TlsError::Certificates)?, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Answers connections of `listener` until `stop` resolves; then lets what runs end, for [`ApiConfig::grace`] at most.
///
/// # Errors
/// When the listener has no address, or not all that was done could be stored at the end. Errors of single connections end those.
pub async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    service: Service,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    let config = service.0.config.clone();
    let check_hosts = listener.local_addr()?.ip().is_loopback() || !config.hosts.is_empty();
    let connections = Arc::new(Connections {
        router: router(&service, check_hosts),
        builder: builder(&config),
        tls,
        service: service.clone(),
        places: Arc::new(Semaphore::new(config.connections)),
    });
    let mut rounds = JoinSet::new();
    rounds.spawn(upkeep::run(service.clone()));
    let (graceful, (cut, _)) = (GracefulShutdown::new(), watch::channel(()));
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = connections.accept(&listener) => accepted,
        };
        match accepted {
            Ok((stream, peer, place)) => {
                let (watcher, mut cut, connections) = (graceful.watcher(), cut.subscribe(), connections.clone());
                tokio::spawn(async move {
                    tokio::select! {
                        () = connections.attend(stream, peer, watcher) => {}
                        // Dropping the connection drops its handlers, and with them cancels what runs for them.
                        _ = cut.changed() => {}
                    }
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection cannot be accepted");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    service.0.stopping.send_replace(true);
    let runs = &service.0.runs;
    if timeout(config.grace, async { tokio::join!(graceful.shutdown(), runs.ended()) }).await.is_err() {
        tracing::warn!("what still runs is cancelled");
    }
    let _ = cut.send(());
    cut.closed().await;
    runs.cancel_all();
    runs.ended().await;
    rounds.shutdown().await;
    service.0.audit.flush().await;
    let closed = service.0.containers.shutdown().await;
    closed.map_err(io::Error::other)
}

/// What the connections of a listener share.
struct Connections {
    router: Router,
    builder: Builder<TokioExecutor>,
    tls: Option<TlsAcceptor>,
    service: Service,
    places: Arc<Semaphore>,
}

type Place = tokio::sync::OwnedSemaphorePermit;

impl Connections {
    /// The next connection, when there is a place for it.
    async fn accept(&self, listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr, Place)> {
        let place = self.places.clone().acquire_owned().await.map_err(io::Error::other)?;
        let (stream, peer) = listener.accept().await?;
        Ok((stream, peer, place))
    }

    async fn attend(&self, stream: TcpStream, peer: SocketAddr, watcher: Watcher) {
        // Answers are small and each is waited for.
        let _ = stream.set_nodelay(true);
        let open = &self.service.0.metrics.connections;
        open.inc();
        match &self.tls {
            None => self.answer(stream, peer, watcher).await,
            Some(tls) => match timeout(self.service.0.config.header_timeout, tls.accept(stream)).await {
                Ok(Ok(stream)) => self.answer(stream, peer, watcher).await,
                Ok(Err(error)) => tracing::debug!(%peer, %error, "no TLS connection"),
                Err(_) => tracing::debug!(%peer, "no TLS connection in time"),
            },
        }
        open.dec();
    }

    async fn answer(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        peer: SocketAddr,
        watcher: Watcher,
    ) {
        let asked = Arc::new(AtomicBool::new(false));
        let answers = Answers::default();
        let router = self.router.clone();
        let service = service_fn({
            let (asked, answers) = (asked.clone(), answers.clone());
            move |request: Request<Incoming>| {
                asked.store(true, Ordering::Relaxed);
                let (router, answer) = (router.clone(), answers.clone());
                async move { Ok::<_, Infallible>(router.oneshot(request).await?.map(|body| answer.watch(body))) }
            }
        });
        let stream = TokioIo::new(Connection::new(stream, answers));
        let connection = self.builder.serve_connection_with_upgrades(stream, service);
        // Until the first bytes have told the version, nothing else limits the time they may take.
        let silence = async {
            sleep(self.service.0.config.header_timeout).await;
            if asked.load(Ordering::Relaxed) {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            ended = watcher.watch(connection) => {
                if let Err(error) = ended {
                    tracing::debug!(%peer, error, "a connection ended badly");
                }
            }
            () = silence => tracing::debug!(%peer, "no request in time"),
        }
    }
}

fn builder(config: &ApiConfig) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    // One more than is let through, so that it is the gate that refuses, in the reference's form.
    let headers = config.headers.saturating_add(1);
    builder.http1().timer(TokioTimer::new()).header_read_timeout(config.header_timeout);
    builder.http1().max_headers(headers).max_buf_size(config.header_bytes.max(8192));
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(config.body_timeout);
    builder.http2().keep_alive_timeout(config.body_timeout).max_concurrent_streams(HTTP2_STREAMS);
    builder.http2().max_header_list_size(u32::try_from(config.header_bytes).unwrap_or(u32::MAX));
    builder
}
