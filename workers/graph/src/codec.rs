//! Between ONNX messages and this crate's tensors and attributes.

use crate::GraphError;
use crate::graph::Attr;
use crate::onnx::{
    AttributeProto, Dimension, ShapeProto, TensorProto, TensorType, TypeProto, ValueInfo, attribute,
};
use crate::tensor::{DType, Tensor, TensorData, elements};

/// `TensorProto.DataType` of an element type.
pub(crate) fn type_code(dtype: DType) -> i32 {
    match dtype {
        DType::F32 => 1,
        DType::U8 => 2,
        DType::I8 => 3,
        DType::U16 => 4,
        DType::I16 => 5,
        DType::I32 => 6,
        DType::I64 => 7,
        DType::Str => 8,
        DType::Bool => 9,
        DType::F16 => 10,
        DType::F64 => 11,
        DType::U32 => 12,
        DType::U64 => 13,
        DType::BF16 => 16,
    }
}

/// Reads a tensor; what is not stored inside the file, of a type without a [`TensorData`] form, or of another length
/// than its extents say is an error.
pub(crate) fn tensor(proto: &TensorProto, name: &str) -> Result<Tensor, GraphError> {
    let bad = |what: &str| GraphError::Decode(format!("tensor `{name}` {what}"));
    if proto.data_location == Some(1) {
        return Err(GraphError::External(name.to_owned()));
    }
    let shape: Vec<usize> = proto
        .dims
        .iter()
        .map(|&d| usize::try_from(d).map_err(|_| bad("has a negative extent")))
        .collect::<Result<_, _>>()?;
    let count = elements(&shape).ok_or_else(|| bad("is larger than memory"))?;
    let raw = proto.raw_data.as_deref().filter(|raw| !raw.is_empty());
    let ints = |raw: Option<&[u8]>| -> Vec<i32> {
        raw.map_or_else(|| proto.int32_data.clone(), |raw| raw.iter().map(|&b| i32::from(b)).collect())
    };
    // Narrow types share `int32_data`; the casts undo that widening.
    let data = match proto.data_type.unwrap_or(0) {
        1 => TensorData::F32(words(raw, &proto.float_data, f32::from_le_bytes)),
        2 => TensorData::U8(ints(raw).into_iter().map(|v| v as u8).collect()),
        3 => TensorData::I8(ints(raw).into_iter().map(|v| v as i8).collect()),
        6 => TensorData::I32(words(raw, &proto.int32_data, i32::from_le_bytes)),
        7 => TensorData::I64(words(raw, &proto.int64_data, i64::from_le_bytes)),
        9 => TensorData::Bool(ints(raw).into_iter().map(|v| v != 0).collect()),
        11 => TensorData::F64(words(raw, &proto.double_data, f64::from_le_bytes)),
        10 | 16 => return Err(bad("holds 16-bit floats; export the model in float32")),
        other => return Err(bad(&format!("has unsupported element type {other}"))),
    };
    let tensor = Tensor { shape, data };
    if tensor.len() == count { Ok(tensor) } else { Err(bad("has another length than its extents say")) }
}

/// Little-endian words of `raw`, or `typed` where there is none; a rest shorter than a word is dropped, and the caller
/// notices by the count.
fn words<T: Clone, const N: usize>(raw: Option<&[u8]>, typed: &[T], from: fn([u8; N]) -> T) -> Vec<T> {
    match raw {
        None => typed.to_vec(),
        Some(raw) => raw.as_chunks::<N>().0.iter().map(|word| from(*word)).collect(),
    }
}

/// Writes a tensor.
pub(crate) fn tensor_proto(tensor: &Tensor, name: &str) -> TensorProto {
    let raw: Vec<u8> = match &tensor.data {
        TensorData::F32(values) => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        TensorData::F64(values) => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        TensorData::I8(values) => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        TensorData::I32(values) => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        TensorData::I64(values) => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        TensorData::U8(values) => values.clone(),
        TensorData::Bool(values) => values.iter().map(|&v| u8::from(v)).collect(),
    };
    TensorProto {
        dims: tensor.shape.iter().map(|&d| d as i64).collect(),
        data_type: Some(type_code(tensor.dtype())),
        name: Some(name.to_owned()),
        raw_data: Some(raw),
        ..TensorProto::default()
    }
}

/// Reads an attribute; nothing for the kinds that no supported operator has (subgraphs, lists of tensors).
pub(crate) fn attr(proto: &AttributeProto, node: &str) -> Result<Option<Attr>, GraphError> {
    let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
    Ok(match proto.kind.unwrap_or(0) {
        attribute::FLOAT => Some(Attr::Float(proto.f.unwrap_or(0.0))),
        attribute::INT => Some(Attr::Int(proto.i.unwrap_or(0))),
        attribute::STRING => Some(Attr::Text(proto.s.as_ref().map(text).unwrap_or_default())),
        attribute::TENSOR => match &proto.t {
            Some(t) => Some(Attr::Tensor(tensor(t, node)?)),
            None => None,
        },
        attribute::FLOATS => Some(Attr::Floats(proto.floats.clone())),
        attribute::INTS => Some(Attr::Ints(proto.ints.clone())),
        attribute::STRINGS => Some(Attr::Texts(proto.strings.iter().map(text).collect())),
        _ => None,
    })
}

/// Writes an attribute.
pub(crate) fn attr_proto(name: &str, attr: &Attr) -> AttributeProto {
    let mut proto = AttributeProto { name: Some(name.to_owned()), ..AttributeProto::default() };
    proto.kind = Some(match attr {
        Attr::Float(v) => {
            proto.f = Some(*v);
            attribute::FLOAT
        }
        Attr::Int(v) => {
            proto.i = Some(*v);
            attribute::INT
        }
        Attr::Text(v) => {
            proto.s = Some(v.clone().into_bytes());
            attribute::STRING
        }
        Attr::Tensor(v) => {
            proto.t = Some(tensor_proto(v, ""));
            attribute::TENSOR
        }
        Attr::Floats(v) => {
            proto.floats = v.clone();
            attribute::FLOATS
        }
        Attr::Ints(v) => {
            proto.ints = v.clone();
            attribute::INTS
        }
        Attr::Texts(v) => {
            proto.strings = v.iter().map(|s| s.clone().into_bytes()).collect();
            attribute::STRINGS
        }
    });
    proto
}

/// Writes a typed input or output; a `None` extent is dynamic.
pub(crate) fn value_info(name: &str, dtype: DType, dims: &[Option<usize>]) -> ValueInfo {
    let dim = |d: &Option<usize>| Dimension { value: d.map(|d| d as i64), param: None };
    ValueInfo {
        name: Some(name.to_owned()),
        kind: Some(TypeProto {
            tensor: Some(TensorType {
                elem_type: Some(type_code(dtype)),
                shape: Some(ShapeProto { dim: dims.iter().map(dim).collect() }),
            }),
        }),
    }
}
