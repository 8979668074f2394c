//! `coquina limits`.

use anyhow::Result;

use crate::base::Limits;

/// Prints every limit with its default, one a line.
pub fn limits() -> Result<u8> {
    let limits = Limits::default();
    let rows: [(&str, u64, &str); 13] = [
        ("wall_time_ms", limits.wall_time_ms, "wall-clock time of an exec, milliseconds (--timeout)"),
        ("fuel", limits.fuel, "WebAssembly instructions of an exec (--fuel)"),
        ("memory_bytes", limits.memory_bytes, "memory of all live processes of a sandbox, bytes (--memory)"),
        ("processes", limits.processes.into(), "live processes of a sandbox"),
        ("open_files", limits.open_files.into(), "open files of a process"),
        ("tree_bytes", limits.tree_bytes, "file contents beyond the image's, bytes (--disk of a box)"),
        ("tree_files", limits.tree_files, "files, directories and links beyond the image's (--files of a box)"),
        ("output_bytes", limits.output_bytes, "captured output kept of each stream, head and tail, bytes"),
        ("argument_bytes", limits.argument_bytes.into(), "arguments and environment of a process, bytes"),
        ("path_bytes", limits.path_bytes.into(), "length of a path, bytes"),
        ("name_bytes", limits.name_bytes.into(), "length of a file name, bytes"),
        ("symlinks", limits.symlinks.into(), "symbolic links followed in a path"),
        ("shell_recursion", limits.shell_recursion.into(), "depth of shell functions, source and eval"),
    ];
    for (name, value, meaning) in rows {
        println!("{name:<16} {value:>16}  {meaning}");
    }
    Ok(0)
}
