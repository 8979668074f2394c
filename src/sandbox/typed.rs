//! Commands that somebody types: whether they are whole, and whether they end the conversation.

use super::exec::{Exec, Outcome};
use super::sandbox::Sandbox;
use crate::base::Limits;

/// What bash says of a script that goes on: asked for with `-n`, which runs nothing.
const UNFINISHED: [&str; 2] = ["unexpected end of file", "unexpected EOF while looking for matching"];

/// What a script may take to be looked at: milliseconds, and WebAssembly instructions.
const PARSE_MS: u64 = 2000;
const PARSE_FUEL: u64 = 1_000_000_000;

/// Whether `script` needs more lines to be whole. In `parser` it is only parsed, for two seconds at the most.
pub async fn is_unfinished(parser: &Sandbox, script: &[u8]) -> bool {
    if script.ends_with(b"\\") {
        return true;
    }
    let mut exec = Exec::program([&b"bash"[..], b"-n", b"-c", script].map(<[u8]>::to_vec));
    exec.limits = Some(Limits { wall_time_ms: PARSE_MS, fuel: PARSE_FUEL, ..Limits::default() });
    let Ok(parsed) = parser.exec(exec).await else { return false };
    let said = String::from_utf8_lossy(&parsed.stderr.bytes);
    parsed.outcome == Outcome::Exit { exit_code: 2 } && UNFINISHED.iter().any(|text| said.contains(text))
}

/// The status to leave with, if `script` is just `exit` or `exit N`; `last` is that of the command before.
pub fn leaves(script: &[u8], last: u8) -> Option<u8> {
    let text = str::from_utf8(script).ok()?;
    match text.split_whitespace().collect::<Vec<_>>()[..] {
        ["exit"] => Some(last),
        ["exit", word] => Some(word.parse::<i64>().map_or(last, |n| n as u8)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::leaves;

    #[test]
    fn only_a_plain_exit_leaves() {
        for (script, status) in [
            (&b"exit"[..], Some(7)),
            (b" exit 3\n", Some(3)),
            (b"exit 256", Some(0)),
            (b"exit -1", Some(255)),
            (b"exit x", Some(7)),
            (b"exit 1 2", None),
            (b"exits", None),
            (b"(exit 3)", None),
            (b"exit\xff", None),
            (b"", None),
        ] {
            assert_eq!(leaves(script, 7), status, "{}", script.escape_ascii());
        }
    }
}
