//! What a run asks of the service around it: containers, files, permission to use the machine, and the books.

use bytes::Bytes;
use futures_util::future::BoxFuture;

use super::item::CommandOutput;
use super::response::Failure;

/// The service around a run, for the owner of its request.
pub trait Workplace: Send + Sync {
    /// The container for `container_auto`: `earlier`, which the conversation used last, if it is still there and the owner's; else a new one
    /// with the request's files and skills. Asked once a response, when it is first needed.
    fn container<'a>(&'a self, earlier: Option<&'a str>) -> BoxFuture<'a, Result<String, Failure>>;

    /// The name and the bytes of an uploaded file.
    fn file<'a>(&'a self, file_id: &'a str) -> BoxFuture<'a, Result<(String, Bytes), Failure>>;

    /// Waits until commands may run in a container. What is returned is dropped when they have ended.
    fn admit<'a>(&'a self, container: &'a str) -> BoxFuture<'a, Result<Permit, Failure>>;

    /// Takes what a call did into the books and onto the record.
    fn ran<'a>(&'a self, call: &'a Ran<'a>) -> BoxFuture<'a, ()>;
}

/// Held while commands run.
pub type Permit = Box<dyn Send>;

/// A call that was run.
pub struct Ran<'a> {
    /// Where.
    pub container: &'a str,
    /// `shell` or `apply_patch`.
    pub tool: &'static str,
    /// The commands; of a patch its operation.
    pub commands: &'a [String],
    /// What they printed, and how they ended; empty for a patch.
    pub output: &'a [CommandOutput],
    /// Fuel of all of them.
    pub fuel: u64,
    /// The hash of the files that the call left, or would leave if its proposal is applied.
    pub root: String,
    /// The proposal it became.
    pub proposal: Option<String>,
}
