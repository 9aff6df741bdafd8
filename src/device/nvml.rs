//! Readings from NVIDIA's management library, which comes with the driver and is loaded while the program runs.

use std::{ffi::OsStr, fs};

use nvml_wrapper::{
    Device, Nvml, enums::device::UsedGpuMemory, error::NvmlError, struct_wrappers::device::ProcessInfo,
};

use super::{Driver, GpuProcess, GpuReading};

/// The loaded library.
#[derive(Debug)]
pub struct Library(Nvml);

impl Library {
    /// Loads the library and has it find the driver; an error says in words why there are no GPUs.
    pub(super) fn open(library: &OsStr) -> Result<Self, String> {
        Nvml::builder().lib_path(library).init().map(Self).map_err(|error| match error {
            NvmlError::LibloadingError(_) | NvmlError::LibraryNotFound => {
                format!("no NVIDIA driver: `{}` cannot be loaded", library.display())
            }
            NvmlError::DriverNotLoaded => "the NVIDIA driver is not loaded".to_owned(),
            NvmlError::NoPermission => "this user may not use the NVIDIA driver".to_owned(),
            NvmlError::LibRmVersionMismatch => {
                "the NVIDIA driver was updated; it works again after a restart of the machine".to_owned()
            }
            error => format!("the NVIDIA driver does not answer: {error}"),
        })
    }

    /// The GPUs that answer. One that is lost, or does not tell who it is and what memory it has, is left out.
    pub(super) fn read(&self) -> Vec<GpuReading> {
        let count = self.0.device_count().unwrap_or(0);
        (0..count)
            .filter_map(|index| self.0.device_by_index(index).and_then(|gpu| read(index, &gpu)).ok())
            .collect()
    }

    pub(super) fn driver(&self) -> Option<Driver> {
        let cuda = self.0.sys_cuda_driver_version().ok().and_then(|version| u32::try_from(version).ok());
        Some(Driver {
            version: self.0.sys_driver_version().ok()?,
            cuda: cuda.map(|version| (version / 1000, version % 1000 / 10)),
        })
    }
}

fn read(index: u32, gpu: &Device<'_>) -> Result<GpuReading, NvmlError> {
    let memory = gpu.memory_info()?;
    Ok(GpuReading {
        index,
        uuid: gpu.uuid()?,
        name: gpu.name()?,
        memory_total: memory.total,
        memory_used: memory.used,
        // A GPU that is divided has no figure for the whole.
        utilisation: gpu.utilization_rates().ok().map(|rates| rates.gpu),
        millijoules: gpu.total_energy_consumption().ok(),
        processes: processes(gpu),
    })
}

/// Who computes or draws on it, each process once; nobody where the driver does not tell.
fn processes(gpu: &Device<'_>) -> Vec<GpuProcess> {
    let compute = gpu.running_compute_processes().unwrap_or_default();
    let graphics = gpu.running_graphics_processes().unwrap_or_default();
    let mut processes: Vec<GpuProcess> = Vec::new();
    for ProcessInfo { pid, used_gpu_memory, .. } in compute.into_iter().chain(graphics) {
        let bytes = match used_gpu_memory {
            UsedGpuMemory::Used(bytes) => Some(bytes),
            UsedGpuMemory::Unavailable => None,
        };
        match processes.iter_mut().find(|process| process.pid == pid) {
            // Both lists tell of all its memory.
            Some(process) => process.bytes = process.bytes.max(bytes),
            None => processes.push(GpuProcess { pid, bytes, name: name(pid) }),
        }
    }
    processes
}

fn name(pid: u32) -> Option<String> {
    fs::read_to_string(format!("/proc/{pid}/comm")).ok().map(|name| name.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use std::{path::PathBuf, process::Command};

    use super::*;
    use crate::device::Gpus;

    /// Builds the library of `tests/fixtures/nvml/fake.c`: written after NVIDIA's header, so what follows proves
    /// that this code calls the right functions, reads their structures as that header lays them out, and takes
    /// each answer for what it means. It does not prove that a real driver answers so.
    fn fake(dir: &tempfile::TempDir, defines: &[&str]) -> PathBuf {
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/nvml/fake.c");
        let library = dir.path().join("libnvidia-ml.so.1");
        let mut command = Command::new("cc");
        command.args(["-shared", "-fPIC", "-Wall", "-Werror", "-o"]).arg(&library).arg(source).args(defines);
        assert!(command.status().unwrap().success());
        library
    }

    #[test]
    fn two_gpus_with_somebody_on_one() {
        let dir = tempfile::tempdir().unwrap();
        let gpus = Gpus::open_library(fake(&dir, &[]).as_os_str());
        let driver = Driver { version: "580.65.06".to_owned(), cuda: Some((13, 1)) };
        assert_eq!(gpus.driver(), Some(driver));
        let this = std::process::id();
        let process = |pid, bytes| GpuProcess { pid, bytes, name: name(pid) };
        let Gpus::Nvml(library) = &gpus else { panic!("{gpus:?}") };
        let expected = [
            GpuReading {
                index: 0,
                uuid: "GPU-00000000-1111-2222-3333-444444444444".to_owned(),
                name: "Fake H100".to_owned(),
                memory_total: 80 << 30,
                memory_used: 5 << 30,
                utilisation: Some(37),
                millijoules: Some(123_456_789_000),
                processes: vec![
                    process(this, Some(4 << 30)),
                    process(u32::MAX, None),
                    process(1, Some(256 << 20)),
                ],
            },
            GpuReading {
                index: 1,
                uuid: "GPU-11111111-1111-2222-3333-444444444444".to_owned(),
                name: "Fake H100".to_owned(),
                memory_total: 80 << 30,
                memory_used: 1 << 30,
                utilisation: None,
                millijoules: None,
                processes: Vec::new(),
            },
        ];
        assert_eq!(library.read(), expected);
        assert!(expected[0].processes[0].name.is_some() && expected[0].processes[1].name.is_none());
    }

    #[test]
    fn a_gpu_that_is_lost_is_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let Gpus::Nvml(library) = Gpus::open_library(fake(&dir, &["-DLOST"]).as_os_str()) else { panic!() };
        assert_eq!(library.read().iter().map(|gpu| gpu.index).collect::<Vec<_>>(), [1]);
    }

    #[test]
    fn a_driver_that_is_not_there_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let why = Library::open(fake(&dir, &["-DNO_DRIVER"]).as_os_str()).unwrap_err();
        assert_eq!(why, "the NVIDIA driver is not loaded");
        // A library that is something else.
        let other = dir.path().join("other.so");
        let built = Command::new("cc").args(["-shared", "-x", "c", "/dev/null", "-o"]).arg(&other).status();
        assert!(built.unwrap().success());
        let why = Library::open(other.as_os_str()).unwrap_err();
        assert!(why.starts_with("the NVIDIA driver does not answer: "), "{why}");
    }
}
