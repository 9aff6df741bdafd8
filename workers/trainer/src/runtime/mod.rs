//! Where ONNX Runtime's shared library is, and how it gets there: `ORT_DYLIB_PATH`, else the cache, else a
//! pinned wheel from the Python Package Index, fetched with pip into the cache.

mod install;
mod wheels;

use std::{
    env,
    path::{Path, PathBuf},
};

use wheels::Distribution;

pub use install::{InstallError, install};

/// The file of the CUDA provider.
const CUDA_PROVIDER: &str = "libonnxruntime_providers_cuda.so";

/// Which build of the runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Cpu,
    /// With the CUDA provider and the CUDA libraries it needs.
    Cuda,
}

/// What is known about the runtime without loading it.
#[derive(Debug)]
pub struct Info {
    /// `ORT_DYLIB_PATH`, which wins over the cache.
    pub from_environment: Option<PathBuf>,
    pub cache: PathBuf,
    /// Each kind there is a build of for this platform, where its library belongs, and whether it is there.
    pub builds: Vec<(Kind, PathBuf, bool)>,
}

/// `$XDG_CACHE_HOME/sweep`, else `~/.cache/sweep`.
///
/// # Errors
/// Neither variable is set.
pub fn cache_dir() -> Result<PathBuf, InstallError> {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
    base.map(|base| base.join("sweep")).ok_or(InstallError::NoCacheFolder)
}

/// The library that `ORT_DYLIB_PATH` names.
#[must_use]
pub fn from_environment() -> Option<PathBuf> {
    env::var_os("ORT_DYLIB_PATH").filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// The CPU library, installing it when it is missing; `say` gets one line when that takes a while.
///
/// # Errors
/// It could not be installed.
pub fn ensure(say: &mut dyn FnMut(&str)) -> Result<PathBuf, InstallError> {
    match from_environment() {
        Some(path) if path.is_file() => Ok(path),
        Some(path) => Err(InstallError::WrongEnvironment { path }),
        None => install(Kind::Cpu, say),
    }
}

/// The library with the CUDA provider beside it; it is large, so nobody installs it unasked.
///
/// # Errors
/// It is not there.
pub fn cuda() -> Result<PathBuf, InstallError> {
    let library = match from_environment() {
        Some(path) if path.is_file() => path,
        Some(path) => return Err(InstallError::WrongEnvironment { path }),
        None => library(&cache_dir()?, &distribution(Kind::Cuda).ok_or(InstallError::NoWheel)?),
    };
    match library.with_file_name(CUDA_PROVIDER).is_file() {
        true => Ok(library),
        false => Err(InstallError::NoCuda { library }),
    }
}

/// What is known without loading anything.
///
/// # Errors
/// There is no place for a cache.
pub fn info() -> Result<Info, InstallError> {
    let cache = cache_dir()?;
    let builds = [Kind::Cpu, Kind::Cuda]
        .into_iter()
        .filter_map(|kind| {
            let path = library(&cache, &distribution(kind)?);
            let there = path.is_file();
            Some((kind, path, there))
        })
        .collect();
    Ok(Info { from_environment: from_environment(), cache, builds })
}

fn distribution(kind: Kind) -> Option<Distribution> {
    let (os, arch) = (env::consts::OS, env::consts::ARCH);
    match kind {
        Kind::Cpu => wheels::cpu_for(os, arch),
        Kind::Cuda => wheels::cuda_for(os, arch),
    }
}

fn library(cache: &Path, distribution: &Distribution) -> PathBuf {
    cache.join(distribution.folder).join(distribution.library)
}
