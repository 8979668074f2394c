//! x
use anyhow::Result; use super::args::WasiRunArgs;
pub fn run(_: &WasiRunArgs) -> Result<u8> { Ok(0) }
