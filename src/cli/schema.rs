//! `sweep schema`: what an editor needs to know of specs.

use std::process::ExitCode;

use super::{Failure, failure::print};
use crate::spec;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Where it goes:
  sweep schema > sweep.schema.json

and on top of a spec, for editors with the YAML language server (VS Code, Neovim, Emacs, Helix):
  # yaml-language-server: $schema=sweep.schema.json")]
pub(super) struct Args {}

pub(super) fn run(_: &Args) -> Result<ExitCode, Failure> {
    print(&format!("{:#}\n", spec::schema()))?;
    Ok(ExitCode::SUCCESS)
}
