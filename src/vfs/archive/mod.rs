//! Trees as tar archives: [`export`] and [`import`], both streaming.

mod read;
mod write;

pub use read::{ImportError, ImportOptions, Imported, import};
pub use write::{ExportError, Exported, export};
