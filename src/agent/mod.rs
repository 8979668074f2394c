//! Agents: a model proposes, the sandbox runs, the model sees what came of it, until it is done.
//!
//! **What this is.** The turn loop behind the Responses API: [`Agent::run`] makes one response of a [`Request`] and tells [`Events`] what
//! happens meanwhile. It knows no HTTP: the service above reads requests, keeps responses and frames events, and gives the run a
//! [`Workplace`] (containers, files, permission, books) and a [`Judge`] (policy and approvals).
//!
//! **How a response is made.** `prompt` makes of the items what the model is asked; a [`Model`] answers in pieces, a *step*; `step` makes items
//! and events of them, `act` sees to its calls. Those of the client's functions end the response. Those of the shell and of `apply_patch` run here: `carry` asks
//! [`Judge::judge`] before each, `shell` and `patch` do it in a container, and the next step sees the output. `resume` goes on with what waited for a person. `compaction` puts a
//! sealed summary in the place of what came before when the prompt grows too long.
//!
//! **Where.** docs/architecture.md has a table of the files.
//!
//! **Invariants.** [`Agent::run`] never fails: what goes wrong is the response's status. Every item that was added is done before the response
//! ends. What an item shows has been run exactly so. Everything that a model or a command can make longer has a bound.

mod act;
pub mod approval;
mod artifacts;
mod attached;
mod budget;
mod call;
mod cancel;
mod carry;
mod clip;
mod compact;
mod compaction;
pub mod event;
mod governor;
pub mod item;
mod judge;
pub mod model;
mod output;
mod partial;
mod patch;
mod policy;
mod prompt;
mod request;
pub mod response;
mod resume;
mod retell;
pub mod rules;
mod run;
mod seal;
mod shell;
mod step;
mod truncate;
mod turns;
mod workplace;

pub use budget::{Budget, Prices};
pub use cancel::{Cancelled, Canceller, cancellation};
pub use compact::{CompactError, CompactRequest, Compacted};
pub use event::{Event, Events};
pub use governor::Governor;
pub use judge::{AllowAll, Answer, Call, Judge, Question, Verdict};
pub use model::Model;
pub use policy::{Policy, PolicyConfig, PolicyError};
pub use request::{Environment, Request, Sampling, Skill, Tool};
pub use response::{Failure, ResponseHead, ResponseObject};
pub use run::{Agent, AgentConfig, Refusal};
pub use workplace::{Permit, Ran, Workplace};
