//! NumPy's `.npy` files (format versions 1 to 3) and `.npz` archives of them: arrays of plain numbers, the first axis the
//! samples.

use std::{
    fs::File,
    io::{self, BufReader, Read, Seek},
    path::Path,
    sync::Arc,
};

use npyz::{NpyHeader, Order, TypeChar};

use super::{
    array::{Array, Bytes, Kind},
    spool::Memory,
};

/// The longest header that is read, in bytes.
const MAX_HEADER: u64 = 1 << 20;

/// Reads a whole `.npy` file: the number of samples and what they hold.
///
/// # Errors
/// Says what is wrong with the file in a fragment that reads well after the file's name.
pub(crate) fn read(path: &Path, memory: &mut Memory) -> Result<(usize, Array), String> {
    let file = File::open(path).map_err(|error| format!("cannot be opened: {error}"))?;
    let size = file.metadata().map_err(broken)?.len();
    let mut reader = BufReader::new(file);
    let header = header(&mut reader)?;
    let offset = reader.stream_position().map_err(broken)?;
    if header.bytes > size - offset {
        return Err(cut_off(header.bytes, size - offset));
    }
    let bytes = Arc::new(memory.file(path).map_err(broken)?);
    let (count, array) = header.array();
    Ok((count, Array { bytes, offset, ..array }))
}

/// Whether a file is a `.npy` file of one axis of whole numbers.
pub(crate) fn is_column(path: &Path) -> bool {
    let header = File::open(path).ok().and_then(|file| header(&mut BufReader::new(file)).ok());
    header.is_some_and(|header| header.shape.is_empty() && header.kind.is_whole())
}

/// The names of the arrays of a `.npz` archive; nothing if it is none.
pub(crate) fn members(path: &Path) -> Option<Vec<String>> {
    let mut archive = zip::ZipArchive::new(BufReader::new(File::open(path).ok()?)).ok()?;
    let mut names = Vec::new();
    for index in 0..archive.len() {
        let name = archive.by_index_raw(index).ok()?.name().ok()?.into_owned();
        names.push(name.trim_end_matches(".npy").to_owned());
    }
    Some(names)
}

/// Reads the array of this name, which may end in `.npy` or not, out of a `.npz` archive.
///
/// # Errors
/// As [`read`].
pub(crate) fn read_member(path: &Path, name: &str, memory: &mut Memory) -> Result<(usize, Array), String> {
    let file = File::open(path).map_err(|error| format!("cannot be opened: {error}"))?;
    let zip = |error: zip::result::ZipError| format!("is not a `.npz` archive that can be read: {error}");
    let mut archive = zip::ZipArchive::new(BufReader::new(file)).map_err(zip)?;
    let mut names = Vec::new();
    for index in 0..archive.len() {
        names.push(archive.by_index_raw(index).map_err(zip)?.name().map_err(zip)?.into_owned());
    }
    let named = |member: &String| member == name || member.strip_suffix(".npy") == Some(name);
    let Some(index) = names.iter().position(named) else {
        let known: Vec<_> = names.iter().take(20).map(|name| format!("`{}`", name.escape_debug())).collect();
        return Err(format!("has no array `{}`; it has {}", name.escape_debug(), known.join(", ")));
    };
    let of = |problem: String| format!("has an array `{name}` that {problem}");
    let mut member = archive.by_index(index).map_err(zip)?;
    let header = header(&mut member).map_err(of)?;
    // What the archive holds beyond what the header declares is never unpacked.
    let mut spool = memory.spool();
    let copied = io::copy(&mut member.take(header.bytes), &mut spool).map_err(broken).map_err(of)?;
    if copied < header.bytes {
        return Err(of(cut_off(header.bytes, copied)));
    }
    let bytes = Arc::new(spool.finish().map_err(broken)?);
    let (count, array) = header.array();
    Ok((count, Array { bytes, ..array }))
}

struct Header {
    count: usize,
    shape: Vec<usize>,
    kind: Kind,
    big_endian: bool,
    /// Of all values.
    bytes: u64,
}

impl Header {
    fn array(self) -> (usize, Array) {
        let array = Array::packed(self.shape, self.kind, Bytes::Memory(Vec::new()));
        (self.count, Array { big_endian: self.big_endian, ..array })
    }
}

/// Reads up to where the values begin.
fn header(reader: &mut impl Read) -> Result<Header, String> {
    let mut bytes = vec![0; 8];
    if reader.read_exact(&mut bytes).is_err() || !bytes.starts_with(b"\x93NUMPY") {
        return Err("is not a `.npy` file".to_owned());
    }
    // The length has two bytes in version 1, four later.
    let width = if bytes[6] == 1 { 2 } else { 4 };
    let mut length = [0; 4];
    reader.read_exact(&mut length[..width]).map_err(broken)?;
    bytes.extend(&length[..width]);
    let text = bytes.len();
    let length = u64::from(u32::from_le_bytes(length));
    if length > MAX_HEADER || reader.take(length).read_to_end(&mut bytes).map_err(broken)? as u64 != length {
        return Err("has a header that is cut off, or of a length that makes no sense".to_owned());
    }
    let said = String::from_utf8_lossy(&bytes[text..]);
    if said.contains("'descr': '|O'") || said.contains("'descr': 'O'") {
        return Err("holds pickled Python objects, which are never read".to_owned());
    }
    let header =
        NpyHeader::from_reader(&bytes[..]).map_err(|error| format!("has a broken header: {error}"))?;
    let shape: Vec<usize> =
        header.shape().iter().map(|extent| usize::try_from(*extent).unwrap_or(usize::MAX)).collect();
    let Some((&count, sample)) = shape.split_first() else {
        return Err("holds a single number; the first axis counts samples".to_owned());
    };
    let (kind, big_endian) = kind(&header)?;
    let elements = shape.iter().try_fold(1_u64, |product, extent| product.checked_mul(*extent as u64));
    let bytes = elements.and_then(|elements| elements.checked_mul(kind.width() as u64));
    let bytes =
        bytes.filter(|bytes| *bytes <= i64::MAX as u64).ok_or("declares more values than any disk holds")?;
    if header.order() == Order::Fortran && sample.iter().any(|extent| *extent > 1) {
        return Err("is stored column by column; save `numpy.ascontiguousarray(…)` of it".to_owned());
    }
    Ok(Header { count, shape: sample.to_vec(), kind, big_endian, bytes })
}

/// The elements' type, and whether their largest byte comes first.
fn kind(header: &NpyHeader) -> Result<(Kind, bool), String> {
    let npyz::DType::Plain(kind) = header.dtype() else {
        return Err("holds records; save each of their fields as an array of its own".to_owned());
    };
    let big_endian = kind.endianness() == npyz::Endianness::Big;
    let found = match (kind.type_char(), kind.size_field()) {
        (TypeChar::Bool, 1) => Kind::Bool,
        (TypeChar::Uint, 1) => Kind::U8,
        (TypeChar::Uint, 2) => Kind::U16,
        (TypeChar::Uint, 4) => Kind::U32,
        (TypeChar::Int, 1) => Kind::I8,
        (TypeChar::Int, 2) => Kind::I16,
        (TypeChar::Int, 4) => Kind::I32,
        (TypeChar::Int, 8) => Kind::I64,
        (TypeChar::Float, 4) => Kind::F32,
        (TypeChar::Float, 8) => Kind::F64,
        _ => {
            return Err(format!(
                "holds values of type `{kind}`; float32, float64, booleans and integers up to int64 can be read"
            ));
        }
    };
    Ok((found, big_endian))
}

fn cut_off(wanted: u64, found: u64) -> String {
    format!("is cut off: its values take {wanted} bytes, and {found} are there")
}

fn broken(error: io::Error) -> String {
    format!("cannot be read: {error}")
}
