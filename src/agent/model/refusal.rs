//! What upstreams say instead of an answer, in their many forms, as errors.

use std::time::Duration;

use reqwest::header::HeaderMap;
use serde_json::Value;

use super::ModelError;

/// Characters of an upstream's message that are handed on.
const MESSAGE: usize = 500;

/// Words by which upstreams say that a prompt does not fit.
const TOO_LONG: &[&str] = &[
    "context_length",
    "context length",
    "context window",
    "context size",
    "context_size",
    "maximum context",
    "max_model_len",
    "prompt is too long",
    "input is too long",
    "too many tokens",
    "reduce the length",
];

/// Whose answer it is: for errors. It has the key in it, so it cannot be printed.
#[derive(Clone)]
pub(super) struct Who {
    /// The model, as the configuration names it.
    pub model: String,
    /// Tokens that fit, as configured.
    pub window: u64,
    /// Never to be shown, should the upstream quote it.
    pub secret: Option<String>,
}

impl Who {
    /// The error for an answer with this status, or for an error in the middle of a stream.
    pub fn refused(&self, status: Option<u16>, body: &Value, retry_after: Option<Duration>) -> ModelError {
        let error = body.get("error").filter(|error| !error.is_null()).unwrap_or(body);
        let message = self.shown(&message(error));
        let code = ["code", "type"].iter().find_map(|key| error.get(key).and_then(Value::as_str)).map(str::to_owned);
        let status = status.or_else(|| status_in(error)).unwrap_or(match code.as_deref() {
            Some("rate_limit_exceeded" | "rate_limit_error" | "rate_limited") => 429,
            _ => 502,
        });
        let model = self.model.clone();
        let said = format!("{} {}", code.as_deref().unwrap_or_default(), message).to_lowercase();
        let too_long = TOO_LONG.iter().any(|words| said.contains(words));
        match status {
            429 if code.as_deref() != Some("insufficient_quota") => {
                ModelError::RateLimited { model, message, retry_after }
            }
            400..=599 if too_long => ModelError::ContextLength { model, window: self.window, message },
            _ => ModelError::Status { model, status, code, message, retry_after },
        }
    }

    /// The error for what cannot be understood.
    pub fn nonsense(&self, what: impl AsRef<str>) -> ModelError {
        ModelError::Nonsense { model: self.model.clone(), what: self.shown(what.as_ref()) }
    }

    /// The error for an answer that ended in the middle.
    pub fn cut(&self) -> ModelError {
        ModelError::Cut { model: self.model.clone() }
    }

    /// A text of the upstream's as it may be shown: short, without the key.
    fn shown(&self, text: &str) -> String {
        let text = match &self.secret {
            Some(secret) => text.replace(secret, "[key]"),
            None => text.to_owned(),
        };
        match text.char_indices().nth(MESSAGE) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text,
        }
    }
}

/// An error's text: OpenAI's `message`, FastAPI's `detail`, or whatever it is.
fn message(error: &Value) -> String {
    let said = ["message", "detail", "error_description"].iter().find_map(|key| error.get(key));
    match said.unwrap_or(error) {
        Value::String(text) => text.clone(),
        Value::Null => "(nothing more)".into(),
        other => other.to_string(),
    }
}

/// An HTTP status as some put it into the error itself.
fn status_in(error: &Value) -> Option<u16> {
    let number = ["status", "status_code", "code"].iter().find_map(|key| match error.get(key)? {
        Value::String(text) => text.parse().ok(),
        other => other.as_u64(),
    })?;
    u16::try_from(number).ok().filter(|status| (400..600).contains(status))
}

/// When an upstream wants to be asked again: `retry-after-ms`, or `retry-after` in seconds. Dates are not understood.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<f64>().ok();
    let seconds = number("retry-after-ms").map(|ms| ms / 1000.0).or_else(|| number("retry-after"))?;
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(status: Option<u16>, body: Value) -> ModelError {
        let who = Who { model: "m".into(), window: 100, secret: Some("sk-secret".into()) };
        who.refused(status, &body, None)
    }

    #[test]
    fn every_form_of_error_is_read() {
        for (status, body, shown, retried) in [
            (Some(500), json!({"error": {"message": "oops", "type": "server_error"}}), "m: answered 500: oops", true),
            (Some(400), json!({"error": "bad"}), "m: answered 400: bad", false),
            (Some(422), json!({"detail": [{"msg": "x"}]}), "m: answered 422: [{\"msg\":\"x\"}]", false),
            (
                Some(404),
                json!({"object": "error", "message": "no such model"}),
                "m: answered 404: no such model",
                false,
            ),
            (Some(502), json!("<html>"), "m: answered 502: <html>", true),
            (Some(503), Value::Null, "m: answered 503: (nothing more)", true),
            (
                Some(401),
                json!({"error": {"message": "wrong key sk-secret"}}),
                "m: answered 401: wrong key [key]",
                false,
            ),
            (Some(429), json!({"error": {"message": "slow"}}), "m: too many requests: slow", true),
            (
                Some(429),
                json!({"error": {"message": "pay", "code": "insufficient_quota"}}),
                "m: answered 429: pay",
                false,
            ),
            (None, json!({"error": {"message": "overloaded", "code": 503}}), "m: answered 503: overloaded", true),
            (None, json!({"error": {"message": "x", "code": "rate_limit_exceeded"}}), "m: too many requests: x", true),
            (None, json!({"error": {"message": "x"}}), "m: answered 502: x", true),
        ] {
            let error = refused(status, body);
            assert_eq!(error.to_string(), format!("model {shown}"));
            assert_eq!(error.is_retryable(), retried, "{error}");
        }
    }

    #[test]
    fn a_prompt_that_does_not_fit_is_told_from_other_mistakes() {
        for body in [
            json!({"error": {"message": "x", "code": "context_length_exceeded"}}),
            json!({"object": "error", "message": "This model's maximum context length is 4096 tokens."}),
            json!({"error": {"message": "the request exceeds the available context size", "type": "exceed_context_size_error"}}),
            json!({"error": "prompt is too long: 5 tokens > 4"}),
        ] {
            let error = refused(Some(400), body);
            assert!(matches!(error, ModelError::ContextLength { window: 100, .. }), "{error}");
        }
    }

    #[test]
    fn long_messages_are_shortened() {
        let error = refused(Some(500), json!("é".repeat(MESSAGE + 1))).to_string();
        assert!(error.ends_with("é…") && error.chars().count() < MESSAGE + 40, "{error}");
    }

    #[test]
    fn retry_after_is_seconds_or_milliseconds() {
        let after = |name: &'static str, value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().expect("a header"));
            retry_after(&headers)
        };
        assert_eq!(after("retry-after", "2"), Some(Duration::from_secs(2)));
        assert_eq!(after("retry-after", "0.5"), Some(Duration::from_millis(500)));
        assert_eq!(after("retry-after-ms", "20"), Some(Duration::from_millis(20)));
        assert_eq!(after("retry-after", "-1"), None);
        assert_eq!(after("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT"), None);
    }
}
