//! GPUs: what there are, how busy they are, and with whom. Read from NVIDIA's driver, or from a file.

use std::{
    env,
    ffi::OsStr,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::nvml::Library;

/// The largest file that `SWEEP_GPUS` may name, in bytes.
const MAX_FIXED: u64 = 1 << 20;

/// One GPU at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GpuReading {
    /// The driver's number, in the order of the bus. CUDA may count otherwise (`CUDA_DEVICE_ORDER`), so a GPU
    /// is handed on by its `uuid`.
    pub index: u32,
    pub uuid: String,
    pub name: String,
    /// In bytes.
    pub memory_total: u64,
    /// In bytes, whoever uses it.
    pub memory_used: u64,
    /// Share of the last moments in which it was computing, in percent.
    pub utilisation: Option<u32>,
    /// Energy since the driver was loaded, in thousandths of a joule; from Volta on.
    #[serde(default)]
    pub millijoules: Option<u64>,
    #[serde(default)]
    pub processes: Vec<GpuProcess>,
}

/// A process with something on a GPU.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GpuProcess {
    /// In a container, the host's number.
    pub pid: u32,
    /// GPU memory, where the driver tells.
    pub bytes: Option<u64>,
    /// The program, where the process can be seen from here.
    pub name: Option<String>,
}

/// The NVIDIA driver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Driver {
    pub version: String,
    /// The newest CUDA it can run, as (major, minor).
    pub cuda: Option<(u32, u32)>,
}

/// Where readings of GPUs come from.
#[derive(Debug)]
pub enum Gpus {
    /// The driver's management library.
    Nvml(Box<Library>),
    /// A file of readings.
    Fixed(PathBuf),
    /// No GPU can be used, and why.
    None { why: String },
}

impl Gpus {
    /// Readings from the file that `SWEEP_GPUS` names if it is set, otherwise from the driver. The variable is for
    /// tests, and for machines whose driver does not tell the truth: a JSON array of [`GpuReading`], read again at
    /// each reading.
    #[must_use]
    pub fn open() -> Self {
        match env::var_os("SWEEP_GPUS").filter(|value| !value.is_empty()) {
            None => Self::open_library(OsStr::new("libnvidia-ml.so.1")),
            Some(path) => match fixed(Path::new(&path)) {
                Ok(_) => Self::Fixed(PathBuf::from(path)),
                Err(why) => Self::None { why },
            },
        }
    }

    /// Readings from this management library, which is found as `dlopen` finds it.
    #[must_use]
    pub fn open_library(library: &OsStr) -> Self {
        match Library::open(library) {
            Ok(library) => Self::Nvml(Box::new(library)),
            Err(why) => Self::None { why },
        }
    }

    /// The GPUs there are now, but for those that `CUDA_VISIBLE_DEVICES` hides; in its order if it is set. One
    /// that has gone, or a file that can no longer be read, is missing.
    #[must_use]
    pub fn read(&self) -> Vec<GpuReading> {
        let all = match self {
            Self::Nvml(library) => library.read(),
            Self::Fixed(path) => fixed(path).unwrap_or_default(),
            Self::None { .. } => Vec::new(),
        };
        match env::var("CUDA_VISIBLE_DEVICES") {
            Ok(shown) => visible(all, &shown),
            Err(_) => all,
        }
    }

    /// Why a reading was empty, in words.
    #[must_use]
    pub fn why_none(&self) -> String {
        match self {
            Self::None { why } => why.clone(),
            _ if env::var_os("CUDA_VISIBLE_DEVICES").is_some() => {
                "none is left by `CUDA_VISIBLE_DEVICES`".to_owned()
            }
            Self::Nvml(_) => "the NVIDIA driver finds none".to_owned(),
            Self::Fixed(path) => format!("`{}` holds none", path.display()),
        }
    }

    /// The driver that the readings come from.
    #[must_use]
    pub fn driver(&self) -> Option<Driver> {
        match self {
            Self::Nvml(library) => library.driver(),
            _ => None,
        }
    }
}

fn fixed(path: &Path) -> Result<Vec<GpuReading>, String> {
    let failed = |problem: String| format!("`SWEEP_GPUS` names `{}`: {problem}", path.display());
    let mut text = String::new();
    let file = File::open(path).map_err(|error| failed(error.to_string()))?;
    file.take(MAX_FIXED).read_to_string(&mut text).map_err(|error| failed(error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| failed(error.to_string()))
}

/// What CUDA would show: the named GPUs, by number or by the beginning of one UUID, up to the first name of none.
fn visible(mut gpus: Vec<GpuReading>, shown: &str) -> Vec<GpuReading> {
    let mut visible = Vec::new();
    for name in shown.split(',').map(str::trim) {
        let is_named = |gpu: &GpuReading| match name.parse::<u32>() {
            Ok(index) => gpu.index == index,
            Err(_) => name.starts_with("GPU-") && gpu.uuid.starts_with(name),
        };
        let Some(at) = gpus.iter().position(is_named) else { break };
        if gpus.iter().filter(|gpu| is_named(gpu)).count() > 1 {
            break;
        }
        visible.push(gpus.remove(at));
    }
    visible
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gpu(index: u32) -> GpuReading {
        GpuReading {
            index,
            uuid: format!("GPU-{index}{index}-x"),
            name: "Fake".to_owned(),
            memory_total: 8,
            memory_used: 1,
            utilisation: None,
            millijoules: None,
            processes: Vec::new(),
        }
    }

    #[test]
    fn visible_devices_are_those_of_cuda() {
        let shown = |shown: &str| {
            let gpus = visible(vec![gpu(0), gpu(1), gpu(2)], shown);
            gpus.iter().map(|gpu| gpu.index).collect::<Vec<_>>()
        };
        assert_eq!(shown("2,0"), [2, 0]);
        assert_eq!(shown(" 1 "), [1]);
        assert_eq!(shown("GPU-22,GPU-00-x"), [2, 0]);
        assert_eq!(shown("0,7,1"), [0], "those after a wrong one are hidden");
        assert_eq!(shown("0,0,1"), [0]);
        for none in ["", "-1", "none", "NoDevFiles", "GPU-", "MIG-1"] {
            assert_eq!(shown(none), [0_u32; 0], "{none}");
        }
    }

    #[test]
    fn a_file_is_read_again_each_time() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("gpus.json");
        std::fs::write(&path, serde_json::to_string(&[gpu(0), gpu(1)]).unwrap()).unwrap();
        assert_eq!(fixed(&path).unwrap(), [gpu(0), gpu(1)]);
        std::fs::write(&path, serde_json::to_string(&[gpu(1)]).unwrap()).unwrap();
        assert_eq!(fixed(&path).unwrap(), [gpu(1)]);
        std::fs::write(&path, r#"[{"index": 0, "colour": "red"}]"#).unwrap();
        assert!(fixed(&path).unwrap_err().contains("unknown field `colour`"));
        assert!(fixed(&dir.path().join("none")).unwrap_err().contains("`SWEEP_GPUS` names"));
    }

    #[test]
    fn without_a_driver_it_says_so() {
        let gpus = Gpus::open_library(OsStr::new("libnot-there.so.1"));
        assert_eq!(gpus.read(), []);
        assert_eq!(gpus.why_none(), "no NVIDIA driver: `libnot-there.so.1` cannot be loaded");
        assert_eq!(gpus.driver(), None);
    }
}
