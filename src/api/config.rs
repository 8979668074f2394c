//! How the service is set up.

use std::time::Duration;

use super::keys::Quotas;
use crate::agent::Policy;
use crate::base::Limits;

/// What a [`Service`](super::Service) allows. The default suits one machine of a few cores.
#[derive(Clone, Debug)]
pub struct ApiConfig {
    /// The most any command may use; requests can only ask for less.
    pub limits: Limits,
    /// Largest body that is read into memory: JSON, forms, tar archives of a run. Bytes.
    pub body_bytes: u64,
    /// Largest file that is uploaded, and largest archive that is unpacked in a container, in bytes.
    pub upload_bytes: u64,
    /// Request bodies in memory, of all requests together, in bytes; more is 429. At least as much as the largest body.
    pub bodies_bytes: u64,
    /// Header fields of a request.
    pub headers: usize,
    /// A request's line and header fields, in bytes. At least 8,192.
    pub header_bytes: usize,
    /// From the first byte of a request (or the connection's start) until its header fields are complete.
    pub header_timeout: Duration,
    /// Between two pieces of a request's body.
    pub body_timeout: Duration,
    /// Connections open at a time; more wait to be accepted.
    pub connections: usize,
    /// Commands that run at a time, of all keys together.
    pub execs: usize,
    /// Commands that wait for their turn, for each key; one more is 429.
    pub queue: usize,
    /// What keys may use that have no quota of their own, and whoever asks while there are no keys.
    pub quotas: Quotas,
    /// How long a command waits for its turn before it is 429.
    pub queue_timeout: Duration,
    /// Responses that are being made at a time, of all keys together; one more is 429.
    pub responses: usize,
    /// All files that a run returns together, in bytes; those beyond are named, not returned.
    pub outputs_bytes: u64,
    /// Files that a run returns.
    pub outputs_files: usize,
    /// Names (without port) under which the service may be asked for besides the loopback's; `*` is any.
    pub hosts: Vec<String>,
    /// Models that `/v1/models` lists.
    pub models: Vec<String>,
    /// What agents may do, whoever asks for them; keys and requests can only narrow it.
    pub policy: Policy,
    /// Whether every request is put on the audit trail, or only what is run, approved or refused in them.
    pub audit_requests: bool,
    /// What of the audit trail is kept.
    pub audit_keep: AuditKeep,
    /// What commands and responses did is safe from a crash so long after they are reported done; 0: before. Responses in the background always before.
    pub batch: Duration,
    /// How long commands that run may go on when the service is told to stop.
    pub grace: Duration,
    /// A comment is sent this often into a stream of events in which nothing happens, and a ping into a WebSocket.
    pub keep_alive: Duration,
    /// WebSockets open at a time, for each key.
    pub sockets: usize,
    /// How long a WebSocket for responses may be open.
    pub response_socket: Duration,
    /// A terminal is closed when nothing was typed or printed for so long.
    pub terminal_idle: Duration,
}

/// What of the audit trail is kept; what goes, goes from its beginning. The default is all of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct AuditKeep {
    /// So many bytes of it: a record's texts and 96 bytes beside them.
    pub bytes: Option<u64>,
    /// What is not older than this.
    pub age: Option<Duration>,
}

impl Default for ApiConfig {
    fn default() -> Self {
        ApiConfig {
            limits: Limits::default(),
            body_bytes: 64 << 20,
            upload_bytes: 513 << 20,
            bodies_bytes: 2 << 30,
            headers: 100,
            header_bytes: 64 << 10,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(20),
            connections: 4096,
            execs: 256,
            queue: 256,
            responses: 4096,
            quotas: Quotas::default(),
            queue_timeout: Duration::from_secs(30),
            outputs_bytes: 64 << 20,
            outputs_files: 10_000,
            hosts: Vec::new(),
            models: Vec::new(),
            policy: Policy::default(),
            audit_requests: true,
            audit_keep: AuditKeep::default(),
            batch: Duration::ZERO,
            grace: Duration::from_secs(10),
            keep_alive: Duration::from_secs(15),
            sockets: 64,
            response_socket: Duration::from_secs(3600),
            terminal_idle: Duration::from_secs(30 * 60),
        }
    }
}
