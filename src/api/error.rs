//! Errors as the reference has them: a status, and `{"error": {"message", "type", "param", "code"}}`.

use std::borrow::Cow;

use axum::http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;

use crate::agent::{Failure, Refusal};

/// Tells the stock clients whether to try again, whatever the status says.
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// An answer of 400 or more.
#[derive(Debug)]
pub(super) struct ApiError {
    status: StatusCode,
    kind: &'static str,
    code: Option<&'static str>,
    param: Option<String>,
    message: Cow<'static, str>,
    /// For 429 and 503: seconds after which to try again.
    retry_after: Option<u64>,
    /// What to say to clients that would retry this status by themselves.
    should_retry: Option<bool>,
    /// For merges: what goes against each other, path by path.
    conflicts: Box<[Value]>,
}

/// The body of an error.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct ErrorBody<'a> {
    error: ErrorDetail<'a>,
    /// Of a merge that was refused: each path with what either side did to it.
    #[serde(skip_serializing_if = "<[Value]>::is_empty")]
    #[schema(value_type = Vec<Object>)]
    conflicts: &'a [Value],
}

/// What went wrong.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct ErrorDetail<'a> {
    /// For people: what, and what to do.
    message: &'a str,
    /// `invalid_request_error`, `rate_limit_error`, `insufficient_quota` or `server_error`.
    r#type: &'a str,
    /// The field it is about, as a path (`files[0].name`).
    param: Option<&'a str>,
    /// For programs.
    code: Option<&'a str>,
}

impl ApiError {
    fn new(status: StatusCode, kind: &'static str, message: impl Into<Cow<'static, str>>) -> ApiError {
        ApiError {
            status,
            kind,
            code: None,
            param: None,
            message: message.into(),
            retry_after: None,
            should_retry: None,
            conflicts: Box::default(),
        }
    }

    fn request(status: StatusCode, message: impl Into<Cow<'static, str>>) -> ApiError {
        ApiError::new(status, "invalid_request_error", message)
    }

    fn code(self, code: &'static str) -> ApiError {
        ApiError { code: Some(code), ..self }
    }

    fn param(self, param: impl Into<String>) -> ApiError {
        let param = param.into();
        ApiError { param: (!param.is_empty()).then_some(param), ..self }
    }

    /// 400: the request makes no sense as a whole.
    pub fn bad_request(message: impl Into<Cow<'static, str>>) -> ApiError {
        ApiError::request(StatusCode::BAD_REQUEST, message)
    }

    /// 400: a field has a value that it cannot have.
    pub fn invalid_value(param: impl Into<String>, why: impl AsRef<str>) -> ApiError {
        let param = param.into();
        ApiError::bad_request(format!("Invalid value for '{param}': {}.", why.as_ref()))
            .param(param)
            .code("invalid_value")
    }

    /// 400: a field has a value of the wrong type.
    pub fn invalid_type(param: impl Into<String>, why: impl AsRef<str>) -> ApiError {
        let param = param.into();
        ApiError::bad_request(format!("Invalid type for '{param}': {}.", why.as_ref()))
            .param(param)
            .code("invalid_type")
    }

    /// 400: a field that there is not.
    pub fn unknown_parameter(param: impl Into<String>) -> ApiError {
        let param = param.into();
        ApiError::bad_request(format!("Unknown parameter: '{param}'.")).param(param).code("unknown_parameter")
    }

    /// 400: a field that must be there.
    pub fn missing_parameter(param: impl Into<String>) -> ApiError {
        let param = param.into();
        ApiError::bad_request(format!("Missing required parameter: '{param}'."))
            .param(param)
            .code("missing_required_parameter")
    }

    /// 400: the body is not JSON.
    pub fn bad_json(error: &serde_json::Error) -> ApiError {
        ApiError::bad_request(format!("We could not parse the JSON body of your request: {error}."))
            .code("invalid_json")
    }

    /// 401.
    pub fn unauthorized(message: &'static str) -> ApiError {
        ApiError::request(StatusCode::UNAUTHORIZED, message).code("invalid_api_key")
    }

    /// 403.
    pub fn forbidden(code: &'static str, message: impl Into<Cow<'static, str>>) -> ApiError {
        ApiError::request(StatusCode::FORBIDDEN, message).code(code)
    }

    /// 404: no such thing, or none that this key may know of.
    pub fn not_found(what: &str, name: &str) -> ApiError {
        let name: String = name.chars().take(100).collect();
        let mut letters = what.chars();
        let what: String = letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
        ApiError::request(StatusCode::NOT_FOUND, format!("{what} with id '{name}' not found."))
    }

    /// 400: no such response to go on from.
    pub fn no_previous_response(id: &str) -> ApiError {
        let id: String = id.chars().take(100).collect();
        ApiError::bad_request(format!("Previous response with id '{id}' not found."))
            .param("previous_response_id")
            .code("previous_response_not_found")
    }

    /// 400: what an agent will not make a response of.
    pub fn refused(refusal: Refusal) -> ApiError {
        let error = ApiError::bad_request(refusal.message);
        ApiError { code: refusal.code, param: refusal.param.map(str::to_owned), ..error }
    }

    /// What a model could not do, where there is no response to say it.
    pub fn failed(failure: Failure) -> ApiError {
        match failure.code.as_str() {
            "rate_limit_exceeded" => {
                let error = ApiError::new(StatusCode::TOO_MANY_REQUESTS, "rate_limit_error", failure.message);
                ApiError { retry_after: Some(1), ..error.code("rate_limit_exceeded") }
            }
            "invalid_prompt" => ApiError::bad_request(failure.message).code("invalid_prompt"),
            _ => ApiError::new(StatusCode::BAD_GATEWAY, "server_error", failure.message).code("server_error"),
        }
    }

    /// 404: no such model.
    pub fn no_model(id: &str) -> ApiError {
        let id: String = id.chars().take(100).collect();
        ApiError::request(StatusCode::NOT_FOUND, format!("The model '{id}' does not exist.")).code("model_not_found")
    }

    /// 404: no such route.
    pub fn no_route(method: &Method, path: &str) -> ApiError {
        let path: String = path.chars().take(200).collect();
        ApiError::request(StatusCode::NOT_FOUND, format!("Invalid URL ({method} {path})"))
    }

    /// 405.
    pub fn wrong_method(method: &Method, path: &str) -> ApiError {
        let path: String = path.chars().take(200).collect();
        ApiError::request(StatusCode::METHOD_NOT_ALLOWED, format!("Not allowed to {method} on {path}."))
            .code("method_not_supported")
    }

    /// 408: the body did not come.
    pub fn body_timeout() -> ApiError {
        ApiError::request(StatusCode::REQUEST_TIMEOUT, "The request's body did not arrive in time.")
            .code("request_timeout")
    }

    /// 409. The stock clients try again by themselves unless told otherwise.
    pub fn conflict(code: &'static str, message: impl Into<Cow<'static, str>>) -> ApiError {
        ApiError::request(StatusCode::CONFLICT, message).code(code)
    }

    /// 507: there is no room for what is to be kept.
    pub fn storage_full() -> ApiError {
        let message = "There is no room left to keep this; nothing was changed. Remove what is no longer needed.";
        ApiError::new(StatusCode::INSUFFICIENT_STORAGE, "insufficient_quota", message).code("storage_full").not_again()
    }

    /// 413: a key's quota of stored bytes has no room for so many `more`; 429 when it is used up already.
    pub fn over_stored_quota(most: u64, used: u64, more: u64) -> ApiError {
        let message = format!(
            "This key's quota of stored bytes is {most}; {used} are in use, {more} more do not fit. Remove files, skills, containers or snapshots.",
        );
        let status = if more > 0 { StatusCode::PAYLOAD_TOO_LARGE } else { StatusCode::TOO_MANY_REQUESTS };
        ApiError::new(status, "insufficient_quota", message).code("stored_quota_exceeded").not_again()
    }

    /// 400, 414, 431 …: what came is no request at all.
    pub fn not_http(status: StatusCode) -> ApiError {
        let (message, code) = match status {
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => {
                ("The request's header fields are too large.", "too_many_headers")
            }
            StatusCode::URI_TOO_LONG => ("The request's URL is too long.", "url_too_long"),
            _ => ("What was sent is not an HTTP request.", "invalid_http"),
        };
        ApiError::request(status, message).code(code)
    }

    /// 409: a merge that does not go together, with everything that stands against it.
    pub fn merge_conflict(message: String, conflicts: Box<[Value]>) -> ApiError {
        ApiError { conflicts, ..ApiError::conflict("merge_conflict", message).not_again() }
    }

    /// 413.
    pub fn too_large(limit: u64) -> ApiError {
        ApiError::request(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("The request's body is larger than the limit of {limit} bytes."),
        )
        .code("request_too_large")
    }

    /// 415.
    pub fn media_type(expected: &'static str) -> ApiError {
        let message = format!("Unsupported content-type. This method expects {expected}.");
        ApiError::request(StatusCode::UNSUPPORTED_MEDIA_TYPE, message).code("unsupported_content_type")
    }

    /// 431.
    pub fn too_many_headers(limit: usize) -> ApiError {
        ApiError::request(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            format!("The request has more than {limit} header fields."),
        )
        .code("too_many_headers")
    }

    /// 429: a quota's rate is used up; full again after `seconds`.
    pub fn rate_limited(quota: &'static str, seconds: u64) -> ApiError {
        let message = format!("Rate limit reached for {quota}. Please try again in {seconds}s.");
        let error = ApiError::new(StatusCode::TOO_MANY_REQUESTS, "rate_limit_error", message);
        ApiError { retry_after: Some(seconds), ..error.code("rate_limit_exceeded") }
    }

    /// 503: the service is stopping.
    pub fn stopping() -> ApiError {
        let error = ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "server_error", "The service is stopping.");
        ApiError { retry_after: Some(1), ..error.code("stopping") }
    }

    /// 500: our own fault, of which the client is told no more than that.
    pub fn internal() -> ApiError {
        let message = "The server had an error while processing your request.";
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "server_error", message).code("server_error")
    }

    /// For a request that ran something: the stock clients must not run it again by themselves.
    pub fn not_again(self) -> ApiError {
        ApiError { should_retry: Some(false), ..self }
    }

    /// With another code.
    pub fn with_code(self, code: &'static str) -> ApiError {
        self.code(code)
    }

    /// The status, for WebSockets.
    pub fn status(&self) -> u16 {
        self.status.as_u16()
    }

    /// Code and message, for streams.
    pub fn told(&self) -> (&'static str, &str) {
        (self.code.unwrap_or(self.kind), &self.message)
    }

    /// The body, as JSON.
    pub fn body(&self) -> Vec<u8> {
        let error =
            ErrorDetail { message: &self.message, r#type: self.kind, param: self.param.as_deref(), code: self.code };
        serde_json::to_vec(&ErrorBody { error, conflicts: &self.conflicts }).unwrap_or_default()
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.body()).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        if let Some(retry) = self.should_retry {
            headers.insert(SHOULD_RETRY, HeaderValue::from_static(if retry { "true" } else { "false" }));
        }
        response
    }
}
