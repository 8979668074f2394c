//! `coquina image`.

use std::path::Path;

use anyhow::Result;

use super::setup;
use crate::base::Limits;
use crate::sandbox::build_image;

/// Builds an image; progress goes to standard error.
pub fn build(recipe: &Path, wasm: &Path, out: &Path) -> Result<u8> {
    let engine = setup::engine(&Limits::default())?;
    build_image(&engine, recipe, wasm, out, &mut |step| eprintln!("    {step}"))?;
    Ok(0)
}

/// Checks every file of an image.
pub fn verify(image: Option<&Path>) -> Result<u8> {
    let engine = setup::engine(&Limits::default())?;
    setup::image(&engine, image)?.verify()?;
    Ok(0)
}
