//! A setting's place: how its values are read and shown.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use toml::Value;

use super::super::quantity;

/// A place in [`Settings`](super::Settings), with what kind of values it takes.
pub enum Slot<'a> {
    /// A whole number.
    Number(&'a mut dyn Amount),
    /// A number of bytes, or text as `512M`.
    Size(&'a mut dyn Amount),
    /// A number of seconds, or text as `15m`; kept in milliseconds.
    Time(&'a mut dyn Amount),
    /// Any text.
    Text(&'a mut Option<String>),
    /// Text that is not shown.
    Secret(&'a mut Option<String>),
    /// A file or directory of the host's.
    Path(&'a mut Option<PathBuf>),
    /// Texts; where there is only one text for them, separated by commas.
    Names(&'a mut Vec<String>),
    /// Yes or no.
    Switch(&'a mut bool),
    /// One of these words.
    Word(&'a mut String, &'static [&'static str]),
    /// An address with its port.
    Address(&'a mut SocketAddr),
}

/// A number of some type, perhaps none.
pub trait Amount {
    /// The number; `None` if there is none.
    fn get(&self) -> Option<u64>;
    /// Takes a number, if it fits.
    fn put(&mut self, value: Option<u64>) -> bool;
}

macro_rules! amount {
    ($($type:ty),*) => {$(
        impl Amount for $type {
            fn get(&self) -> Option<u64> {
                u64::try_from(*self).ok()
            }
            fn put(&mut self, value: Option<u64>) -> bool {
                let fits = value.and_then(|value| Self::try_from(value).ok());
                fits.map(|value| *self = value).is_some()
            }
        }
    )*};
}

amount!(u64, u32, usize);

impl Amount for Duration {
    fn get(&self) -> Option<u64> {
        u64::try_from(self.as_millis()).ok()
    }
    fn put(&mut self, value: Option<u64>) -> bool {
        value.map(|ms| *self = Duration::from_millis(ms)).is_some()
    }
}

impl<T: Amount + Default> Amount for Option<T> {
    fn get(&self) -> Option<u64> {
        self.as_ref().and_then(Amount::get)
    }
    fn put(&mut self, value: Option<u64>) -> bool {
        let mut inner = T::default();
        let fits = value.is_none() || inner.put(value);
        if fits {
            *self = value.map(|_| inner);
        }
        fits
    }
}

impl Slot<'_> {
    /// Takes a value, as the file has it or as text.
    ///
    /// # Errors
    /// What is expected in its place.
    pub fn set(self, value: &Value, at_least: u64) -> Result<(), String> {
        let expected = self.expects(at_least);
        self.take(value, at_least).ok_or(expected)
    }

    fn take(self, value: &Value, at_least: u64) -> Option<()> {
        let text = value.as_str();
        match self {
            Slot::Number(slot) => amount(slot, value, at_least, |text| text.replace('_', "").parse().ok()),
            Slot::Size(slot) => amount(slot, value, at_least, |text| quantity::size(text).ok()),
            Slot::Time(slot) => {
                let seconds = value.as_integer().map(|seconds| seconds.to_string());
                let seconds = seconds.or_else(|| value.as_float().map(|seconds| seconds.to_string()));
                let value = seconds.map_or_else(|| value.clone(), Value::String);
                amount(
                    slot,
                    &value,
                    at_least,
                    |text| if text == "0" { Some(0) } else { quantity::duration_ms(text).ok() },
                )
            }
            Slot::Text(slot) | Slot::Secret(slot) => text.map(|text| *slot = Some(text.into())),
            Slot::Path(slot) => text.map(|text| *slot = Some(text.into()).filter(|_| !text.is_empty())),
            Slot::Names(slot) => {
                let names = match value {
                    Value::Array(all) => all.iter().map(|one| one.as_str().map(str::to_owned)).collect::<Option<_>>(),
                    Value::String(text) => Some(text.split(',').map(|name| name.trim().to_owned()).collect()),
                    _ => None,
                };
                names.map(|names| *slot = names)
            }
            Slot::Switch(slot) => {
                let on = value.as_bool().or_else(|| text?.parse().ok());
                on.map(|on| *slot = on)
            }
            Slot::Word(slot, words) => text.filter(|text| words.contains(text)).map(|text| *slot = text.into()),
            Slot::Address(slot) => text?.parse().ok().map(|address| *slot = address),
        }
    }

    /// The value as the file would have it; `None` if there is none.
    pub fn show(self) -> Option<Value> {
        match self {
            Slot::Number(slot) => slot.get().map(|number| unit(number, &[])),
            Slot::Size(slot) => slot.get().map(|bytes| unit(bytes, &[(1 << 30, "G"), (1 << 20, "M"), (1 << 10, "K")])),
            Slot::Time(slot) => {
                let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s"), (1, "ms")];
                slot.get().map(|ms| unit(ms, &units))
            }
            Slot::Text(slot) => slot.clone().map(Value::String),
            Slot::Secret(slot) => slot.as_ref().map(|_| Value::String("(not shown)".into())),
            Slot::Path(slot) => slot.as_ref().map(|path| Value::String(path.display().to_string())),
            Slot::Names(slot) => Some(Value::Array(slot.iter().cloned().map(Value::String).collect())),
            Slot::Switch(slot) => Some(Value::Boolean(*slot)),
            Slot::Word(slot, _) => Some(Value::String(slot.clone())),
            Slot::Address(slot) => Some(Value::String(slot.to_string())),
        }
    }

    /// What is expected, for people.
    fn expects(&self, at_least: u64) -> String {
        let from = if at_least > 0 { format!(" of at least {at_least}") } else { String::new() };
        match self {
            Slot::Number(_) => format!("a whole number{from}"),
            Slot::Size(_) => format!("a size{from}: a number of bytes, or one with K, M, G or T, as \"512M\""),
            Slot::Time(_) => "a time: a number of seconds, or one with ms, s, m, h or d, as \"15m\"".into(),
            Slot::Text(_) | Slot::Secret(_) => "text".into(),
            Slot::Path(_) => "a path, or \"\" for none".into(),
            Slot::Names(_) => "a list of names".into(),
            Slot::Switch(_) => "true or false".into(),
            Slot::Word(_, words) => format!("one of {}", words.join(", ")),
            Slot::Address(_) => "an address with its port, as \"127.0.0.1:8320\"".into(),
        }
    }

    /// What stands for a value in the list of flags.
    pub fn value_name(&self) -> &'static str {
        match self {
            Slot::Number(_) => "N",
            Slot::Size(_) => "SIZE",
            Slot::Time(_) => "TIME",
            Slot::Text(_) | Slot::Secret(_) => "TEXT",
            Slot::Path(_) => "PATH",
            Slot::Names(_) => "NAME",
            Slot::Switch(_) => "true|false",
            Slot::Word(..) => "WORD",
            Slot::Address(_) => "ADDRESS:PORT",
        }
    }
}

fn amount(slot: &mut dyn Amount, value: &Value, at_least: u64, read: impl Fn(&str) -> Option<u64>) -> Option<()> {
    let number = match value {
        Value::Integer(number) => Some(u64::try_from(*number).ok()?),
        Value::String(text) if text == "none" => None,
        Value::String(text) => Some(read(text)?),
        _ => return None,
    };
    (number.is_none_or(|number| number >= at_least) && slot.put(number)).then_some(())
}

/// A number in the largest unit that it is a whole number of.
fn unit(number: u64, units: &[(u64, &str)]) -> Value {
    let whole = units.iter().find(|(size, _)| number > 0 && number.is_multiple_of(*size));
    match whole {
        Some((size, name)) => Value::String(format!("{}{name}", number / size)),
        None => i64::try_from(number).map_or_else(|_| Value::String(number.to_string()), Value::Integer),
    }
}
