//! Every limit, its unit and its default.

/// What one sandbox may use. Each is a number; none can be switched off, only set high.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Wall-clock time of one exec, in milliseconds.
    pub wall_time_ms: u64,
    /// WebAssembly instructions (and host work charged like them) of one exec.
    pub fuel: u64,
    /// Linear memory of all live processes together, in bytes.
    pub memory_bytes: u64,
    /// Live processes (running or not yet waited for).
    pub processes: u32,
    /// Open files of one process.
    pub open_files: u32,
    /// File contents in the tree beyond the image's, in bytes.
    pub tree_bytes: u64,
    /// Files, directories and links in the tree beyond the image's.
    pub tree_files: u64,
    /// Captured output kept of each of stdout and stderr, in bytes: half from its head, half from its tail.
    pub output_bytes: u64,
    /// Arguments and environment of one process, in bytes.
    pub argument_bytes: u32,
    /// Length of a path, in bytes.
    pub path_bytes: u32,
    /// Length of one name in a path, in bytes.
    pub name_bytes: u32,
    /// Symbolic links followed in one path.
    pub symlinks: u32,
    /// Depth of shell functions, `source` and `eval`.
    pub shell_recursion: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            wall_time_ms: 300_000,
            fuel: 2_000_000_000_000,
            memory_bytes: 1 << 30,
            processes: 256,
            open_files: 1024,
            tree_bytes: 4 << 30,
            tree_files: 1_000_000,
            output_bytes: 8 << 20,
            argument_bytes: 2 << 20,
            path_bytes: 4096,
            name_bytes: 255,
            symlinks: 40,
            shell_recursion: 1000,
        }
    }
}

/// A limit that was reached: which, its value, and what was used or asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Exceeded {
    /// Which limit.
    pub limit: Limit,
    /// Its value.
    pub value: u64,
    /// What was used, or would have been.
    pub used: u64,
}

/// The limits whose breach ends an exec. The others are plain errors to the guest (`ENOSPC`, `ENAMETOOLONG` …).
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "named as the fields of Limits")]
pub enum Limit {
    WallTime,
    Fuel,
    Memory,
    Processes,
    OpenFiles,
    ShellRecursion,
}

impl std::fmt::Display for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Limit::WallTime => "wall_time",
            Limit::Fuel => "fuel",
            Limit::Memory => "memory",
            Limit::Processes => "processes",
            Limit::OpenFiles => "open_files",
            Limit::ShellRecursion => "shell_recursion",
        })
    }
}

impl std::fmt::Display for Exceeded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "limit exceeded: {}: used {} of {}", self.limit, self.used, self.value)
    }
}
