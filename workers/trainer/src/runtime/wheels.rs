//! The wheels that hold ONNX Runtime, one per platform, pinned by hash. The Python version in a wheel's
//! name does not matter: only a shared library is taken out of it.

/// One file of the Python Package Index.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wheel {
    /// As in a requirements file.
    pub(super) requirement: &'static str,
    pub(super) sha256: &'static str,
    /// The platform tags that pip is asked for, newest first.
    pub(super) platforms: &'static [&'static str],
    /// Files to take: those whose path in the wheel contains one of these.
    pub(super) take: &'static [&'static str],
}

/// A runtime to install.
#[derive(Debug, Clone, Copy)]
pub(super) struct Distribution {
    /// The folder in the cache, which names version and kind.
    pub(super) folder: &'static str,
    /// The library's name once installed.
    pub(super) library: &'static str,
    pub(super) wheels: &'static [Wheel],
    /// For people: how much is downloaded.
    pub(super) megabytes: u32,
}

const LINUX_X86: &[&str] = &["manylinux_2_28_x86_64", "manylinux_2_27_x86_64"];
const LINUX_ARM: &[&str] = &["manylinux_2_28_aarch64", "manylinux_2_27_aarch64"];

const fn cpu(wheels: &'static [Wheel], library: &'static str, megabytes: u32) -> Distribution {
    Distribution { folder: "onnxruntime-1.32.0-cpu", library, wheels, megabytes }
}

/// The CPU runtime for an operating system and processor, as `std::env::consts` names them.
pub(super) fn cpu_for(os: &str, arch: &str) -> Option<Distribution> {
    const TAKE: &[&str] = &["/capi/libonnxruntime."];
    const fn wheel(sha256: &'static str, platforms: &'static [&'static str]) -> Wheel {
        Wheel { requirement: "onnxruntime==1.32.0", sha256, platforms, take: TAKE }
    }
    const X86: &[Wheel] =
        &[wheel("99e1074c4b2197accd5073052a465361be17b89c093b8ffb6e6bd8f986c52df8", LINUX_X86)];
    const ARM: &[Wheel] =
        &[wheel("e36c187006e7a7c8b8d6d57f1a209dd63f52430dca6c282b177718ad6b841054", LINUX_ARM)];
    const MAC: &[Wheel] =
        &[wheel("d52510bbbcc880c13b826f7d75cdf33ac5cf0bb864d960000fc29ce73f0cb83e", &["macosx_14_0_arm64"])];
    match (os, arch) {
        ("linux", "x86_64") => Some(cpu(X86, "libonnxruntime.so", 28)),
        ("linux", "aarch64") => Some(cpu(ARM, "libonnxruntime.so", 23)),
        ("macos", "aarch64") => Some(cpu(MAC, "libonnxruntime.dylib", 23)),
        _ => None,
    }
}

/// The CUDA 13 runtime: the provider and the libraries of CUDA and cuDNN that it loads.
pub(super) fn cuda_for(os: &str, arch: &str) -> Option<Distribution> {
    const PLATFORMS: &[&str] =
        &["manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"];
    const fn wheel(requirement: &'static str, sha256: &'static str, take: &'static [&'static str]) -> Wheel {
        Wheel { requirement, sha256, platforms: PLATFORMS, take }
    }
    const WHEELS: &[Wheel] = &[
        wheel(
            "onnxruntime-gpu==1.31.1",
            "05d548956197b9d01f59b625de740e0d6be3593f874e241a12dc0362650ecdf7",
            &[
                "/capi/libonnxruntime.",
                "/capi/libonnxruntime_providers_cuda",
                "/capi/libonnxruntime_providers_shared",
            ],
        ),
        wheel(
            "nvidia-cublas==13.4.1.3",
            "a5917cb642cfb07f4a0231ee16aec7e2e0357d8cb8b1b78a0c9c68dba3e6afc7",
            &["/lib/libcublas.so", "/lib/libcublasLt.so"],
        ),
        wheel(
            "nvidia-cuda-runtime==13.2.86",
            "3498247680dfddce31bad102af7e3e26fc795342a3cac64722bb0fa95e7f60f0",
            &["/lib/libcudart.so"],
        ),
        // The engines that cuDNN compiles as it goes need it.
        wheel(
            "nvidia-cuda-nvrtc==13.2.86",
            "8111c5130e967b78222ea2124145f8efe9ce201b752b2579a2513100a53be1c5",
            &["/lib/libnvrtc"],
        ),
        wheel(
            "nvidia-curand==10.4.5.25",
            "22bb226a857e5888fe6b54ae465fc4371296bcff13a35f79e19691bcf454f529",
            &["/lib/libcurand.so"],
        ),
        wheel(
            "nvidia-cufft==12.2.0.57",
            "34da27fadf3979b0b042c43823f0530be8408b86df31ee0108e1ca0b621d4ef6",
            &["/lib/libcufft.so"],
        ),
        wheel(
            "nvidia-cudnn-cu13==9.26.0.51",
            "9c976d539786698c71d6bcdbe2053b7485fae062ff7e1215d2f2ff67b1a2149a",
            &["/lib/libcudnn"],
        ),
    ];
    (os == "linux" && arch == "x86_64").then_some(Distribution {
        folder: "onnxruntime-1.31.1-cuda13",
        library: "libonnxruntime.so",
        wheels: WHEELS,
        megabytes: 1450,
    })
}
