//! A model behind HTTP: one request for each step, its answer as it comes, with time-outs and retries. What is said either way is its dialect's.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::BoxStream;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Response, Url};
use serde_json::Value;
use tokio::time::timeout;
use tokio_rustls::rustls;

use super::answer::{Progress, Reader, Reading};
use super::pieces::{self, Pieces};
use super::refusal::{Who, retry_after};
use super::sse::Parser;
use super::{Delta, Model, ModelError, Prompt};
use crate::base::id;

/// Bytes of one answer; more is nonsense.
const LONGEST_ANSWER: usize = 64 << 20;

/// Bytes of an error's body that are read.
const LONGEST_ERROR: usize = 64 << 10;

/// How long an upstream that has said why it is over may take to tell what it used.
const GRACE: Duration = Duration::from_secs(3);

/// How a kind of service is asked.
pub(super) trait Dialect: Send + Sync {
    /// Its path below the base address.
    fn path(&self) -> &'static str;

    /// The request's body.
    fn request(&self, prompt: &Prompt) -> Value;

    /// Who reads an answer.
    fn reader(&self) -> Box<dyn Reader>;
}

/// How long to wait for an upstream, and how often to ask.
#[derive(Debug, Clone, PartialEq)]
pub struct Patience {
    /// For a connection.
    pub connect: Duration,
    /// For the first byte of the answer: the prompt is read meanwhile.
    pub answer: Duration,
    /// For the next byte, comments included.
    pub idle: Duration,
    /// Times to ask again, while nothing of an answer has come.
    pub retries: u32,
    /// Before the first of these; twice as long before each next one, a quarter more or less at random.
    pub backoff: Duration,
    /// The longest wait before one, also if the upstream asks for more: then its error is handed on at once.
    pub longest_wait: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience {
            connect: Duration::from_secs(10),
            answer: Duration::from_secs(300),
            idle: Duration::from_secs(120),
            retries: 3,
            backoff: Duration::from_millis(500),
            longest_wait: Duration::from_secs(30),
        }
    }
}

/// Where a model is and who asks.
pub(super) struct Place {
    /// As the configuration names it.
    pub model: String,
    /// The base address, as `http://127.0.0.1:8000/v1`.
    pub url: String,
    /// Sent as a bearer token.
    pub key: Option<String>,
    /// Sent too.
    pub headers: Vec<(String, String)>,
    /// Tokens that fit.
    pub window: u64,
    pub patience: Patience,
}

/// Why a model cannot be asked at all.
#[derive(Debug, thiserror::Error)]
pub enum BadPlace {
    /// The address is none.
    #[error("`{0}` is not an http:// or https:// address")]
    Url(String),
    /// A header cannot be sent.
    #[error("header `{0}` has a name or a value that cannot be sent")]
    Header(String),
    /// The key cannot be sent.
    #[error("the key has characters that cannot be sent")]
    Key,
    /// TLS has no certificates to trust, or the like.
    #[error("cannot prepare connections: {0}")]
    Client(String),
}

/// A model behind HTTP.
pub(super) struct Remote(Arc<Inner>);

struct Inner {
    who: Who,
    url: Url,
    headers: HeaderMap,
    client: Client,
    patience: Patience,
    dialect: Box<dyn Dialect>,
}

impl Remote {
    pub fn new(place: Place, dialect: Box<dyn Dialect>) -> Result<Remote, BadPlace> {
        let url = address(&place.url, dialect.path())?;
        let headers = headers(&place)?;
        let client = client(&url, &place.patience)?;
        let who = Who { model: place.model, window: place.window, secret: place.key };
        Ok(Remote(Arc::new(Inner { who, url, headers, client, patience: place.patience, dialect })))
    }
}

impl Model for Remote {
    fn generate(&self, prompt: Prompt) -> BoxStream<'static, Result<Delta, ModelError>> {
        let inner = Arc::clone(&self.0);
        pieces::stream(move |pieces| async move { inner.answer(&prompt, pieces).await })
    }

    fn context_window(&self) -> u64 {
        self.0.who.window
    }
}

impl Inner {
    async fn answer(&self, prompt: &Prompt, mut pieces: Pieces) -> Result<(), ModelError> {
        let body = self.dialect.request(prompt).to_string();
        for asked in 0.. {
            let error = match self.attempt(prompt, body.clone(), &mut pieces).await {
                Err(error) if error.is_retryable() && !pieces.begun() && asked < self.patience.retries => error,
                done => return done,
            };
            let Some(wait) = self.wait(asked, &error) else { return Err(error) };
            tracing::info!(model = self.who.model, %error, ?wait, "asking the model again");
            tokio::time::sleep(wait).await;
        }
        unreachable!("it is asked more often than a u32 counts")
    }

    /// How long to wait before the next attempt; none if the upstream asks for more than there is patience for.
    fn wait(&self, asked: u32, error: &ModelError) -> Option<Duration> {
        let asked_for = match error {
            ModelError::RateLimited { retry_after, .. } | ModelError::Status { retry_after, .. } => *retry_after,
            _ => None,
        };
        let mut random = [0];
        id::fill(&mut random);
        let longest = self.patience.longest_wait;
        let backoff = self.patience.backoff.saturating_mul(1 << asked.min(16)).min(longest);
        let backoff = backoff.mul_f64(0.75 + f64::from(random[0]) / 512.0).min(longest);
        asked_for.or(Some(backoff)).filter(|wait| *wait <= longest)
    }

    async fn attempt(&self, prompt: &Prompt, body: String, pieces: &mut Pieces) -> Result<(), ModelError> {
        let mut answer = self.ask(body).await?;
        let mut reading = Reading::new(self.dialect.reader(), prompt, &self.who);
        let whole =
            answer.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
        let said = match whole {
            true => reading.whole(&self.json(&mut answer).await?)?,
            false => self.listen(&mut answer, &mut reading, pieces).await?,
        };
        for piece in said.into_iter().chain(reading.end()?) {
            pieces.send(piece).await;
        }
        Ok(())
    }

    /// Asks, and waits until the answer begins.
    async fn ask(&self, body: String) -> Result<Response, ModelError> {
        let request = self.client.post(self.url.clone()).headers(self.headers.clone()).body(body).send();
        let answer = timeout(self.patience.answer, request).await;
        let answer = answer.map_err(|_| self.timed_out("answer", self.patience.answer))?;
        let mut answer = answer.map_err(|error| self.failed(error))?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let after = retry_after(answer.headers());
        let text = self.read(&mut answer, LONGEST_ERROR).await.unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let body = serde_json::from_str(&text).unwrap_or_else(|_| match text.trim() {
            "" => Value::Null,
            text => text.into(),
        });
        Err(self.who.refused(Some(answer.status().as_u16()), &body, after))
    }

    /// Reads events until there are no more; what the last ones say is returned, all else handed on.
    async fn listen(
        &self,
        answer: &mut Response,
        reading: &mut Reading,
        pieces: &mut Pieces,
    ) -> Result<Vec<Delta>, ModelError> {
        let mut parser = Parser::default();
        let mut length = 0;
        let mut patience = self.patience.answer;
        loop {
            let next = match reading.progress() {
                Progress::Going => self.next(answer, patience).await,
                // What it used is good to know, no more.
                Progress::Finished => self.next(answer, self.patience.idle.min(GRACE)).await.or(Ok(None)),
                Progress::Over => Ok(None),
            };
            let Some(bytes) = next? else { break };
            patience = self.patience.idle;
            length += bytes.len();
            if length > LONGEST_ANSWER {
                return Err(self.who.nonsense(format!("an answer of more than {LONGEST_ANSWER} bytes")));
            }
            for data in parser.push(&bytes).map_err(|error| self.who.nonsense(error.to_string()))? {
                for piece in reading.event(&data)? {
                    pieces.send(piece).await;
                }
            }
        }
        match parser.end() {
            Some(data) if reading.progress() == Progress::Going => reading.event(&data),
            _ => Ok(Vec::new()),
        }
    }

    async fn next(&self, answer: &mut Response, patience: Duration) -> Result<Option<bytes::Bytes>, ModelError> {
        let chunk = timeout(patience, answer.chunk()).await;
        chunk.map_err(|_| self.timed_out("more of the answer", patience))?.map_err(|error| self.failed(error))
    }

    async fn json(&self, answer: &mut Response) -> Result<Value, ModelError> {
        let bytes = self.read(answer, LONGEST_ANSWER).await?;
        serde_json::from_slice(&bytes).map_err(|_| self.who.nonsense(String::from_utf8_lossy(&bytes)))
    }

    async fn read(&self, answer: &mut Response, longest: usize) -> Result<Vec<u8>, ModelError> {
        let mut bytes = Vec::new();
        while let Some(more) = self.next(answer, self.patience.answer).await? {
            bytes.extend_from_slice(&more[..more.len().min(longest - bytes.len())]);
            if bytes.len() == longest {
                break;
            }
        }
        Ok(bytes)
    }

    fn timed_out(&self, what: &'static str, after: Duration) -> ModelError {
        ModelError::TimedOut { model: self.who.model.clone(), what, after }
    }

    /// What a failure of the transport is. Its address stays here.
    fn failed(&self, error: reqwest::Error) -> ModelError {
        let model = self.who.model.clone();
        if error.is_timeout() {
            return ModelError::TimedOut { model, what: "connection", after: self.patience.connect };
        }
        if error.is_body() || error.is_decode() {
            return ModelError::Cut { model };
        }
        let error = error.without_url();
        let mut reason = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(deeper) = cause {
            reason = deeper.to_string();
            cause = deeper.source();
        }
        ModelError::Unreachable { model, reason }
    }
}

/// Where a dialect's requests go: below the base address, unless that already says so.
fn address(base: &str, path: &str) -> Result<Url, BadPlace> {
    let host = |url: &str| Url::parse(url).is_ok_and(|url| url.has_host());
    if !host(base) {
        return Err(BadPlace::Url(base.to_owned()));
    }
    let base = base.trim_end_matches('/');
    let full = if base.ends_with(path) { base.to_owned() } else { format!("{base}{path}") };
    let url = Url::parse(&full).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    url.ok_or_else(|| BadPlace::Url(base.to_owned()))
}

fn headers(place: &Place) -> Result<HeaderMap, BadPlace> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream, application/json"));
    if let Some(key) = &place.key {
        let mut value = HeaderValue::try_from(format!("Bearer {key}")).map_err(|_| BadPlace::Key)?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    for (name, value) in &place.headers {
        let bad = || BadPlace::Header(name.clone());
        let mut value = HeaderValue::try_from(value).map_err(|_| bad())?;
        value.set_sensitive(true);
        headers.insert(HeaderName::try_from(name).map_err(|_| bad())?, value);
    }
    Ok(headers)
}

/// A client for one address. It follows no redirects: they could carry the key elsewhere.
fn client(url: &Url, patience: &Patience) -> Result<Client, BadPlace> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = Client::builder().connect_timeout(patience.connect).redirect(reqwest::redirect::Policy::none());
    let builder = if url.scheme() == "https" {
        // The system's certificates; a second call finds the provider there and changes nothing.
        let _ = rustls::crypto::CryptoProvider::install_default((*provider).clone());
        builder
    } else {
        let tls = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let tls = tls.map_err(|error| BadPlace::Client(error.to_string()))?;
        let nobody = rustls::RootCertStore::empty();
        builder.tls_backend_preconfigured(tls.with_root_certificates(nobody).with_no_client_auth())
    };
    builder.build().map_err(|error| BadPlace::Client(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_bases_or_whole() {
        let of = |base: &str| address(base, "/chat/completions").map(String::from).map_err(|error| error.to_string());
        assert_eq!(of("http://h:1/v1").as_deref(), Ok("http://h:1/v1/chat/completions"));
        assert_eq!(of("https://h/v1/").as_deref(), Ok("https://h/v1/chat/completions"));
        assert_eq!(of("http://h/x/chat/completions").as_deref(), Ok("http://h/x/chat/completions"));
        for wrong in ["", "h:1", "ftp://h", "http://"] {
            assert!(of(wrong).expect_err("no address").contains("http://"), "{wrong}");
        }
    }

    #[test]
    fn waits_grow_up_to_the_longest() {
        let wait = |backoff: u64, longest: u64, asked: u32, retry_after: Option<u64>| {
            let (backoff, longest_wait) = (Duration::from_millis(backoff), Duration::from_millis(longest));
            let patience = Patience { backoff, longest_wait, ..Patience::default() };
            let (model, url) = ("m".to_owned(), "http://127.0.0.1:1".to_owned());
            let place = Place { model: model.clone(), url, key: None, headers: Vec::new(), window: 1, patience };
            let dialect = super::super::chat::Chat { model: model.clone(), profile: Default::default() };
            let remote = Remote::new(place, Box::new(dialect)).expect("it is a place");
            let retry_after = retry_after.map(Duration::from_millis);
            remote.0.wait(asked, &ModelError::RateLimited { model, message: String::new(), retry_after })
        };
        for (asked, usual) in [(0, 100), (1, 200), (2, 400)] {
            let waited = wait(100, 1000, asked, None).expect("it is short").as_millis();
            assert!((usual * 3 / 4..=usual * 5 / 4).contains(&waited), "{waited} for {usual}");
        }
        assert!(wait(100, 1000, 9, None).is_some_and(|waited| waited <= Duration::from_secs(1)));
        assert_eq!(wait(100, 1000, 0, Some(7)), Some(Duration::from_millis(7)));
        assert_eq!(wait(100, 1000, 0, Some(1001)), None);
        assert!(wait(u64::MAX, u64::MAX, u32::MAX, None).is_some(), "nothing overflows");
    }
}
