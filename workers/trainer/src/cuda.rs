//! ONNX Runtime's CUDA provider: loading its libraries, registering it, where its sessions read their inputs, and what its
//! errors mean. It is never registered so that a failure is silent, and never for a job of the CPU.

use std::{collections::HashSet, error::Error, path::Path, ptr};

use ort::{
    AsPointer,
    ep::{self, ArenaExtendStrategy, cuda::ConvAlgorithmSearch},
    memory::{AllocationDevice, Allocator, AllocatorType, MemoryInfo, MemoryType},
    session::{Session, builder::SessionBuilder},
};
use sweep_wire::{Device, Precision};

use crate::engine::EngineError;

/// How an error begins that tells what CUDA lacks.
const UNUSABLE: &str = "CUDA cannot be used";

/// Loads those of CUDA's libraries that are in this folder, each after what it needs, so that the provider finds them there;
/// the system's loader finds the others, or names the first that is missing.
///
/// # Errors
/// One of them is there and cannot be loaded.
fn preload(folder: &Path) -> Result<(), EngineError> {
    for name in ep::cuda::CUDA_DYLIBS.iter().chain(ep::cuda::CUDNN_DYLIBS) {
        let path = folder.join(name);
        if path.is_file() {
            ort::util::preload_dylib(&path).map_err(|error| {
                let why = error.source().map_or(error.to_string(), ToString::to_string);
                EngineError(format!("{UNUSABLE}: `{name}` cannot be loaded: {why}"))
            })?;
        }
    }
    Ok(())
}

/// Registers the provider of the runtime in this folder where the device is CUDA.
///
/// # Errors
/// It cannot be loaded.
pub(crate) fn provide(
    builder: SessionBuilder,
    device: Device,
    folder: &Path,
) -> Result<SessionBuilder, EngineError> {
    let Device::Cuda(precision) = device else { return Ok(builder) };
    preload(folder)?;
    let provider = ep::CUDA::default()
        // Which one that is, `CUDA_VISIBLE_DEVICES` says.
        .with_device_id(0)
        // The runtime rounds to TF32 unless it is told.
        .with_tf32(precision == Precision::Tf32)
        // A search by timing would choose other algorithms, so other roundings, from run to run.
        .with_conv_algorithm_search(ConvAlgorithmSearch::Heuristic)
        // Workers may share the GPU: none takes more than it asks for.
        .with_arena_extend_strategy(ArenaExtendStrategy::SameAsRequested);
    Ok(builder.with_execution_providers([provider.build().error_on_failure()])?)
}

/// Memory on the GPU of a session, and which of its inputs the session reads elsewhere.
pub(crate) struct Memory {
    pub(crate) allocator: Allocator,
    /// Inputs that it reads in host memory: the runtime leaves some computations to the CPU, those of shapes above all. What
    /// is bound elsewhere than where it is read is copied when it is bound, and not again.
    pub(crate) on_host: HashSet<String>,
}

impl Memory {
    pub(crate) fn of(session: &Session) -> Result<Self, EngineError> {
        let place = MemoryInfo::new(AllocationDevice::CUDA, 0, AllocatorType::Device, MemoryType::Default)?;
        Ok(Self { allocator: Allocator::new(session, place)?, on_host: read_on_host(session)? })
    }
}

/// The inputs that a session reads in host memory.
#[expect(unsafe_code, reason = "ort asks the runtime for this and keeps the answer to itself")]
pub(crate) fn read_on_host(session: &Session) -> Result<HashSet<String>, EngineError> {
    use ort::sys::{OrtDeviceMemoryType, OrtMemoryInfoDeviceType};
    let mut places = vec![ptr::null(); session.inputs().len()];
    let api = ort::api();
    // SAFETY: the session is alive, and there is room for a pointer for each of its inputs.
    unsafe {
        let status = (api.SessionGetMemoryInfoForInputs)(session.ptr(), places.as_mut_ptr(), places.len());
        ort::Error::result_from_status(status)?;
    }
    let is_on_host = |place| {
        let mut device = OrtMemoryInfoDeviceType::OrtMemoryInfoDeviceType_CPU;
        // SAFETY: the runtime gave the pointer, which lives as long as the session.
        unsafe {
            (api.MemoryInfoGetDeviceType)(place, &mut device);
            device == OrtMemoryInfoDeviceType::OrtMemoryInfoDeviceType_CPU
                || (api.MemoryInfoGetDeviceMemType)(place)
                    == OrtDeviceMemoryType::OrtDeviceMemoryType_HOST_ACCESSIBLE
        }
    };
    let inputs = session.inputs().iter().zip(places).filter(|(_, place)| is_on_host(*place));
    Ok(inputs.map(|(input, _)| input.name().to_owned()).collect())
}

/// What CUDA, cuBLAS, cuDNN and ONNX Runtime's arena say where a GPU's memory ran out.
const OUT_OF_MEMORY: [&str; 5] = [
    "out of memory",
    "cudaErrorMemoryAllocation",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
    "Failed to allocate memory for requested buffer",
];

/// What there is to say of an error that means that the GPU's memory ran out; a step holds so many bytes of state, and
/// about so many that its forward pass leaves for the backward pass.
pub(crate) fn shortage(error: &EngineError, state: u64, activations: u64) -> Option<String> {
    let EngineError(text) = error;
    OUT_OF_MEMORY.iter().find(|words| text.contains(**words))?;
    let asked =
        asked_for(text).map_or(String::new(), |bytes| format!(", {} more were asked for", mib(bytes)));
    let (state, activations) = (mib(state), mib(activations));
    Some(format!(
        "the GPU's memory ran out{asked}; a step holds {state} of state and about {activations} of activations: {text}"
    ))
}

fn mib(bytes: u64) -> String {
    format!("{} MiB", bytes.div_ceil(1 << 20))
}

/// The bytes that the arena was asked for.
fn asked_for(text: &str) -> Option<u64> {
    let (_, rest) = text.split_once("requested buffer of size ")?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// What is missing where a session with the provider cannot be made, and the way out.
pub(crate) fn missing(error: &EngineError) -> Option<(String, &'static str)> {
    const INSTALL: &str =
        "`sweep runtime install --cuda` gets ONNX Runtime's CUDA build and CUDA's libraries";
    const DRIVER: &str = "it comes with the NVIDIA driver, 580 or newer; `sweep doctor` looks for it";
    const DEVICE: &str = "`nvidia-smi` lists the GPUs of this machine, `CUDA_VISIBLE_DEVICES` hides some";
    let EngineError(text) = error;
    let says = |words: &[&str]| words.iter().any(|words| text.contains(words));
    let (what, hint) = if let Some(library) = missing_library(text) {
        let hint = if library.starts_with("libcuda.so") { DRIVER } else { INSTALL };
        (format!("the library `{library}` is missing"), hint)
    } else if text.starts_with(UNUSABLE) {
        return Some((text.clone(), INSTALL));
    } else if says(&["provider is not enabled in this build"]) {
        ("this build of ONNX Runtime has no CUDA provider".to_owned(), INSTALL)
    } else if says(&["no CUDA-capable device", "invalid device ordinal"]) {
        ("there is no CUDA device".to_owned(), DEVICE)
    } else if says(&["driver version is insufficient"]) {
        ("the NVIDIA driver is too old".to_owned(), DRIVER)
    } else {
        return None;
    };
    Some((format!("{UNUSABLE}: {what}"), hint))
}

/// The library that the system's loader did not find.
fn missing_library(text: &str) -> Option<&str> {
    let (before, _) = text.split_once(": cannot open shared object file")?;
    let name = before.rsplit(|c: char| c.is_whitespace() || c == '/').next()?;
    Some(name).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named() {
        let check = |text: &str, names: &str, advises: &str| {
            let (message, hint) = missing(&EngineError(text.to_owned())).unwrap_or_else(|| panic!("{text}"));
            assert!(message.contains(names) && hint.contains(advises), "{message}; {hint}");
        };
        let loading = |library: &str| {
            format!(
                "/a/provider_bridge_ort.cc:1 Load [ONNXRuntimeError] : 1 : FAIL : Failed to load library \
                 /c/libonnxruntime_providers_cuda.so with error: {library}: cannot open shared object file: No such file \
                 or directory"
            )
        };
        check(&loading("libcublasLt.so.13"), "`libcublasLt.so.13`", "runtime install --cuda");
        check(&loading("/usr/lib/libcudnn.so.9"), "`libcudnn.so.9`", "runtime install --cuda");
        check(&loading("libcuda.so.1"), "`libcuda.so.1`", "driver");
        check("CUDA execution provider is not enabled in this build. ", "no CUDA provider", "install --cuda");
        check("CUDA failure 100: no CUDA-capable device is detected ; GPU=0", "no CUDA device", "nvidia-smi");
        check(
            "CUDA failure 35: CUDA driver version is insufficient for CUDA runtime version",
            "too old",
            "driver",
        );
        assert!(missing(&EngineError("Invalid Graph".to_owned())).is_none());
        let folder = tempfile::tempdir().unwrap();
        assert!(preload(folder.path()).is_ok(), "the system may have them all");
        std::fs::write(folder.path().join("libcurand.so.10"), "no library").unwrap();
        check(&preload(folder.path()).unwrap_err().0, "`libcurand.so.10`", "install --cuda");
    }

    #[test]
    fn a_shortage_says_what_was_asked_for_and_what_a_step_holds() {
        let said = |text: &str| shortage(&EngineError(text.to_owned()), 3 << 20, 5 << 20);
        let arena = "bfc_arena.cc:376 Failed to allocate memory for requested buffer of size 1048577";
        let expected = format!(
            "the GPU's memory ran out, 2 MiB more were asked for; a step holds 3 MiB of state and about 5 MiB of \
             activations: {arena}"
        );
        assert_eq!(said(arena), Some(expected));
        let cuda = said("CUDA failure 2: out of memory ; GPU=0 ; expr=cudaMalloc(&p, size)").unwrap();
        assert!(cuda.starts_with("the GPU's memory ran out; a step holds 3 MiB"), "{cuda}");
        assert!(said("CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED").is_some());
        assert_eq!(said("CUDA failure 700: an illegal memory access was encountered"), None);
    }
}
