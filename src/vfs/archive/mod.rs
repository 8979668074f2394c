//! Trees as tar archives: [`export`] and [`import`], both streaming.
//!
//! What is written is ustar with pax records, sparse files in GNU's format 1.0; what is read is that and GNU's own headers. Compression is
//! the caller's.

mod format;
mod members;
mod read;
mod write;

pub use read::{ImportError, ImportOptions, Imported, Problem, import};
pub use write::{ExportError, Exported, export};
