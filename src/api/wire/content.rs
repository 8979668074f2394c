//! Bytes in JSON: text as a string, anything else as `{"base64": "…"}`.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use serde::de::{Error, MapAccess, Visitor};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema, Type};

/// Any bytes. In JSON a string if they are UTF-8, else an object with their base64 text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::api) struct Content(pub Bytes);

impl Serialize for Content {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Ok(text) = str::from_utf8(&self.0) {
            return serializer.serialize_str(text);
        }
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry("base64", &BASE64.encode(&self.0))?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Content, D::Error> {
        deserializer.deserialize_any(ContentVisitor)
    }
}

struct ContentVisitor;

impl<'de> Visitor<'de> for ContentVisitor {
    type Value = Content;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a string or an object with `base64`")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Content, E> {
        Ok(Content(Bytes::copy_from_slice(text.as_bytes())))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Content, E> {
        Ok(Content(text.into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Content, A::Error> {
        let mut content = None;
        while let Some(key) = map.next_key::<Cow<'_, str>>()? {
            if key != "base64" {
                return Err(A::Error::unknown_field(&key, &["base64"]));
            }
            let text = map.next_value::<String>()?;
            let bytes = BASE64.decode(text).map_err(|why| A::Error::custom(format!("it is not base64: {why}")))?;
            content = Some(Content(bytes.into()));
        }
        content.ok_or_else(|| A::Error::missing_field("base64"))
    }
}

impl utoipa::PartialSchema for Content {
    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new().schema_type(Type::String).description(Some("UTF-8 text"));
        let encoded = ObjectBuilder::new()
            .property("base64", ObjectBuilder::new().schema_type(Type::String))
            .required("base64")
            .additional_properties(Some(utoipa::openapi::schema::AdditionalProperties::FreeForm(false)))
            .description(Some("Any bytes, in base64 with padding"));
        OneOfBuilder::new().item(text).item(encoded).into()
    }
}

impl utoipa::ToSchema for Content {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_text_and_bytes_are_base64() {
        for (bytes, json) in [(&b"h\xc3\xa9\n"[..], r#""hé\n""#), (b"", r#""""#), (b"\xff\0", r#"{"base64":"/wA="}"#)]
        {
            let content = Content(Bytes::copy_from_slice(bytes));
            assert_eq!(serde_json::to_string(&content).expect("JSON"), json);
            assert_eq!(serde_json::from_str::<Content>(json).expect("JSON"), content);
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for json in ["1", "null", "[]", "{}", r#"{"base64":"?"}"#, r#"{"base64":1}"#, r#"{"hex":"00"}"#] {
            assert!(serde_json::from_str::<Content>(json).is_err(), "{json}");
        }
    }
}
