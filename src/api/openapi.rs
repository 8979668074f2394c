//! The service's own OpenAPI document, made from the types, and a page to read it.

use std::sync::LazyLock;

use axum::http::header::CONTENT_TYPE;
use axum::response::{Html, IntoResponse, Response};
use utoipa::OpenApi;
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Content, Ref};

use super::responses;
use super::responses::socket;
use super::skills;
use super::tty;
use super::{
    approvals, archive, audit, container_exec, container_files, containers, conversations, error, files, history,
    models, run, wire,
};
use crate::agent::Event;

#[derive(OpenApi)]
#[openapi(
    info(title = "Coquina", description = "Containers, files and one-shot runs of bash in WebAssembly."),
    paths(
        run::run,
        containers::create, containers::list, containers::get, containers::remove,
        container_files::create, container_files::list, container_files::get, container_files::content, container_files::remove,
        container_exec::run, tty::open,
        history::log, history::snapshot, history::snapshots, history::remove_snapshot, history::fork, history::restore, history::diff,
        history::merge, history::proposals, history::proposal, history::proposal_diff, history::apply, history::discard,
        archive::export, archive::import,
        files::create, files::list, files::get, files::content, files::remove,
        skills::create, skills::list, skills::get, skills::update, skills::remove, skills::content, skills::create_version,
        skills::versions, skills::version, skills::remove_version, skills::version_content,
        socket::open, responses::create, responses::get, responses::remove, responses::cancel, responses::input_items, responses::input_tokens, responses::compact,
        conversations::create, conversations::get, conversations::update, conversations::remove,
        conversations::create_items, conversations::list_items, conversations::get_item, conversations::remove_item,
        models::list, models::get,
        approvals::list, approvals::get, approvals::decide,
        audit::list,
    ),
    components(schemas(error::ErrorBody, wire::Event, Event)),
    modifiers(&Bearer, &Errors)
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

/// Every call may be refused, in one form.
struct Errors;

impl utoipa::Modify for Errors {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let body = Content::new(Some(Ref::from_schema_name("ErrorBody")));
        let error = ResponseBuilder::new().description("An error").content("application/json", body).build();
        for path in document.paths.paths.values_mut() {
            let calls = [&mut path.get, &mut path.post, &mut path.put, &mut path.patch, &mut path.delete];
            for call in calls.into_iter().flatten() {
                call.responses.responses.insert("default".into(), error.clone().into());
            }
        }
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
