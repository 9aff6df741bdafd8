//! IDX files, the format MNIST and its kin come in, gzipped or not.
//!
//! Layout (big-endian): two zero bytes, a type byte, the rank, one `u32` per dimension, then the values. Source:
//! Y. LeCun, "The MNIST database of handwritten digits".

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
    sync::Arc,
};

use flate2::read::MultiGzDecoder;

use super::{
    array::{Array, Kind},
    spool::Memory,
};

/// Reads a whole file: the number of samples and what they hold.
///
/// # Errors
/// Says what is wrong with the file in a fragment that reads well after the file's name.
pub(crate) fn read(path: &Path, memory: &mut Memory) -> Result<(usize, Array), String> {
    let file = File::open(path).map_err(|error| format!("cannot be opened: {error}"))?;
    let size = file.metadata().map_err(|error| damaged(&error))?.len();
    let mut reader = BufReader::new(file);
    let start = reader.fill_buf().map_err(|error| damaged(&error))?;
    if start.starts_with(&[0x1f, 0x8b]) {
        return unzipped(MultiGzDecoder::new(reader), memory);
    }
    let Header { kind, shape, offset, bytes } = header(&mut reader)?;
    match (offset + bytes).cmp(&size) {
        std::cmp::Ordering::Greater => Err(format!("is truncated: {} of {bytes} bytes", size - offset)),
        std::cmp::Ordering::Less => Err(too_long(bytes)),
        std::cmp::Ordering::Equal => {
            let bytes = Arc::new(memory.file(path).map_err(|error| damaged(&error))?);
            Ok(array(kind, &shape, |array| Array { bytes, offset, big_endian: true, ..array }))
        }
    }
}

/// How many dimensions an IDX file has; nothing if it is none.
pub(crate) fn rank(path: &Path) -> Option<u8> {
    let mut reader = BufReader::new(File::open(path).ok()?);
    let is_zipped = reader.fill_buf().ok()?.starts_with(&[0x1f, 0x8b]);
    let header = if is_zipped { header(&mut MultiGzDecoder::new(reader)) } else { header(&mut reader) };
    u8::try_from(header.ok()?.shape.len()).ok()
}

fn unzipped(mut reader: impl Read, memory: &mut Memory) -> Result<(usize, Array), String> {
    let Header { kind, shape, bytes, .. } = header(&mut reader)?;
    let mut spool = memory.spool();
    let copied = io::copy(&mut reader.by_ref().take(bytes), &mut spool).map_err(|error| damaged(&error))?;
    if copied < bytes {
        return Err(format!("is truncated: {copied} of {bytes} bytes"));
    }
    if reader.read(&mut [0]).map_err(|error| damaged(&error))? != 0 {
        return Err(too_long(bytes));
    }
    let bytes = Arc::new(spool.finish().map_err(|error| damaged(&error))?);
    Ok(array(kind, &shape, |array| Array { bytes, big_endian: true, ..array }))
}

fn array(kind: Kind, shape: &[usize], place: impl FnOnce(Array) -> Array) -> (usize, Array) {
    let (count, shape) = shape.split_first().expect("a header has at least one dimension");
    (*count, place(Array::packed(shape.to_vec(), kind, super::array::Bytes::Memory(Vec::new()))))
}

struct Header {
    kind: Kind,
    shape: Vec<usize>,
    /// Where the values begin, and how many bytes they take.
    offset: u64,
    bytes: u64,
}

fn header(reader: &mut impl Read) -> Result<Header, String> {
    let mut start = [0; 4];
    exactly(reader, &mut start, "its header")?;
    let [0, 0, kind, rank] = start else {
        return Err(format!("is not an IDX file: it starts with {:02x?}, not two zero bytes", &start[..2]));
    };
    let kind = match kind {
        0x08 => Kind::U8,
        0x09 => Kind::I8,
        0x0b => Kind::I16,
        0x0c => Kind::I32,
        0x0d => Kind::F32,
        0x0e => Kind::F64,
        _ => return Err(format!("holds values of type 0x{kind:02x}, which IDX does not have")),
    };
    if !(1..=8).contains(&rank) {
        return Err(format!("has {rank} dimensions; 1 to 8 can be read"));
    }
    let mut shape = Vec::with_capacity(rank.into());
    let mut bytes = kind.width() as u64;
    for _ in 0..rank {
        let mut dimension = [0; 4];
        exactly(reader, &mut dimension, "its dimensions")?;
        let dimension = u32::from_be_bytes(dimension);
        bytes = bytes
            .checked_mul(dimension.into())
            .filter(|bytes| *bytes <= i64::MAX as u64)
            .ok_or("declares more values than any disk holds")?;
        shape.push(dimension as usize);
    }
    Ok(Header { kind, shape, offset: 4 + 4 * u64::from(rank), bytes })
}

fn too_long(bytes: u64) -> String {
    format!("has more than the {bytes} bytes of values that its header declares")
}

fn exactly(reader: &mut impl Read, buffer: &mut [u8], what: &str) -> Result<(), String> {
    reader.read_exact(buffer).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => format!("is truncated inside {what}"),
        _ => damaged(&error),
    })
}

fn damaged(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "is truncated: its compressed data ends early".to_owned(),
        _ => format!("cannot be read: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn file(kind: u8, shape: &[u32], values: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, 0, kind, shape.len() as u8];
        shape.iter().for_each(|dimension| bytes.extend(dimension.to_be_bytes()));
        bytes.extend(values);
        bytes
    }

    fn zipped(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn decode(bytes: &[u8], left: u64) -> Result<(usize, Vec<usize>, Vec<i64>), String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, bytes).unwrap();
        let (count, array) = read(&path, &mut Memory { left })?;
        let mut values = vec![];
        array.each(count, |_, sample| sample.wholes(|_, value| values.push(value))).unwrap();
        Ok((count, array.shape, values))
    }

    #[test]
    fn reads_what_was_written_in_memory_or_not() {
        let plain = file(8, &[2, 3], &[1, 2, 3, 4, 5, 6]);
        let shorts = file(0x0b, &[2], &[1, 0, 255, 254]);
        for left in [0, 1 << 20] {
            for bytes in [plain.clone(), zipped(&plain)] {
                assert_eq!(decode(&bytes, left).unwrap(), (2, vec![3], vec![1, 2, 3, 4, 5, 6]));
            }
            for bytes in [shorts.clone(), zipped(&shorts)] {
                assert_eq!(decode(&bytes, left).unwrap(), (2, vec![], vec![256, -2]));
            }
        }
    }

    #[test]
    fn says_what_is_wrong() {
        let message = |bytes: &[u8]| decode(bytes, 100).unwrap_err();
        assert!(message(b"PNG?").contains("not an IDX file"));
        assert!(message(&[0, 0, 8]).contains("truncated inside its header"));
        assert!(message(&[0, 0, 7, 1, 0, 0, 0, 1]).contains("type 0x07"));
        assert!(message(&[0, 0, 8, 9]).contains("9 dimensions"));
        assert!(message(&[0, 0, 8, 2, 0, 0]).contains("its dimensions"));
        for form in [|bytes: &[u8]| bytes.to_vec(), |bytes: &[u8]| zipped(bytes)] {
            assert!(message(&form(&file(8, &[4], &[1, 2, 3]))).contains("truncated: 3 of 4"));
            assert!(message(&form(&file(8, &[2], &[1, 2, 3]))).contains("more than the 2 bytes"));
            let huge = form(&file(8, &[u32::MAX, u32::MAX, u32::MAX], &[]));
            assert!(message(&huge).contains("than any disk holds"));
            assert!(message(&form(&file(8, &[u32::MAX, 1 << 20], &[]))).contains("truncated: 0 of"));
        }
        let bytes = zipped(&file(8, &[64], &[7; 64]));
        assert!(message(&bytes[..bytes.len() - 9]).contains("truncated"));
    }
}
