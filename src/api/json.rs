//! JSON bodies, and what is wrong with them in the reference's words.

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::Path;

use super::body::Reader;
use super::error::ApiError;
use super::fields::Fields;
use super::service::Service;

/// Reads a request whose body is JSON and that has no query.
pub(super) async fn read<T: DeserializeOwned>(service: &Service, request: Request) -> Result<T, ApiError> {
    let (parts, body) = request.into_parts();
    Fields::query(parts.uri.query())?.finish()?;
    read_body(service, &parts.headers, body).await
}

/// Reads a body that is JSON.
pub(super) async fn read_body<T: DeserializeOwned>(
    service: &Service,
    headers: &HeaderMap,
    body: Body,
) -> Result<T, ApiError> {
    if !is_json(headers) {
        return Err(ApiError::media_type("application/json"));
    }
    let config = &service.0.config;
    parse(&Reader::new(headers, body, config.body_bytes, config)?.all().await?)
}

/// Parses a body; says which field is wrong, and how.
pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    // Serde would take a list for an object's fields in order.
    if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[') {
        return Err(ApiError::bad_request("The body of the request must be a JSON object."));
    }
    let mut parser = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut parser).map_err(|error| {
        let path = below("", error.path());
        // Where a word is expected, anything else is broken JSON to serde.
        let is_json = || serde_json::from_slice::<Value>(bytes).is_ok();
        match !error.inner().is_data() && !path.is_empty() && is_json() {
            true => ApiError::invalid_type(path, "expected a string"),
            false => explain(&path, error.inner()),
        }
    })?;
    parser.end().map_err(|error| ApiError::bad_json(&error))?;
    Ok(value)
}

/// Understands a part of a body that is JSON already; errors name the field below `param`.
pub(super) fn part<T: DeserializeOwned>(param: &str, value: Value) -> Result<T, ApiError> {
    serde_path_to_error::deserialize(value).map_err(|error| explain(&below(param, error.path()), error.inner()))
}

/// A field's name with what leads to it.
fn below(param: &str, path: &Path) -> String {
    let path = match path.to_string() {
        path if path == "." => String::new(),
        path => path.strip_suffix(".?").map_or(path.clone(), str::to_owned),
    };
    match (param.is_empty(), path.is_empty() || path.starts_with('[')) {
        (true, _) => path,
        (false, true) => format!("{param}{path}"),
        (false, false) => format!("{param}.{path}"),
    }
}

/// Turns serde's message into the reference's.
fn explain(path: &str, error: &serde_json::Error) -> ApiError {
    if !error.is_data() {
        return ApiError::bad_json(error);
    }
    let message = error.to_string();
    let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
    said(path, message)
}

/// The same, for what serde says of the field that `path` leads to.
pub(super) fn said(path: &str, message: &str) -> ApiError {
    let quoted = || message.split('`').nth(1).unwrap_or_default();
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    if message.starts_with("missing field") {
        ApiError::missing_parameter(below(quoted()))
    } else if message.starts_with("unknown field") {
        // The path leads to the field itself.
        ApiError::unknown_parameter(if path.is_empty() { quoted() } else { path })
    } else if let Some(why) = message.strip_prefix("invalid type: ") {
        if path.is_empty() {
            ApiError::bad_request("The body of the request must be a JSON object.")
        } else {
            ApiError::invalid_type(path, plain(why))
        }
    } else {
        // A field that is there twice is named by the message only.
        let param = if message.starts_with("duplicate field") { below(quoted()) } else { path.to_owned() };
        ApiError::invalid_value(param, plain(message.strip_prefix("invalid value: ").unwrap_or(message)))
    }
}

/// What serde says was expected, without the names that things have here.
fn plain(message: &str) -> String {
    let Some((got, expected)) = message.split_once(", expected ") else { return message.to_owned() };
    let expected = match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" | "i8" | "i16" | "i32" | "i64" => "a whole number in range",
        "f32" | "f64" => "a number",
        "a map" => "an object",
        "a sequence" => "a list",
        other if other.starts_with("struct ") => "an object",
        other => other,
    };
    format!("{got}, expected {expected}")
}

/// Whether the body says that it is JSON. Without a content type it is taken for JSON, as curl users expect.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let Some(media_type) = media_type(headers) else { return true };
    media_type == "application/json" || (media_type.starts_with("application/") && media_type.ends_with("+json"))
}

/// The content type without its parameters, in lower case.
pub(super) fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(CONTENT_TYPE)?.to_str().unwrap_or_default();
    Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

/// An answer in JSON; as an argument, a request that is nothing else.
pub(super) struct Json<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Service> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, service: &Service) -> Result<Self, ApiError> {
        read(service, request).await.map(Json)
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(body) => (StatusCode::OK, [(CONTENT_TYPE, "application/json")], body).into_response(),
            Err(_) => ApiError::internal().into_response(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Deserialize, Debug)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only parsed")]
    struct Outer {
        name: String,
        inner: Option<Inner>,
        list: Option<Vec<u32>>,
        word: Option<Word>,
    }

    #[derive(Deserialize, Debug)]
    #[serde(rename_all = "snake_case")]
    enum Word {
        Only,
    }

    #[derive(Deserialize, Debug)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only parsed")]
    struct Inner {
        count: u8,
    }

    fn error(text: &str) -> serde_json::Value {
        let error = parse::<Outer>(text.as_bytes()).expect_err("it is wrong");
        serde_json::from_slice::<serde_json::Value>(&error.body()).expect("it is JSON")["error"].clone()
    }

    #[test]
    fn errors_name_the_field_and_what_is_wrong_with_it() {
        let cases = [
            ("{}", "missing_required_parameter", "name", "Missing required parameter: 'name'."),
            (r#"{"name":"a","x":1}"#, "unknown_parameter", "x", "Unknown parameter: 'x'."),
            (
                r#"{"name":"a","inner":{"count":1,"y":1}}"#,
                "unknown_parameter",
                "inner.y",
                "Unknown parameter: 'inner.y'.",
            ),
            (r#"{"name":"a","inner":{}}"#, "missing_required_parameter", "inner.count", "Missing required"),
            (r#"{"name":1}"#, "invalid_type", "name", "Invalid type for 'name': integer `1`, expected a string."),
            (r#"{"name":"a","list":[1,"b"]}"#, "invalid_type", "list[1]", "Invalid type for 'list[1]': string"),
            (
                r#"{"name":"a","inner":{"count":300}}"#,
                "invalid_value",
                "inner.count",
                "Invalid value for 'inner.count'",
            ),
            (r#"{"name":"a","name":"b"}"#, "invalid_value", "name", "Invalid value for 'name': duplicate field"),
            (
                r#"{"name":"a","inner":5}"#,
                "invalid_type",
                "inner",
                "Invalid type for 'inner': integer `5`, expected an object.",
            ),
            (
                r#"{"name":"a","list":[-1]}"#,
                "invalid_value",
                "list[0]",
                "Invalid value for 'list[0]': integer `-1`, expected a whole",
            ),
            (r#"{"name":"a","word":5}"#, "invalid_type", "word", "Invalid type for 'word': expected a string."),
        ];
        for (text, code, param, message) in cases {
            let error = error(text);
            assert_eq!((&error["code"], &error["param"]), (&code.into(), &param.into()), "{text}: {error}");
            assert!(error["message"].as_str().expect("text").starts_with(message), "{text}: {error}");
        }
    }

    #[test]
    fn what_is_no_json_is_said_to_be_none() {
        let deep = format!(r#"{{"name":{}"#, "[".repeat(100_000));
        for text in ["", "{", "nul", "{} {}", "{\"name\": \"\\ud800\"}", "\u{feff}{}", r#"{"name":"a"} x"#, &deep] {
            let error = error(text);
            let code = error["code"].as_str().expect("text");
            assert!(
                ["invalid_json", "invalid_type", "missing_required_parameter"].contains(&code),
                "{text:.20}: {error}"
            );
        }
        let latin = parse::<Outer>(b"{\"name\": \"\xff\"}").expect_err("not UTF-8");
        assert!(String::from_utf8_lossy(&latin.body()).contains("invalid_json"));
        for text in ["[[]]", r#" ["a"]"#, "1", "\"a\"", "null"] {
            assert_eq!(error(text)["message"], "The body of the request must be a JSON object.", "{text}");
        }
    }
}
