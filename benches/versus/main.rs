//! Coquina side by side with the native programs, in the same run: medians, a table, `versus.json` in the build folder.
//!
//! `cargo bench --bench versus [-- ROW …]`. The reference of each row runs right beside ours, so that a busy machine slows both.
//! A row is `{"name", "unit", "ours", "reference", "theirs", "ratio"}` with ratio = ours / theirs; rows without a reference have null.

mod agent;
#[path = "../../tests/http/client.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod client;
mod engine;
mod harness;
mod http;
mod responses;
mod state;

fn main() {
    let mut bench = harness::Bench::start();
    bench.engine();
    bench.state();
    bench.agent();
    bench.http();
    bench.responses();
    bench.finish();
}
