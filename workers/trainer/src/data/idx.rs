//! IDX files of unsigned bytes, the format MNIST and its kin come in, gzipped or not.
//!
//! Layout (big-endian): two zero bytes, a type byte (0x08: unsigned byte), the rank, one `u32` per
//! dimension, then the values. Source: Y. LeCun, "The MNIST database of handwritten digits".

use std::{
    fs::File,
    io::{BufReader, Read},
    path::Path,
};

use flate2::read::MultiGzDecoder;

/// The most bytes of values one file may hold, compressed or not.
pub(crate) const MAX_BYTES: u64 = 8 << 30;

/// An array of unsigned bytes; the first dimension counts samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Idx {
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Vec<u8>,
}

/// Reads a whole file.
///
/// # Errors
/// Says what is wrong with the file in a fragment that reads well after the file's name.
pub(crate) fn read(path: &Path) -> Result<Idx, String> {
    let file = File::open(path).map_err(|error| format!("cannot be opened: {error}"))?;
    let mut reader = BufReader::new(file);
    let zipped = matches!(peek(&mut reader)?, [0x1f, 0x8b]);
    if zipped { decode(MultiGzDecoder::new(reader)) } else { decode(reader) }
}

fn peek(reader: &mut BufReader<File>) -> Result<[u8; 2], String> {
    use std::io::BufRead;
    let start = reader.fill_buf().map_err(|error| format!("cannot be read: {error}"))?;
    Ok([start.first().copied().unwrap_or(0), start.get(1).copied().unwrap_or(0)])
}

fn decode(mut reader: impl Read) -> Result<Idx, String> {
    let mut header = [0; 4];
    exactly(&mut reader, &mut header, "its header")?;
    let [0, 0, kind, rank] = header else {
        return Err(format!("is not an IDX file: it starts with {:02x?}, not two zero bytes", &header[..2]));
    };
    if kind != 0x08 {
        return Err(format!("holds values of IDX type 0x{kind:02x}; only 0x08, unsigned bytes, can be read"));
    }
    if !(1..=4).contains(&rank) {
        return Err(format!("has {rank} dimensions; 1 to 4 can be read"));
    }
    let mut shape = Vec::with_capacity(rank.into());
    let mut bytes = 1_u64;
    for _ in 0..rank {
        let mut dimension = [0; 4];
        exactly(&mut reader, &mut dimension, "its dimensions")?;
        let dimension = u32::from_be_bytes(dimension);
        bytes = bytes.checked_mul(dimension.into()).filter(|bytes| *bytes <= MAX_BYTES).ok_or_else(|| {
            format!("declares more than {} GiB of values, the most that is read", MAX_BYTES >> 30)
        })?;
        shape.push(dimension as usize);
    }
    let mut values = Vec::new();
    reader.by_ref().take(bytes).read_to_end(&mut values).map_err(|error| damaged(&error))?;
    if (values.len() as u64) < bytes {
        return Err(format!("is truncated: {} of {bytes} values", values.len()));
    }
    if reader.read(&mut [0]).map_err(|error| damaged(&error))? != 0 {
        return Err(format!("has more than the {bytes} values that its header declares"));
    }
    Ok(Idx { shape, values })
}

fn exactly(reader: &mut impl Read, buffer: &mut [u8], what: &str) -> Result<(), String> {
    reader.read_exact(buffer).map_err(|error| match error.kind() {
        std::io::ErrorKind::UnexpectedEof => format!("is truncated inside {what}"),
        _ => damaged(&error),
    })
}

fn damaged(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::UnexpectedEof => "is truncated: its compressed data ends early".to_owned(),
        _ => format!("cannot be decompressed: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(shape: &[u32], values: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, 0, 8, shape.len() as u8];
        shape.iter().for_each(|dimension| bytes.extend(dimension.to_be_bytes()));
        bytes.extend(values);
        bytes
    }

    fn message(bytes: &[u8]) -> String {
        decode(bytes).unwrap_err()
    }

    #[test]
    fn reads_what_was_written() {
        let idx = decode(&file(&[2, 3], &[1, 2, 3, 4, 5, 6])[..]).unwrap();
        assert_eq!(idx, Idx { shape: vec![2, 3], values: vec![1, 2, 3, 4, 5, 6] });
    }

    #[test]
    fn says_what_is_wrong() {
        assert!(message(b"PNG?").contains("not an IDX file"));
        assert!(message(&[0, 0, 8]).contains("truncated inside its header"));
        assert!(message(&[0, 0, 0x0d, 1, 0, 0, 0, 1]).contains("IDX type 0x0d"));
        assert!(message(&[0, 0, 8, 5]).contains("5 dimensions"));
        assert!(message(&[0, 0, 8, 2, 0, 0]).contains("its dimensions"));
        assert!(message(&file(&[4], &[1, 2, 3])).contains("truncated: 3 of 4"));
        assert!(message(&file(&[2], &[1, 2, 3])).contains("more than the 2 values"));
    }

    #[test]
    fn a_header_that_promises_too_much_allocates_nothing() {
        assert!(message(&file(&[u32::MAX, u32::MAX], &[])).contains("more than 8 GiB"));
        assert!(message(&file(&[8 << 20, 1 << 10], &[])).contains("truncated: 0 of"));
        assert!(message(&file(&[8 << 20, (1 << 10) + 1], &[])).contains("more than 8 GiB"));
    }
}
