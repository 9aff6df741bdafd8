//! Language modelling: a stretch of tokens is cut into windows one after another, and what is to be predicted is the
//! same window one token later.

use std::{path::Path, sync::Arc};

use sweep_wire::TokenType;

use super::{
    array::{Array, Bytes, Kind},
    npy,
    spool::Memory,
};

/// Windows of `length` bytes: each byte is a token of its own.
///
/// # Errors
/// Says what is wrong with the file in a fragment that reads well after the file's name.
pub(crate) fn bytes(
    path: &Path,
    length: usize,
    memory: &mut Memory,
) -> Result<(usize, Array, Array), String> {
    raw(path, Kind::U8, length, memory)
}

/// Windows of `length` tokens: a `.npy` file of one axis, or numbers one after another, smallest byte first.
///
/// # Errors
/// As [`bytes`].
pub(crate) fn tokens(
    path: &Path,
    kind: Option<TokenType>,
    length: usize,
    memory: &mut Memory,
) -> Result<(usize, Array, Array), String> {
    let kind = match kind {
        Some(TokenType::Uint8) => Kind::U8,
        Some(TokenType::Uint16) => Kind::U16,
        Some(TokenType::Uint32) => Kind::U32,
        Some(TokenType::Int32) => Kind::I32,
        Some(TokenType::Int64) => Kind::I64,
        None => {
            let (count, array) = npy::read(path, memory)?;
            if !array.shape.is_empty() || !array.kind.is_whole() {
                return Err("should hold whole numbers along one axis".to_owned());
            }
            return windows(count, array, length);
        }
    };
    raw(path, kind, length, memory)
}

fn raw(path: &Path, kind: Kind, length: usize, memory: &mut Memory) -> Result<(usize, Array, Array), String> {
    let broken = |error: std::io::Error| format!("cannot be read: {error}");
    let (size, width) = (std::fs::metadata(path).map_err(broken)?.len(), kind.width() as u64);
    if size % width != 0 {
        return Err(format!("has {size} bytes, which are no whole tokens of {width} bytes"));
    }
    let bytes = Arc::new(memory.file(path).map_err(broken)?);
    let array = Array { bytes, ..Array::packed(vec![], kind, Bytes::Memory(Vec::new())) };
    windows((size / width) as usize, array, length)
}

fn windows(tokens: usize, array: Array, length: usize) -> Result<(usize, Array, Array), String> {
    let count = tokens.saturating_sub(1) / length;
    if count == 0 {
        return Err(format!("has {tokens} tokens, and one window takes {}", length + 1));
    }
    let width = array.kind.width() as u64;
    let inputs = Array { shape: vec![length], stride: length as u64 * width, ..array };
    let labels = Array { offset: inputs.offset + width, ..inputs.clone() };
    Ok((count, inputs, labels))
}
