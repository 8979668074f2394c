//! `coquina image`.

use std::path::Path;

use anyhow::{Context as _, Result};

use super::setup;
use crate::base::Limits;
use crate::sandbox::{Image, build_image};

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

/// Writes this program with an image at its end.
pub fn embed(out: &Path, image: Option<&Path>) -> Result<u8> {
    let program = std::env::current_exe().context("where this program is cannot be told")?;
    Image::embed(&setup::image_path(image)?, &program, out)?;
    Ok(0)
}
