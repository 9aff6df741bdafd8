//! Protocol buffers as they lie in a file: fields that can be copied without knowing what they mean.

use crate::GraphError;
use prost::encoding::{
    DecodeContext, WireType, decode_key, decode_varint, encode_key, encode_varint, skip_field,
};

/// One field of a message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field<'a> {
    pub(super) number: u32,
    /// Key and content.
    pub(super) whole: &'a [u8],
    /// What comes after the key, and after the length where there is one.
    pub(super) content: &'a [u8],
}

impl Field<'_> {
    /// The number that it holds.
    pub(super) fn varint(&self) -> Result<u64, GraphError> {
        decode_varint(&mut &*self.content).map_err(broken)
    }
}

/// The fields of a message, in order.
pub(super) fn fields(mut bytes: &[u8]) -> Result<Vec<Field<'_>>, GraphError> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let start = bytes;
        let (number, kind) = decode_key(&mut bytes).map_err(broken)?;
        let mut content = bytes;
        skip_field(kind, number, &mut bytes, DecodeContext::default()).map_err(broken)?;
        if kind == WireType::LengthDelimited {
            decode_varint(&mut content).map_err(broken)?;
        }
        let whole = &start[..start.len() - bytes.len()];
        fields.push(Field { number, whole, content: &content[..content.len() - bytes.len()] });
    }
    Ok(fields)
}

/// The texts of a repeated field.
pub(super) fn texts<'a>(fields: &[Field<'a>], number: u32) -> Result<Vec<&'a str>, GraphError> {
    let texts = fields.iter().filter(|field| field.number == number);
    texts.map(|field| std::str::from_utf8(field.content).map_err(broken)).collect()
}

/// The last text of a field of `message`; empty if it has none.
pub(super) fn text(message: &[u8], number: u32) -> Result<&str, GraphError> {
    Ok(texts(&fields(message)?, number)?.pop().unwrap_or(""))
}

/// Writes a field that has a length.
pub(super) fn put(out: &mut Vec<u8>, number: u32, content: &[u8]) {
    encode_key(number, WireType::LengthDelimited, out);
    encode_varint(content.len() as u64, out);
    out.extend_from_slice(content);
}

/// Writes a number.
pub(super) fn put_varint(out: &mut Vec<u8>, number: u32, value: u64) {
    encode_key(number, WireType::Varint, out);
    encode_varint(value, out);
}

fn broken(error: impl std::fmt::Display) -> GraphError {
    GraphError::Decode(error.to_string())
}
