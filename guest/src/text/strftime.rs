//! Dates without a C library: `printf '%(fmt)T'`, the prompt's `\D{}`; C locale, UTC or a fixed offset.

/// A time zone: `TZ` as far as it needs no zone files.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Zone {
    /// Seconds east of Greenwich.
    pub offset: i32,
    /// The abbreviation (`UTC`).
    pub name: Vec<u8>,
}

impl Zone {
    /// Reads `TZ` (`UTC`, `UTC0`, `EST5`, `<+02>-2`); what it does not know is UTC under that name, as in glibc without zone files.
    pub fn from_tz(tz: Option<&[u8]>) -> Zone {
        let _ = tz;
        todo!()
    }
}

/// Formats `seconds` since 1970.
pub fn strftime(format: &[u8], seconds: i64, zone: &Zone) -> Vec<u8> {
    let _ = (format, seconds, zone);
    todo!()
}
