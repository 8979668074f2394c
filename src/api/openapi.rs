//! The service's own OpenAPI document, made from the types, and a page to read it.

use std::sync::LazyLock;

use axum::http::header::CONTENT_TYPE;
use axum::response::{Html, IntoResponse, Response};
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};

use super::{error, run, wire};

#[derive(OpenApi)]
#[openapi(
    info(title = "Coquina", description = "Containers, files and one-shot runs of bash in WebAssembly."),
    paths(run::run),
    components(schemas(error::ErrorBody, wire::Event)),
    modifiers(&Bearer)
)]
struct Document;

/// Keys are sent as bearer tokens.
struct Bearer;

impl utoipa::Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
        document.components.get_or_insert_default().add_security_scheme("key", scheme);
    }
}

/// `GET /openapi.json`.
pub(super) async fn document() -> Response {
    static TEXT: LazyLock<String> = LazyLock::new(|| Document::openapi().to_json().unwrap_or_default());
    ([(CONTENT_TYPE, "application/json")], TEXT.as_str()).into_response()
}

/// `GET /docs`: the document as a page that needs nothing from elsewhere.
pub(super) async fn page() -> Html<&'static str> {
    Html(include_str!("docs.html"))
}
