//! Forms (`multipart/form-data`): texts and files.

use axum::extract::multipart::MultipartError;
use axum::extract::{DefaultBodyLimit, FromRequest as _, Multipart, Request};
use axum::http::HeaderMap;
use bytes::Bytes;

use super::body::{Fault, Reader};
use super::error::ApiError;
use super::fields::Fields;

/// Parts of a form.
const PARTS: usize = 10_000;

/// A form, read.
pub(super) struct Form {
    /// Parts that are plain values.
    pub fields: Fields,
    /// Parts that are files.
    pub uploads: Vec<Upload>,
}

/// A file of a form.
pub(super) struct Upload {
    /// The name of its part.
    pub field: String,
    /// The name of the file as sent, directories and all: never to be used unchecked.
    pub filename: String,
    /// Its content.
    pub content: Bytes,
}

impl Form {
    /// Reads a form into memory.
    pub async fn read(headers: &HeaderMap, reader: Reader) -> Result<Form, ApiError> {
        let fault = Fault::default();
        let mut request = Request::new(reader.into_body(fault.clone()));
        *request.headers_mut() = headers.clone();
        // The reader has the limit that holds here.
        DefaultBodyLimit::disable().apply(&mut request);
        let multipart = Multipart::from_request(request, &()).await;
        let multipart = multipart.map_err(|error| ApiError::bad_request(format!("{}.", error.body_text())))?;
        Form::parts(multipart).await.map_err(|error| fault.take().unwrap_or(error))
    }

    async fn parts(mut multipart: Multipart) -> Result<Form, ApiError> {
        let wrong =
            |error: MultipartError| ApiError::bad_request(format!("The form is malformed: {}.", error.body_text()));
        let mut form = Form { fields: Fields::default(), uploads: Vec::new() };
        let mut parts = 0;
        while let Some(part) = multipart.next_field().await.map_err(wrong)? {
            parts += 1;
            if parts > PARTS {
                return Err(ApiError::bad_request(format!("The form has more than {PARTS} parts.")));
            }
            let Some(field) = part.name().map(str::to_owned) else {
                return Err(ApiError::bad_request("A part of the form has no name."));
            };
            let filename = part.file_name().map(str::to_owned);
            let content = part.bytes().await.map_err(wrong)?;
            match filename {
                Some(filename) => form.uploads.push(Upload { field, filename, content }),
                None => {
                    let text = String::from_utf8(content.into());
                    let text = text.map_err(|_| ApiError::invalid_value(&field, "expected UTF-8 text"))?;
                    form.fields.push(field, text);
                }
            }
        }
        Ok(form)
    }
}
