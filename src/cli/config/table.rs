//! Every setting: its key in the file, its flag, what it means, where it is.

use super::Settings;
use super::slot::Slot;

/// A setting.
pub struct Setting {
    /// Its key in the file, `section.name`. Its variable is `COQUINA_SECTION_NAME`.
    pub key: &'static str,
    /// Its flag, without the dashes.
    pub flag: &'static str,
    /// What it is, for people.
    pub meaning: &'static str,
    /// The least that a number may be, in bytes or milliseconds where it is a size or a time.
    pub at_least: u64,
    /// Where it is.
    pub slot: fn(&mut Settings) -> Slot<'_>,
}

impl Setting {
    /// The variable of the environment that sets it.
    pub fn variable(&self) -> String {
        match self.key {
            // As every other program with this kind of log has it.
            "log_filter" => "RUST_LOG".into(),
            key => format!("COQUINA_{}", key.replace('.', "_").to_uppercase()),
        }
    }

    /// The section of the file it is in; empty at the top.
    pub fn section(&self) -> &'static str {
        self.key.split_once('.').map_or("", |(section, _)| section)
    }

    /// Whether its value is not shown.
    pub fn is_secret(&self) -> bool {
        matches!((self.slot)(&mut Settings::default()), Slot::Secret(_))
    }
}

const fn row(
    key: &'static str,
    flag: &'static str,
    meaning: &'static str,
    slot: fn(&mut Settings) -> Slot<'_>,
) -> Setting {
    Setting { key, flag, meaning, at_least: 0, slot }
}

const fn at_least(at_least: u64, setting: Setting) -> Setting {
    Setting { at_least, ..setting }
}

/// All of them, section by section.
#[rustfmt::skip]
pub const SETTINGS: &[Setting] = &[
    row("listen", "listen", "Address and port to listen on; port 0 takes a free one", |s| Slot::Address(&mut s.listen)),
    row("hosts", "host", "A name (without port) under which the service may be asked for, besides localhost; `*` for any", |s| Slot::Names(&mut s.api.hosts)),
    row("insecure", "insecure", "Listen on other than this machine's own addresses without keys; must be said in the words `anyone-may-run-commands`", |s| Slot::Text(&mut s.insecure)),
    row("image", "image", "The root image: its folder, or a program that has it at its end; this program if it has one, else `image` beside it, if nothing is said", |s| Slot::Path(&mut s.image)),
    row("store", "store", "Where containers, files and keys are kept; `coquina` in the user's data directory if nothing is said", |s| Slot::Path(&mut s.store)),
    row("store_quota", "store-quota", "Refuse what would make the store bigger than this", |s| Slot::Size(&mut s.store_quota)),
    row("in_memory", "in-memory", "Keep nothing on disk, whatever `store` says: all is gone when the service stops", |s| Slot::Switch(&mut s.in_memory)),
    row("log", "log", "How the log on standard error looks: text or json", |s| Slot::Word(&mut s.log, &["text", "json"])),
    row("log_filter", "log-filter", "What is in the log, in the words of RUST_LOG; `info` if nothing is said", |s| Slot::Text(&mut s.log_filter)),

    row("tls.cert", "tls-cert", "Serve HTTPS with this chain of certificates (PEM)", |s| Slot::Path(&mut s.tls_cert)),
    row("tls.key", "tls-key", "The certificates' private key (PEM)", |s| Slot::Path(&mut s.tls_key)),

    row("limits.fuel", "fuel", "WebAssembly instructions of a command", |s| Slot::Number(&mut s.api.limits.fuel)),
    row("limits.memory", "memory", "Memory of a command's processes together", |s| Slot::Size(&mut s.api.limits.memory_bytes)),
    at_least(1, row("limits.timeout", "timeout", "Wall-clock time of a command", |s| Slot::Time(&mut s.api.limits.wall_time_ms))),
    at_least(1, row("limits.processes", "processes", "Live processes of a sandbox", |s| Slot::Number(&mut s.api.limits.processes))),
    at_least(3, row("limits.open_files", "open-files", "Open files of a process", |s| Slot::Number(&mut s.api.limits.open_files))),
    row("limits.disk", "disk", "Contents of a sandbox's files beyond the image's", |s| Slot::Size(&mut s.api.limits.tree_bytes)),
    row("limits.files", "files", "Files, directories and links of a sandbox beyond the image's", |s| Slot::Number(&mut s.api.limits.tree_files)),
    row("limits.output", "output", "Captured output kept of each of stdout and stderr", |s| Slot::Size(&mut s.api.limits.output_bytes)),
    row("limits.arguments", "arguments", "Arguments and environment of a process", |s| Slot::Size(&mut s.api.limits.argument_bytes)),
    row("limits.path", "path-length", "Length of a path", |s| Slot::Size(&mut s.api.limits.path_bytes)),
    row("limits.name", "name-length", "Length of a file name", |s| Slot::Size(&mut s.api.limits.name_bytes)),
    row("limits.symlinks", "symlinks", "Symbolic links followed in a path", |s| Slot::Number(&mut s.api.limits.symlinks)),
    row("limits.recursion", "recursion", "Depth of shell functions, source and eval", |s| Slot::Number(&mut s.api.limits.shell_recursion)),

    at_least(1, row("admission.execs", "execs", "Commands that run at a time; more wait for their turn", |s| Slot::Number(&mut s.api.execs))),
    row("admission.queue", "queue", "Commands that wait for their turn, for each key; one more is 429", |s| Slot::Number(&mut s.api.queue)),
    row("admission.wait", "queue-timeout", "How long a command waits for its turn before it is 429", |s| Slot::Time(&mut s.api.queue_timeout)),
    row("admission.responses", "responses", "Responses that are being made at a time; one more is 429", |s| Slot::Number(&mut s.api.responses)),

    row("http.connections", "connections", "Connections open at a time; more wait to be accepted", |s| Slot::Number(&mut s.api.connections)),
    row("http.headers", "headers", "Header fields of a request", |s| Slot::Number(&mut s.api.headers)),
    at_least(8192, row("http.header_bytes", "header-bytes", "A request's line and header fields", |s| Slot::Size(&mut s.api.header_bytes))),
    at_least(1, row("http.header_timeout", "header-timeout", "Time until a request's header fields are complete", |s| Slot::Time(&mut s.api.header_timeout))),
    row("http.body", "body", "Largest body that is not an upload: JSON, forms and archives of runs", |s| Slot::Size(&mut s.api.body_bytes)),
    at_least(1, row("http.body_timeout", "body-timeout", "Time between two pieces of a request's body", |s| Slot::Time(&mut s.api.body_timeout))),
    row("http.upload", "upload", "Largest file that is uploaded, with its form", |s| Slot::Size(&mut s.api.upload_bytes)),
    row("http.bodies", "bodies", "Request bodies in memory, of all requests together; more is 429", |s| Slot::Size(&mut s.api.bodies_bytes)),
    row("http.outputs", "outputs", "All files that a run returns, together", |s| Slot::Size(&mut s.api.outputs_bytes)),
    row("http.outputs_files", "outputs-files", "Files that a run returns", |s| Slot::Number(&mut s.api.outputs_files)),
    row("http.grace", "grace", "How long commands may go on when the service is told to stop", |s| Slot::Time(&mut s.api.grace)),
    at_least(1, row("http.keep_alive", "keep-alive", "A comment is sent this often into a stream in which nothing happens", |s| Slot::Time(&mut s.api.keep_alive))),
    row("http.sockets", "sockets", "WebSockets open at a time, for each key", |s| Slot::Number(&mut s.api.sockets)),
    at_least(1, row("http.response_socket", "response-socket", "How long a WebSocket for responses may be open", |s| Slot::Time(&mut s.api.response_socket))),
    at_least(1, row("http.terminal_idle", "terminal-idle", "A terminal is closed when nothing was typed or printed for so long", |s| Slot::Time(&mut s.api.terminal_idle))),
    row("http.models", "model", "A model that `/v1/models` lists besides those of [models]", |s| Slot::Names(&mut s.api.models)),

    row("quotas.requests_per_minute", "quota-requests", "Requests a minute", |s| Slot::Number(&mut s.api.quotas.requests_per_minute)),
    row("quotas.fuel_per_minute", "quota-fuel", "WebAssembly instructions a minute, on average", |s| Slot::Number(&mut s.api.quotas.fuel_per_minute)),
    row("quotas.execs", "quota-execs", "Commands at a time", |s| Slot::Number(&mut s.api.quotas.concurrent_execs)),
    row("quotas.memory", "quota-memory", "Memory limits of the commands at a time, together", |s| Slot::Size(&mut s.api.quotas.memory_bytes)),
    row("quotas.stored", "quota-stored", "Files, skills, containers and snapshots of an owner", |s| Slot::Size(&mut s.api.quotas.stored_bytes)),

    row("audit.requests", "audit-requests", "Put every request on the audit trail; without it only what is run", |s| Slot::Switch(&mut s.api.audit_requests)),
    row("audit.keep", "audit-keep", "Bytes of the audit trail that are kept, the newest; all if nothing is said, 16M if it is in memory", |s| Slot::Size(&mut s.api.audit_keep.bytes)),
    at_least(1, row("audit.keep_age", "audit-keep-age", "Age up to which records of the audit trail are kept; any if nothing is said", |s| Slot::Time(&mut s.api.audit_keep.age))),

    row("containers.batch", "batch", "What was done is safe from a crash so long after it is reported; 0: before. Responses in the background always before", |s| Slot::Time(&mut s.api.batch)),
    at_least(1, row("containers.idle_after", "idle-after", "A container that was not used for so long leaves memory", |s| Slot::Time(&mut s.containers.idle_after))),
    at_least(1, row("containers.log_entries", "log-entries", "Log records kept of a container, with the states they left", |s| Slot::Number(&mut s.containers.retention.entries))),
    at_least(1, row("containers.log_age", "log-age", "Age up to which log records are kept; `none` for any", |s| Slot::Time(&mut s.containers.retention.age))),
    at_least(1, row("containers.collect_every", "collect-every", "Time between two garbage collections", |s| Slot::Time(&mut s.containers.collect_every))),
    at_least(1, row("containers.lease_wait", "lease-wait", "How long to wait for a container that another process has in use", |s| Slot::Time(&mut s.containers.lease_wait))),

    row("agent.output", "agent-output", "Characters of output kept of a model's command when it has not said: head and tail", |s| Slot::Number(&mut s.agent.output_chars)),
    row("agent.most_output", "agent-most-output", "The most that a model may ask for", |s| Slot::Number(&mut s.agent.most_output_chars)),
    row("agent.repairs", "agent-repairs", "Invalid calls of a model in a row after which a response fails", |s| Slot::Number(&mut s.agent.repairs)),

    at_least(16, row("engine.processes", "engine-processes", "Live processes of all sandboxes together", |s| Slot::Number(&mut s.engine.processes))),
    at_least(1, row("engine.workers", "workers", "Threads that run processes", |s| Slot::Number(&mut s.engine.workers))),
    row("engine.cache", "module-cache", "Where programs that were uploaded are kept compiled; must be writable by nobody else", |s| Slot::Path(&mut s.engine.cache_dir)),

    row("telemetry.endpoint", "telemetry", "Send traces to this collector (OTLP over HTTP), as `http://127.0.0.1:4318`; none if nothing is said", |s| Slot::Text(&mut s.telemetry.endpoint)),
    row("telemetry.headers", "telemetry-headers", "Header fields for the collector, `name=value`, separated by commas", |s| Slot::Secret(&mut s.telemetry.headers)),
    row("telemetry.service", "telemetry-service", "What the service is called in traces; `coquina` if nothing is said", |s| Slot::Text(&mut s.telemetry.service)),
];
