//! ONNX Runtime, behind one door: load the library once per process, make sessions, run a graph once.

use std::{
    path::{Path, PathBuf},
    sync::OnceLock,
};

use ort::{
    environment::Environment,
    logging::LogLevel,
    session::{
        Session, SessionInputValue,
        builder::{GraphOptimizationLevel, SessionBuilder},
    },
    value::{DynValue, Tensor, TensorElementType},
};
use sweep_graph::{DType, TensorData};
use sweep_wire::Device;

use crate::cuda;

/// What ONNX Runtime said. `ort`'s own errors are neither `Send` nor `Sync`.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct EngineError(pub String);

impl<R> From<ort::Error<R>> for EngineError {
    fn from(error: ort::Error<R>) -> Self {
        Self(error.message().to_owned())
    }
}

/// The loaded runtime.
#[derive(Debug, Clone)]
pub struct Engine {
    environment: Environment,
    /// What the files of a profile start with.
    profile: Option<PathBuf>,
    /// Where the library is.
    folder: PathBuf,
}

static ENGINE: OnceLock<Result<Engine, EngineError>> = OnceLock::new();

impl Engine {
    /// Loads the library; a process has one runtime, so later calls get the first one's.
    ///
    /// # Errors
    /// The file is not a usable ONNX Runtime.
    pub fn load(library: &Path) -> Result<Self, EngineError> {
        ENGINE
            .get_or_init(|| {
                let builder = ort::init_from(library).map_err(|error| EngineError(error.to_string()))?;
                let environment = builder.with_name("sweep").with_telemetry(false).build()?;
                environment.set_log_level(LogLevel::Error);
                let folder = library.parent().unwrap_or(Path::new("")).to_owned();
                Ok(Self { environment, profile: None, folder })
            })
            .clone()
    }

    /// An engine whose training sessions time every operator; each leaves a file that starts with `prefix` when it ends.
    #[must_use]
    pub fn profiling(self, prefix: PathBuf) -> Self {
        Self { profile: Some(prefix), ..self }
    }

    /// Names the runtime's build.
    #[must_use]
    pub fn version(&self) -> String {
        ort::info().trim_start_matches("ORT Build Info: ").to_owned()
    }

    /// A session that gives the same numbers in every run with the same number of threads; on CUDA nearly so.
    pub(crate) fn session(&self, model: &[u8], threads: u32, device: Device) -> Result<Session, EngineError> {
        let builder = self.builder()?.with_optimization_level(GraphOptimizationLevel::All)?;
        let builder = builder.with_intra_threads(threads as usize)?.with_deterministic_compute(true)?;
        let builder = match &self.profile {
            Some(prefix) => builder.with_profiling(prefix)?,
            None => builder,
        };
        let builder = cuda::provide(builder, device, &self.folder)?;
        Ok({ builder }.commit_from_memory(model)?)
    }

    fn builder(&self) -> Result<SessionBuilder, EngineError> {
        let builder = Session::builder(&self.environment)?.with_log_level(LogLevel::Error)?;
        Ok(builder.with_operators(crate::operators::domain()?)?)
    }

    /// Loads a graph that is to be run from the host's own tensors: for probes and tests, not for training.
    ///
    /// # Errors
    /// The runtime refuses the graph.
    pub fn open(&self, model: &[u8], optimize: bool) -> Result<Graph, EngineError> {
        let level = if optimize { GraphOptimizationLevel::All } else { GraphOptimizationLevel::Disable };
        let builder = self.builder()?.with_optimization_level(level)?.with_intra_threads(1)?;
        Ok(Graph({ builder }.commit_from_memory(model)?))
    }
}

/// A loaded graph.
#[derive(Debug)]
pub struct Graph(Session);

impl Graph {
    /// Runs the graph; outputs in its order. An output of an element type that the graph crate does not hold
    /// keeps type and shape and loses its content.
    ///
    /// # Errors
    /// The runtime refuses the inputs, or an output is no tensor.
    pub fn run(
        &mut self,
        inputs: &[(&str, &sweep_graph::Tensor)],
    ) -> Result<Vec<(String, DType, sweep_graph::Tensor)>, EngineError> {
        let names: Vec<_> = self.0.outputs().iter().map(|output| output.name().to_owned()).collect();
        let inputs = inputs
            .iter()
            .map(|(name, tensor)| Ok(((*name).to_owned(), SessionInputValue::from(to_ort(tensor)?))))
            .collect::<Result<Vec<_>, EngineError>>()?;
        let outputs = self.0.run(inputs)?;
        names
            .into_iter()
            .map(|name| {
                let value = outputs.get(&name).ok_or_else(|| EngineError(format!("no output `{name}`")))?;
                let (dtype, tensor) = from_ort(value)?;
                Ok((name, dtype, tensor))
            })
            .collect()
    }
}

fn to_ort(tensor: &sweep_graph::Tensor) -> Result<DynValue, EngineError> {
    let shape = tensor.shape.clone();
    Ok(match &tensor.data {
        TensorData::F32(values) => Tensor::from_array((shape, values.clone()))?.into_dyn(),
        TensorData::F64(values) => Tensor::from_array((shape, values.clone()))?.into_dyn(),
        TensorData::I8(values) => Tensor::from_array((shape, values.clone()))?.into_dyn(),
        TensorData::I32(values) => Tensor::from_array((shape, values.clone()))?.into_dyn(),
        TensorData::I64(values) => Tensor::from_array((shape, values.clone()))?.into_dyn(),
        TensorData::U8(values) => Tensor::from_array((shape, values.clone()))?.into_dyn(),
        TensorData::Bool(values) => Tensor::from_array((shape, values.clone()))?.into_dyn(),
    })
}

fn from_ort(value: &DynValue) -> Result<(DType, sweep_graph::Tensor), EngineError> {
    macro_rules! tensor {
        ($dtype:ident, $data:ident, $type:ty) => {{
            let (shape, values) = value.try_extract_tensor::<$type>()?;
            (DType::$dtype, extents(shape), TensorData::$data(values.to_vec()))
        }};
    }
    let dtype =
        value.dtype().tensor_type().ok_or_else(|| EngineError("a value is not a tensor".to_owned()))?;
    let shape = value.dtype().tensor_shape().cloned().unwrap_or_default();
    let bare = |dtype| (dtype, extents(&shape), TensorData::U8(Vec::new()));
    let (dtype, shape, data) = match dtype {
        TensorElementType::Float32 => tensor!(F32, F32, f32),
        TensorElementType::Float64 => tensor!(F64, F64, f64),
        TensorElementType::Int8 => tensor!(I8, I8, i8),
        TensorElementType::Int32 => tensor!(I32, I32, i32),
        TensorElementType::Int64 => tensor!(I64, I64, i64),
        TensorElementType::Uint8 => tensor!(U8, U8, u8),
        TensorElementType::Bool => tensor!(Bool, Bool, bool),
        TensorElementType::Int16 => bare(DType::I16),
        TensorElementType::Uint16 => bare(DType::U16),
        TensorElementType::Uint32 => bare(DType::U32),
        TensorElementType::Uint64 => bare(DType::U64),
        TensorElementType::Float16 => bare(DType::F16),
        TensorElementType::Bfloat16 => bare(DType::BF16),
        TensorElementType::String => bare(DType::Str),
        other => return Err(EngineError(format!("values of type {other} are not supported"))),
    };
    Ok((dtype, sweep_graph::Tensor { shape, data }))
}

fn extents(shape: &[i64]) -> Vec<usize> {
    shape.iter().map(|extent| usize::try_from(*extent).unwrap_or(0)).collect()
}
