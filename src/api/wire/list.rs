//! Lists, a page at a time, as the reference has them.

use std::ops::RangeInclusive;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::error::ApiError;
use crate::api::fields::Fields;
use crate::storage::Order;

/// Which page of a list is asked for.
#[derive(Clone, Debug)]
pub(in crate::api) struct Page {
    /// How many, at most.
    pub limit: u32,
    /// Which end it starts at.
    pub order: Order,
    /// The id that the page before ended with.
    pub after: Option<String>,
}

impl Page {
    /// Takes `limit` (1 to `most`; `default` if absent), `order` and `after` out of a query.
    pub fn take(fields: &mut Fields, default: u32, most: u32) -> Result<Page, ApiError> {
        Page::within(fields, default, 1..=most)
    }

    /// The same for lists that may be asked for nothing: `limit` is 0 to `most`.
    pub fn take_from_zero(fields: &mut Fields, default: u32, most: u32) -> Result<Page, ApiError> {
        Page::within(fields, default, 0..=most)
    }

    fn within(fields: &mut Fields, default: u32, range: RangeInclusive<u32>) -> Result<Page, ApiError> {
        let limit = fields.number::<u32>("limit")?.unwrap_or(default);
        if !range.contains(&limit) {
            let (least, most) = range.into_inner();
            let why = format!("expected a number from {least} to {most}, got {limit}");
            return Err(ApiError::invalid_value("limit", why));
        }
        let order = match fields.text("order")?.as_deref() {
            None | Some("desc") => Order::Descending,
            Some("asc") => Order::Ascending,
            Some(_) => return Err(ApiError::invalid_value("order", "expected 'asc' or 'desc'")),
        };
        Ok(Page { limit, order, after: fields.text("after")? })
    }

    /// Cuts `items`, which are all there are, sorted as `order` says.
    pub fn cut<T: Identified>(&self, mut items: Vec<T>) -> List<T> {
        if let Some(after) = &self.after {
            // An item that is gone meanwhile ends the list: there is no telling where it was.
            let passed = items.iter().position(|item| item.id() == after).map_or(items.len(), |at| at + 1);
            items.drain(..passed);
        }
        List::new(items, self.limit)
    }
}

/// For lists that can be asked for nothing but a page, of 20 or up to 100.
impl<S: Send + Sync> FromRequestParts<S> for Page {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let mut fields = Fields::query(parts.uri.query())?;
        let page = Page::take(&mut fields, 20, 100)?;
        fields.finish().map(|()| page)
    }
}

/// Something with an id.
pub(in crate::api) trait Identified {
    /// Its id.
    fn id(&self) -> &str;
}

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct List<T> {
    /// Always `list`.
    object: &'static str,
    /// The items.
    data: Vec<T>,
    /// The first item's id.
    first_id: Option<String>,
    /// The last item's id: `after` of the next page.
    last_id: Option<String>,
    /// Whether there is a next page.
    has_more: bool,
}

impl<T: Identified> List<T> {
    /// The first `limit` of `items`; that there are more shows in there being more.
    pub fn new(mut items: Vec<T>, limit: u32) -> List<T> {
        let limit = limit as usize;
        let has_more = items.len() > limit;
        items.truncate(limit);
        let id = |item: &T| item.id().to_owned();
        let (first_id, last_id) = (items.first().map(id), items.last().map(id));
        List { object: "list", data: items, first_id, last_id, has_more }
    }
}

/// What is left of something that was removed.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Deleted {
    /// Its id.
    pub id: String,
    /// What it was.
    pub object: &'static str,
    /// Always true.
    pub deleted: bool,
}

impl Deleted {
    pub fn new(id: impl Into<String>, object: &'static str) -> Deleted {
        Deleted { id: id.into(), object, deleted: true }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Identified for String {
        fn id(&self) -> &str {
            self
        }
    }

    fn page(query: &str) -> Result<Page, ApiError> {
        Page::take(&mut Fields::query(Some(query)).expect("it is well formed"), 20, 100)
    }

    #[test]
    fn pages_follow_each_other() {
        let items = || ["a", "b", "c"].map(str::to_owned).to_vec();
        let list = page("limit=2").expect("a page").cut(items());
        assert_eq!(
            (list.data, list.last_id.as_deref(), list.has_more),
            (vec!["a".into(), "b".into()], Some("b"), true)
        );
        let list = page("limit=2&after=b").expect("a page").cut(items());
        assert_eq!((list.data, list.first_id.as_deref(), list.has_more), (vec!["c".to_owned()], Some("c"), false));
        let list = page("after=gone").expect("a page").cut(items());
        assert_eq!((list.data.len(), list.first_id, list.has_more), (0, None, false));
    }

    #[test]
    fn nonsense_is_refused() {
        for query in ["limit=0", "limit=101", "limit=-1", "limit=x", "limit=", "order=up", "limit=1&limit=2"] {
            assert!(page(query).is_err(), "{query}");
        }
    }
}
