//! Tensors on disk, as safetensors files: checkpoints to go on from, and trained weights.
//!
//! A file is written beside its name, synced and renamed, so that under its name it is whole or not there. Its metadata
//! carries a version and a BLAKE3 checksum over everything else; a file that fails the check is as good as none.

use std::{
    collections::{BTreeMap, HashMap},
    fs::{self, File},
    io::{self, BufReader, BufWriter, Read, Write},
    path::Path,
};

use safetensors::{
    Dtype,
    tensor::{Metadata, TensorInfo},
};

/// Of what the metadata and the tensors mean; a file of another version is refused.
const VERSION: &str = "1";
/// Keys of the metadata that every file has.
const VERSION_KEY: &str = "sweep";
const SUM_KEY: &str = "blake3";
/// The longest header that is read, in bytes.
const MAX_HEADER: u64 = 64 << 20;
/// What the name of a file ends in that is not whole yet.
const PARTIAL: &str = "partial";
/// Bytes that are read and converted at a time.
const CHUNK: usize = 1 << 20;

/// What a file says beside its tensors.
pub(crate) type Notes = BTreeMap<String, String>;

/// One tensor of a file: its name, extents and elements.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part<'a> {
    pub(crate) name: &'a str,
    pub(crate) shape: &'a [usize],
    pub(crate) values: &'a [f32],
}

/// Writes a file whole or not at all and returns its size in bytes. Its folder is made if it is not there.
///
/// # Errors
/// The disk.
pub(crate) fn write(path: &Path, mut notes: Notes, parts: &[Part<'_>]) -> io::Result<u64> {
    notes.insert(VERSION_KEY.to_owned(), VERSION.to_owned());
    let mut sum = Sum::new(&notes);
    let mut tensors = Vec::with_capacity(parts.len());
    let mut end = 0;
    for part in parts {
        sum.start(part.name, part.shape);
        part.values.chunks(CHUNK / 4).for_each(|chunk| sum.take(&to_bytes(chunk)));
        let data_offsets = (end, end + size_of_val(part.values));
        end = data_offsets.1;
        let info = TensorInfo { dtype: Dtype::F32, shape: part.shape.to_vec(), data_offsets };
        tensors.push((part.name.to_owned(), info));
    }
    notes.insert(SUM_KEY.to_owned(), sum.finish());
    let header = Metadata::new(Some(notes.into_iter().collect()), tensors).map_err(io::Error::other)?;
    let mut header = serde_json::to_vec(&header)?;
    header.resize(header.len().next_multiple_of(8), b' ');
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let partial = path.with_extension(format!("{}.{PARTIAL}", std::process::id()));
    let written = write_all(&partial, &header, parts)
        .and_then(|()| fs::rename(&partial, path))
        // The new name itself must survive a loss of power.
        .and_then(|()| File::open(folder)?.sync_all());
    if let Err(error) = written {
        let _ = fs::remove_file(&partial); // it may not exist
        return Err(error);
    }
    Ok((8 + header.len() + end) as u64)
}

fn write_all(path: &Path, header: &[u8], parts: &[Part<'_>]) -> io::Result<()> {
    let mut file = BufWriter::with_capacity(CHUNK, File::create(path)?);
    file.write_all(&(header.len() as u64).to_le_bytes())?;
    file.write_all(header)?;
    for part in parts {
        part.values.chunks(CHUNK / 4).try_for_each(|chunk| file.write_all(&to_bytes(chunk)))?;
    }
    file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
}

/// Removes what writers that were killed have left in a folder.
pub(crate) fn tidy(folder: &Path) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for path in
        entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == PARTIAL))
    {
        let _ = fs::remove_file(path); // it does no harm where it is
    }
}

fn to_bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// A file whose header was read; its tensors follow in the order of `tensors`.
pub(crate) struct Opened {
    pub(crate) notes: Notes,
    /// Name and extents.
    pub(crate) tensors: Vec<(String, Vec<usize>)>,
    reader: BufReader<File>,
    hasher: Sum,
    sum: String,
}

/// Opens a file and reads its header.
///
/// # Errors
/// Says what is wrong with the file in a fragment that reads well after the file's name.
pub(crate) fn open(path: &Path) -> Result<Opened, String> {
    let file = File::open(path).map_err(|error| format!("cannot be opened: {error}"))?;
    let size = file.metadata().map_err(|error| broken(&error))?.len();
    let mut reader = BufReader::with_capacity(CHUNK, file);
    let mut length = [0; 8];
    reader.read_exact(&mut length).map_err(|error| broken(&error))?;
    let length = u64::from_le_bytes(length);
    if length > MAX_HEADER || length + 8 > size {
        return Err("is no safetensors file, or cut off".to_owned());
    }
    let mut header = vec![0; length as usize];
    reader.read_exact(&mut header).map_err(|error| broken(&error))?;
    let header: Metadata =
        serde_json::from_slice(&header).map_err(|error| format!("has a broken header: {error}"))?;
    if 8 + length + header.data_len() as u64 != size {
        return Err("is cut off, or has bytes that its header does not name".to_owned());
    }
    let mut notes: Notes = header.metadata().clone().unwrap_or_default().into_iter().collect();
    if notes.get(VERSION_KEY).is_none_or(|version| version != VERSION) {
        return Err(format!("is not of version {VERSION}"));
    }
    let sum = notes.remove(SUM_KEY).ok_or("has no checksum")?;
    let named: HashMap<_, _> = header.tensors();
    let mut tensors = Vec::with_capacity(named.len());
    let mut end = 0;
    for name in header.offset_keys() {
        let info = named[&name];
        let elements = info.shape.iter().try_fold(1_usize, |product, extent| product.checked_mul(*extent));
        let bytes = elements.and_then(|elements| elements.checked_mul(4));
        if info.data_offsets.0 != end
            || bytes.and_then(|bytes| bytes.checked_add(end)) != Some(info.data_offsets.1)
        {
            return Err(format!("says where `{}` is in a way that makes no sense", name.escape_debug()));
        }
        end = info.data_offsets.1;
        if info.dtype != Dtype::F32 {
            return Err(format!("holds `{}` as {:?}, not as float32", name.escape_debug(), info.dtype));
        }
        tensors.push((name, info.shape.clone()));
    }
    let hasher = Sum::new(&notes);
    Ok(Opened { notes, tensors, reader, hasher, sum })
}

impl Opened {
    /// Reads all tensors: `place` gives the room for each, by its place in `tensors`.
    ///
    /// # Errors
    /// As [`open`]; what was written into the rooms is then worth nothing.
    pub(crate) fn read<'a>(
        mut self,
        mut place: impl FnMut(usize) -> Result<&'a mut [f32], String>,
    ) -> Result<(), String> {
        let mut buffer = vec![0; CHUNK];
        for (index, (name, shape)) in self.tensors.iter().enumerate() {
            let room = place(index)?;
            if shape.iter().product::<usize>() != room.len() {
                return Err(format!("holds `{}` with extents {shape:?}", name.escape_debug()));
            }
            self.hasher.start(name, shape);
            for chunk in room.chunks_mut(CHUNK / 4) {
                let bytes = &mut buffer[..4 * chunk.len()];
                self.reader.read_exact(bytes).map_err(|error| broken(&error))?;
                self.hasher.take(bytes);
                let values = bytes.as_chunks::<4>().0;
                chunk.iter_mut().zip(values).for_each(|(out, bytes)| *out = f32::from_le_bytes(*bytes));
            }
        }
        match self.hasher.finish() == self.sum {
            true => Ok(()),
            false => Err("is damaged: its checksum is wrong".to_owned()),
        }
    }
}

fn broken(error: &io::Error) -> String {
    format!("cannot be read: {error}")
}

/// Trained weights: parameters and running statistics as evaluations see them.
#[derive(Debug, Clone, PartialEq)]
pub struct Weights {
    /// Updates that led to them.
    pub step: u64,
    /// Extents and elements, by the names that [`sweep_graph::Model::learnt`] gives.
    pub tensors: BTreeMap<String, (Vec<usize>, Vec<f32>)>,
}

/// Reads the weights that a trial left.
///
/// # Errors
/// Says what is wrong with the file in a fragment that reads well after the file's name.
pub fn read_weights(path: &Path) -> Result<Weights, String> {
    let opened = open(path)?;
    let step = number(&opened.notes, "step")?;
    let names = opened.tensors.clone();
    let sizes = names.iter().map(|(_, shape)| shape.iter().product::<usize>());
    let mut values: Vec<Vec<f32>> = sizes.map(|size| vec![0.0; size]).collect();
    let mut rooms = values.iter_mut();
    opened.read(|_| rooms.next().map(Vec::as_mut_slice).ok_or_else(|| "has too many tensors".to_owned()))?;
    let tensors =
        names.into_iter().zip(values).map(|((name, shape), values)| (name, (shape, values))).collect();
    Ok(Weights { step, tensors })
}

/// A note that is a whole number.
pub(crate) fn number(notes: &Notes, name: &str) -> Result<u64, String> {
    let note = notes.get(name).and_then(|text| text.parse().ok());
    note.ok_or_else(|| format!("does not say its `{name}`"))
}

/// The checksum: notes, then each tensor's name, extents and elements; lengths go in first, so that no two files feed
/// the same bytes.
struct Sum(blake3::Hasher);

impl Sum {
    fn new(notes: &Notes) -> Self {
        let mut sum = Self(blake3::Hasher::new());
        sum.length(notes.len());
        for (key, value) in notes {
            sum.text(key);
            sum.text(value);
        }
        sum
    }

    fn start(&mut self, name: &str, shape: &[usize]) {
        self.text(name);
        self.length(shape.len());
        shape.iter().for_each(|extent| self.length(*extent));
    }

    fn take(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn length(&mut self, length: usize) {
        self.0.update(&(length as u64).to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.length(text.len());
        self.0.update(text.as_bytes());
    }

    fn finish(&self) -> String {
        self.0.finalize().to_hex().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(folder: &Path) -> std::path::PathBuf {
        let path = folder.join("a/7.safetensors");
        let parts = [
            Part { name: "w", shape: &[2, 2], values: &[1.0, -0.0, f32::NAN, 4.0] },
            Part { name: "b", shape: &[], values: &[5.0] },
            Part { name: "empty", shape: &[0], values: &[] },
        ];
        let notes = Notes::from([("step".to_owned(), "7".to_owned())]);
        assert_eq!(write(&path, notes, &parts).unwrap(), fs::metadata(&path).unwrap().len());
        path
    }

    #[test]
    fn what_is_written_is_read_bit_for_bit() {
        let folder = tempfile::tempdir().unwrap();
        let path = written(folder.path());
        let weights = read_weights(&path).unwrap();
        assert_eq!(weights.step, 7);
        let bits = |name: &str| weights.tensors[name].1.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits("w"), [1.0, -0.0, f32::NAN, 4.0].map(f32::to_bits));
        assert_eq!(weights.tensors["b"], (vec![], vec![5.0]));
        let names = fs::read_dir(path.parent().unwrap()).unwrap().count();
        assert_eq!(names, 1, "nothing is left beside the file");
    }

    #[test]
    fn one_changed_byte_anywhere_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = written(folder.path());
        let bytes = fs::read(&path).unwrap();
        for place in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[place] ^= 1;
            fs::write(&path, &damaged).unwrap();
            // Padding of the header is no content.
            let padding = bytes[place] == b' ' && place > 8;
            assert!(read_weights(&path).is_err() || padding, "byte {place} of {}", bytes.len());
        }
        for length in 0..bytes.len() {
            fs::write(&path, &bytes[..length]).unwrap();
            assert!(read_weights(&path).is_err(), "{length} bytes");
        }
        fs::write(&path, [&bytes[..], b"!"].concat()).unwrap();
        assert!(read_weights(&path).unwrap_err().contains("bytes that its header does not name"));
    }

    #[test]
    fn a_header_that_promises_too_much_allocates_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        fs::write(&path, [&u64::MAX.to_le_bytes()[..], b"{}"].concat()).unwrap();
        assert!(read_weights(&path).unwrap_err().contains("cut off"));
        let header = br#"{"w":{"dtype":"F32","shape":[1099511627776],"data_offsets":[0,4398046511104]}}"#;
        fs::write(&path, [&(header.len() as u64).to_le_bytes()[..], header].concat()).unwrap();
        assert!(read_weights(&path).unwrap_err().contains("cut off"));
    }
}
