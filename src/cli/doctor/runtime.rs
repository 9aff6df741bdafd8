//! What training runs on: ONNX Runtime, and GPUs with their driver.

use std::{env, path::Path};

use sweep_trainer::{
    Engine,
    runtime::{self, InstallError, Kind},
};

use super::{Finding, Here, count};
use crate::device::Gpus;

/// The oldest driver's CUDA that the CUDA build of ONNX Runtime works with.
const CUDA: (u32, u32) = (13, 0);

pub(super) fn library(_: &Here) -> Finding {
    let info = match runtime::info() {
        Ok(info) => info,
        Err(error) => return Finding::problem(error.to_string(), error.hint()),
    };
    let cached = info.builds.iter().find(|(kind, _, there)| *kind == Kind::Cpu && *there);
    match (&info.from_environment, cached) {
        (Some(path), _) if !path.is_file() => {
            let error = InstallError::WrongEnvironment { path: path.clone() };
            Finding::problem(error.to_string(), error.hint())
        }
        (Some(path), _) => load(path, format!("`{}`, named by `ORT_DYLIB_PATH`", path.display())),
        (None, Some((_, path, _))) => {
            // The folder names the version; where the cache is, `sweep runtime info` says.
            let folder = path.parent().and_then(Path::file_name).unwrap_or_default();
            load(path, format!("`{}` from the cache", folder.display()))
        }
        (None, None) => absent(),
    }
}

fn load(path: &Path, place: String) -> Finding {
    match Engine::load(path) {
        Ok(engine) => {
            let version = engine.version();
            let commit = version.split(", ").find_map(|part| part.strip_prefix("git-commit-id="));
            Finding::ok(format!("{place}, commit {}", commit.unwrap_or("unknown")))
        }
        Err(error) => Finding::problem(
            format!("{place} cannot be loaded: {error}"),
            "delete its folder if it is in the cache, and run `sweep runtime install`; otherwise let `ORT_DYLIB_PATH` \
             name a `libonnxruntime.so` of version 1.24 or newer",
        ),
    }
}

fn absent() -> Finding {
    let is_there = |name: &&str| {
        let folders = env::var_os("PATH").unwrap_or_default();
        env::split_paths(&folders).any(|folder| folder.join(name).is_file())
    };
    if ["python3", "pip3", "python", "pip"].iter().any(is_there) {
        return Finding::warning(
            "not there yet; the first training gets it with pip, about 28 MB",
            "`sweep runtime install` gets it now; it needs a network once",
        );
    }
    let error = InstallError::NoPip { tried: "`python3`, `pip3`, `python`, `pip`".to_owned() };
    Finding::problem(format!("not there, and {error}"), error.hint())
}

pub(super) fn gpus(_: &Here) -> Finding {
    let gpus = Gpus::open();
    let readings = gpus.read();
    let has_build = runtime::cuda().is_ok();
    if readings.is_empty() {
        let found = format!("none ({}); trials train on processors", gpus.why_none());
        return match has_build {
            false => Finding::ok(found),
            true => Finding::warning(
                found,
                "the CUDA build of ONNX Runtime is there: `nvidia-smi` should list a GPU that is to use it",
            ),
        };
    }
    let mut found = count(readings.len() as u64, "GPU");
    if let Some(driver) = gpus.driver() {
        found += &format!(", driver {}", driver.version);
        if driver.cuda.is_some_and(|cuda| cuda < CUDA) {
            return Finding::warning(
                format!("{found}, which is too old for the CUDA {}.{} of ONNX Runtime", CUDA.0, CUDA.1),
                "update the NVIDIA driver to 580 or newer; until then say `resources: {device: cpu}`",
            );
        }
    }
    let busy = readings.iter().filter(|gpu| !gpu.processes.is_empty()).count();
    if busy > 0 {
        found += &format!("; {busy} in use (`sweep devices` says by whom)");
    }
    match has_build {
        true => Finding::ok(format!("{found}; models train on them")),
        false => Finding::warning(
            format!("{found}; the CUDA build of ONNX Runtime is not there"),
            "`sweep runtime install --cuda` gets it, about 1.4 GB; models train on processors without it",
        ),
    }
}
