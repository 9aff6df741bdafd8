//! Tensors on the host: element types, contents, and what a probe run found out about a value.

use std::collections::HashMap;

/// Element type of a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum DType {
    F32,
    F64,
    F16,
    BF16,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
    Bool,
    Str,
}

impl DType {
    /// Whether its values have fractions, and so gradients.
    pub(crate) fn is_float(self) -> bool {
        matches!(self, DType::F32 | DType::F64 | DType::F16 | DType::BF16)
    }
}

/// A dense tensor, row-major; `data` holds exactly the product of `shape` elements.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// Extents, outermost first; empty for a scalar.
    pub shape: Vec<usize>,
    /// The elements.
    pub data: TensorData,
}

/// The elements of a [`Tensor`].
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub enum TensorData {
    F32(Vec<f32>),
    F64(Vec<f64>),
    I8(Vec<i8>),
    I32(Vec<i32>),
    I64(Vec<i64>),
    U8(Vec<u8>),
    Bool(Vec<bool>),
}

/// What a run of the probe graph found out about one value.
#[derive(Debug, Clone, PartialEq)]
pub struct Probed {
    /// Element type.
    pub dtype: DType,
    /// Extents at the batch size of the run.
    pub shape: Vec<usize>,
    /// The content, for the values that [`crate::ProbeOutput::constant`] marks.
    pub content: Option<Tensor>,
}

/// The results of a probe run, by value name.
pub type Probe = HashMap<String, Probed>;

impl Tensor {
    /// A float32 tensor.
    pub fn f32(shape: &[usize], data: Vec<f32>) -> Tensor {
        Tensor { shape: shape.to_vec(), data: TensorData::F32(data) }
    }

    /// An int64 tensor of rank 1.
    pub fn i64s(data: Vec<i64>) -> Tensor {
        Tensor { shape: vec![data.len()], data: TensorData::I64(data) }
    }

    /// The number of elements held.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        match &self.data {
            TensorData::F32(v) => v.len(),
            TensorData::F64(v) => v.len(),
            TensorData::I8(v) => v.len(),
            TensorData::I32(v) => v.len(),
            TensorData::I64(v) => v.len(),
            TensorData::U8(v) => v.len(),
            TensorData::Bool(v) => v.len(),
        }
    }

    /// The element type.
    pub fn dtype(&self) -> DType {
        match self.data {
            TensorData::F32(_) => DType::F32,
            TensorData::F64(_) => DType::F64,
            TensorData::I8(_) => DType::I8,
            TensorData::I32(_) => DType::I32,
            TensorData::I64(_) => DType::I64,
            TensorData::U8(_) => DType::U8,
            TensorData::Bool(_) => DType::Bool,
        }
    }

    /// The elements of a float32 tensor, else nothing.
    pub fn as_f32(&self) -> Option<&[f32]> {
        match &self.data {
            TensorData::F32(values) => Some(values),
            _ => None,
        }
    }

    /// The elements of a tensor of numbers as float32, else nothing.
    pub(crate) fn to_f32(&self) -> Option<Vec<f32>> {
        match &self.data {
            TensorData::F32(values) => Some(values.clone()),
            TensorData::F64(values) => Some(values.iter().map(|&v| v as f32).collect()),
            _ => self.to_i64().map(|values| values.iter().map(|&v| v as f32).collect()),
        }
    }

    /// The elements of an integer tensor as int64, else nothing.
    pub fn to_i64(&self) -> Option<Vec<i64>> {
        match &self.data {
            TensorData::I64(values) => Some(values.clone()),
            TensorData::I32(values) => Some(values.iter().map(|&v| i64::from(v)).collect()),
            _ => None,
        }
    }
}

/// The number of elements of `shape`; nothing where it overflows, even if an extent of 0 would hide that.
pub(crate) fn elements(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1usize, |product, &extent| product.checked_mul(extent.max(1)))?;
    Some(shape.iter().product())
}
