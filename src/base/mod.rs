//! Words everyone uses. No I/O, no logic to speak of; knows nothing of the other rooms.

mod blob;
mod errno;
pub mod id;
mod limits;
mod redact;

pub use blob::{Blob, BlobError, BlobSource, Hash, NotAHash, StoreTag};
pub use errno::{Errno, Sys};
pub use limits::{Exceeded, Limit, Limits};
pub use redact::redacted;
