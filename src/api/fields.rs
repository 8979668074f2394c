//! Named values of a query or a form: taken one by one, each with its type; what nobody took is an unknown parameter.

use std::str::FromStr;

use super::error::ApiError;

/// Names and texts, in the order they came.
#[derive(Debug, Default)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// The fields of a query: `a=1&b%5B%5D=x`.
    pub fn query(query: Option<&str>) -> Result<Fields, ApiError> {
        let mut fields = Fields::default();
        for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            fields.push(decode(name)?, decode(value)?);
        }
        Ok(fields)
    }

    /// Adds one.
    pub fn push(&mut self, name: String, value: String) {
        self.0.push((name, value));
    }

    /// The text of `name`, which may be there once.
    pub fn text(&mut self, name: &str) -> Result<Option<String>, ApiError> {
        let Some(at) = self.0.iter().position(|(n, _)| n == name) else { return Ok(None) };
        let (_, value) = self.0.remove(at);
        match self.0.iter().any(|(n, _)| n == name) {
            true => Err(ApiError::invalid_value(name, "it is given more than once")),
            false => Ok(Some(value)),
        }
    }

    /// The texts of `name[]`, or of `name` as often as it is there.
    pub fn list(&mut self, name: &str) -> Vec<String> {
        let is_it = |n: &str| n == name || n.strip_suffix("[]") == Some(name);
        self.0.extract_if(.., |(n, _)| is_it(n)).map(|(_, value)| value).collect()
    }

    /// The texts of all `name[key]`, with their keys.
    pub fn map(&mut self, name: &str) -> Vec<(String, String)> {
        let key = |n: &str| Some(n.strip_prefix(name)?.strip_prefix('[')?.strip_suffix(']')?.to_owned());
        self.0.extract_if(.., |(n, _)| key(n).is_some()).map(|(n, v)| (key(&n).unwrap_or_default(), v)).collect()
    }

    /// A number.
    pub fn number<T: FromStr>(&mut self, name: &str) -> Result<Option<T>, ApiError> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let number = text.parse().map_err(|_| {
            let text: String = text.chars().take(40).collect();
            ApiError::invalid_type(name, format!("expected an integer in range, got '{text}'"))
        });
        number.map(Some)
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, name: &str) -> Result<Option<bool>, ApiError> {
        match self.text(name)?.as_deref() {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(_) => Err(ApiError::invalid_type(name, "expected 'true' or 'false'")),
        }
    }

    /// Refuses what is left.
    pub fn finish(self) -> Result<(), ApiError> {
        match self.0.into_iter().next() {
            Some((name, _)) => Err(ApiError::unknown_parameter(name.chars().take(100).collect::<String>())),
            None => Ok(()),
        }
    }
}

/// Decodes `%XX` and `+`.
fn decode(text: &str) -> Result<String, ApiError> {
    let wrong = || ApiError::bad_request("The query of the URL is not percent-encoded UTF-8.");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let (hex, after) = after.split_at_checked(2).ok_or_else(wrong)?;
                let hex = str::from_utf8(hex).ok().filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
                bytes.push(hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()).ok_or_else(wrong)?);
                rest = after;
            }
            byte => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_taken_by_name_and_the_rest_is_refused() {
        let query = "limit=5&include%5B%5D=a&include[]=b&env[A]=x+y&env%5BB%5D=%c3%a9&deep=true&z";
        let mut fields = Fields::query(Some(query)).expect("it is well formed");
        assert_eq!(fields.number::<u32>("limit").expect("a number"), Some(5));
        assert_eq!(fields.list("include"), ["a", "b"]);
        assert_eq!(fields.map("env"), [("A".into(), "x y".into()), ("B".into(), "é".into())]);
        assert_eq!(fields.boolean("deep").expect("a boolean"), Some(true));
        assert_eq!(fields.text("nothing").expect("none"), None);
        assert!(String::from_utf8_lossy(&fields.finish().expect_err("z").body()).contains("Unknown parameter: 'z'"));
    }

    #[test]
    fn what_is_malformed_is_refused() {
        for query in ["a=%", "a=%4", "a=%zz", "a=%+1", "a=%ff", "%c3=1"] {
            assert!(Fields::query(Some(query)).is_err(), "{query}");
        }
        let mut fields = Fields::query(Some("a=1&a=2&n=-1&b=yes")).expect("it is well formed");
        assert!(fields.text("a").is_err());
        assert!(fields.number::<u32>("n").is_err());
        assert!(fields.boolean("b").is_err());
    }
}
