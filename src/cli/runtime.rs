//! `sweep runtime install|info`: where ONNX Runtime is, and getting it.

use std::{path::PathBuf, process::ExitCode};

use clap::Subcommand;
use serde_json::json;
use sweep_trainer::{
    Engine,
    runtime::{self, InstallError, Kind},
};

use super::{
    Failure, Global, OutputMode,
    failure::{print, say},
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Download ONNX Runtime with pip into sweep's cache, unless it is there
    Install {
        /// The build for NVIDIA GPUs, with the CUDA 13 libraries it needs (about 1.4 GB)
        #[arg(long)]
        cuda: bool,
    },
    /// Say which ONNX Runtime is used, and what is in the cache
    Info,
}

pub(super) fn run(global: &Global, args: &Args) -> Result<ExitCode, Failure> {
    match args.command {
        Command::Install { cuda } => {
            let kind = if cuda { Kind::Cuda } else { Kind::Cpu };
            let library = runtime::install(kind, &mut |line| say(line)).map_err(failure)?;
            print(&format!("{}\n", library.display()))?;
        }
        Command::Info => match global.output_mode {
            OutputMode::Cli => print(&info().map_err(failure)?)?,
            OutputMode::Json => print(&format!("{:#}\n", info_json().map_err(failure)?))?,
            OutputMode::Quiet => {}
        },
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn failure(error: InstallError) -> Failure {
    let hint = error.hint();
    Failure::internal(error).hint(hint)
}

fn info_json() -> Result<serde_json::Value, InstallError> {
    let info = runtime::info()?;
    let build = |(kind, path, there): &(Kind, PathBuf, bool)| {
        let kind = if *kind == Kind::Cpu { "cpu" } else { "cuda" };
        json!({"kind": kind, "library": path, "installed": there})
    };
    let builds: Vec<_> = info.builds.iter().map(build).collect();
    Ok(json!({"version": 1, "cache": info.cache, "ort_dylib_path": info.from_environment, "builds": builds}))
}

fn info() -> Result<String, InstallError> {
    let info = runtime::info()?;
    let mut lines = vec![format!("cache           {}", info.cache.display())];
    for (kind, path, there) in &info.builds {
        let name = match kind {
            Kind::Cpu => "cpu build",
            Kind::Cuda => "cuda build",
        };
        let state = if *there { "" } else { "  (not installed)" };
        lines.push(format!("{name:<16}{}{state}", path.display()));
    }
    let cpu =
        info.builds.iter().find(|(kind, _, there)| *kind == Kind::Cpu && *there).map(|(_, path, _)| path);
    let (used, why) = match (&info.from_environment, cpu) {
        (Some(path), _) => (Some(path), "named by `ORT_DYLIB_PATH`"),
        (None, cpu) => (cpu, "from the cache"),
    };
    lines.push(match used {
        None => "in use          none yet; the first training or `sweep runtime install` gets it".to_owned(),
        Some(path) => match Engine::load(path) {
            Ok(engine) => {
                format!("in use          {} ({why})\nbuild           {}", path.display(), engine.version())
            }
            Err(error) => {
                format!("in use          {} ({why}), which cannot be loaded: {error}", path.display())
            }
        },
    });
    Ok(lines.join("\n") + "\n")
}
