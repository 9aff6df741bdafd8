//! Arrays of samples, in memory or on disk, and the room in a batch that one of them fills.

use std::{fs::File, io, os::unix::fs::FileExt, sync::Arc};

/// Samples at equal distances in one stretch of bytes.
#[derive(Debug, Clone)]
pub(crate) struct Array {
    /// One sample's shape, as in the file.
    pub(crate) shape: Vec<usize>,
    pub(crate) kind: Kind,
    /// Whether elements are stored with their largest byte first.
    pub(crate) big_endian: bool,
    pub(crate) bytes: Arc<Bytes>,
    /// Where the first sample begins, in bytes.
    pub(crate) offset: u64,
    /// From the beginning of one sample to that of the next, in bytes.
    pub(crate) stride: u64,
}

/// Where bytes are.
#[derive(Debug)]
pub(crate) enum Bytes {
    Memory(Vec<u8>),
    /// Read as they are needed.
    Disk(File),
}

/// Types of elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Bool,
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    I64,
    F32,
    /// Rounded to float32 when it is read.
    F64,
}

impl Kind {
    /// Bytes of one element.
    pub(crate) fn width(self) -> usize {
        match self {
            Self::Bool | Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::I64 | Self::F64 => 8,
        }
    }

    /// As NumPy spells it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::U8 => "uint8",
            Self::I8 => "int8",
            Self::U16 => "uint16",
            Self::I16 => "int16",
            Self::U32 => "uint32",
            Self::I32 => "int32",
            Self::I64 => "int64",
            Self::F32 => "float32",
            Self::F64 => "float64",
        }
    }

    /// Whether elements are whole numbers.
    pub(crate) fn is_whole(self) -> bool {
        !matches!(self, Self::F32 | Self::F64)
    }
}

/// The elements of one sample, smallest byte first.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample<'a> {
    pub(crate) kind: Kind,
    pub(crate) bytes: &'a [u8],
}

impl Array {
    /// Samples of `kind` one after another, smallest byte first.
    pub(crate) fn packed(shape: Vec<usize>, kind: Kind, bytes: Bytes) -> Self {
        let size: usize = shape.iter().product();
        let stride = (size * kind.width()) as u64;
        Self { shape, kind, big_endian: false, bytes: Arc::new(bytes), offset: 0, stride }
    }

    /// Elements of one sample.
    pub(crate) fn size(&self) -> usize {
        self.shape.iter().product()
    }

    /// One sample; `scratch` may hold it.
    ///
    /// # Errors
    /// The disk.
    pub(crate) fn sample<'a>(&'a self, index: u32, scratch: &'a mut Vec<u8>) -> io::Result<Sample<'a>> {
        let (start, length) = (self.offset + u64::from(index) * self.stride, self.size() * self.kind.width());
        let kind = self.kind;
        match &*self.bytes {
            Bytes::Memory(bytes) if !self.big_endian || kind.width() == 1 => {
                Ok(Sample { kind, bytes: &bytes[start as usize..][..length] })
            }
            bytes => {
                scratch.resize(length, 0);
                match bytes {
                    Bytes::Memory(bytes) => scratch.copy_from_slice(&bytes[start as usize..][..length]),
                    Bytes::Disk(file) => file.read_exact_at(scratch, start)?,
                }
                if self.big_endian {
                    scratch.chunks_exact_mut(kind.width()).for_each(<[u8]>::reverse);
                }
                Ok(Sample { kind, bytes: scratch })
            }
        }
    }

    /// Feeds type, shape and content of so many samples to a hash; lengths go in first, so that no two arrays feed the
    /// same bytes.
    ///
    /// # Errors
    /// The disk.
    pub(crate) fn hash(&self, count: usize, hasher: &mut blake3::Hasher) -> io::Result<()> {
        for extent in &self.shape {
            hasher.update(&(*extent as u64).to_le_bytes());
        }
        hasher.update(&[u8::MAX]).update(self.kind.name().as_bytes());
        self.each(count, |_, sample| _ = hasher.update(sample.bytes))
    }

    /// Calls `see` with each of so many samples, in order.
    ///
    /// # Errors
    /// The disk.
    pub(crate) fn each(&self, count: usize, mut see: impl FnMut(u32, Sample<'_>)) -> io::Result<()> {
        let mut scratch = Vec::new();
        (0..count as u32).try_for_each(|index| {
            see(index, self.sample(index, &mut scratch)?);
            Ok(())
        })
    }
}

impl Sample<'_> {
    /// Each element as an integer; fractions are cut off.
    pub(crate) fn wholes(&self, mut see: impl FnMut(usize, i64)) {
        let each = &mut |(index, value)| see(index, value);
        match self.kind {
            Kind::Bool => self.elements(|[byte]: [u8; 1]| i64::from(byte != 0)).for_each(each),
            Kind::U8 => self.elements(|[byte]: [u8; 1]| byte.into()).for_each(each),
            Kind::I8 => self.elements(|bytes| i8::from_le_bytes(bytes).into()).for_each(each),
            Kind::U16 => self.elements(|bytes| u16::from_le_bytes(bytes).into()).for_each(each),
            Kind::I16 => self.elements(|bytes| i16::from_le_bytes(bytes).into()).for_each(each),
            Kind::U32 => self.elements(|bytes| u32::from_le_bytes(bytes).into()).for_each(each),
            Kind::I32 => self.elements(|bytes| i32::from_le_bytes(bytes).into()).for_each(each),
            Kind::I64 => self.elements(i64::from_le_bytes).for_each(each),
            Kind::F32 => self.elements(|bytes| f32::from_le_bytes(bytes) as i64).for_each(each),
            Kind::F64 => self.elements(|bytes| f64::from_le_bytes(bytes) as i64).for_each(each),
        }
    }

    /// Each element as a float32.
    pub(crate) fn floats(&self, out: &mut [f32]) {
        let put = &mut |(index, value): (usize, f32)| out[index] = value;
        match self.kind {
            Kind::F32 => self.elements(f32::from_le_bytes).for_each(put),
            Kind::F64 => self.elements(|bytes| f64::from_le_bytes(bytes) as f32).for_each(put),
            _ => self.wholes(|index, value| out[index] = value as f32),
        }
    }

    fn elements<T, const N: usize>(&self, value: impl Fn([u8; N]) -> T) -> impl Iterator<Item = (usize, T)> {
        self.bytes.as_chunks::<N>().0.iter().map(move |bytes| value(*bytes)).enumerate()
    }
}

/// One batch of an input or a target, as the graph wants it.
#[derive(Debug)]
pub(crate) enum Room<'a> {
    F32(&'a mut [f32]),
    I64(&'a mut [i64]),
    I32(&'a mut [i32]),
    Bool(&'a mut [bool]),
}

impl Room<'_> {
    /// Elements of the whole batch.
    pub(crate) fn len(&self) -> usize {
        match self {
            Room::F32(room) => room.len(),
            Room::I64(room) => room.len(),
            Room::I32(room) => room.len(),
            Room::Bool(room) => room.len(),
        }
    }

    /// Writes a sample of `size` elements as row `row`; nothing is 0.
    pub(crate) fn put(&mut self, row: usize, size: usize, sample: Option<Sample<'_>>) {
        match (self, sample) {
            (Room::F32(room), Some(sample)) => sample.floats(&mut room[row * size..][..size]),
            (Room::F32(room), None) => room[row * size..][..size].fill(0.0),
            (Room::I64(room), sample) => wholes(sample, &mut room[row * size..][..size], |value| value),
            (Room::I32(room), sample) => {
                wholes(sample, &mut room[row * size..][..size], |value| value as i32)
            }
            (Room::Bool(room), sample) => wholes(sample, &mut room[row * size..][..size], |value| value != 0),
        }
    }
}

fn wholes<T>(sample: Option<Sample<'_>>, out: &mut [T], value: impl Fn(i64) -> T) {
    match sample {
        Some(sample) => sample.wholes(|index, whole| out[index] = value(whole)),
        None => out.iter_mut().for_each(|out| *out = value(0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_read_from_memory_and_disk_in_both_orders() {
        let file = tempfile::tempfile().unwrap();
        let values = [3_i64, 250, 7, 1];
        for kind in [Kind::U8, Kind::U16, Kind::I16, Kind::U32, Kind::I32, Kind::I64, Kind::F32, Kind::F64] {
            let encode = |value: i64, big: bool| {
                let mut bytes = match kind {
                    Kind::F32 => (value as f32).to_le_bytes().to_vec(),
                    Kind::F64 => (value as f64).to_le_bytes().to_vec(),
                    _ => value.to_le_bytes()[..kind.width()].to_vec(),
                };
                if big {
                    bytes.reverse();
                }
                bytes
            };
            for big_endian in [false, true] {
                // A byte in front, and one between samples of two.
                let pair = |chunk: &[i64]| {
                    [vec![9], encode(chunk[0], big_endian), encode(chunk[1], big_endian)].concat()
                };
                let bytes: Vec<u8> = values.chunks(2).flat_map(pair).collect();
                file.set_len(0).unwrap();
                file.write_all_at(&bytes, 0).unwrap();
                for bytes in [Bytes::Memory(bytes), Bytes::Disk(file.try_clone().unwrap())] {
                    let array = Array {
                        shape: vec![2],
                        kind,
                        big_endian,
                        bytes: Arc::new(bytes),
                        offset: 1,
                        stride: 1 + 2 * kind.width() as u64,
                    };
                    let mut seen = vec![];
                    array.each(2, |_, sample| sample.wholes(|_, value| seen.push(value))).unwrap();
                    assert_eq!(seen, values, "{kind:?}");
                    let (mut room, mut scratch) = ([0.0; 4], vec![]);
                    Room::F32(&mut room).put(1, 2, Some(array.sample(0, &mut scratch).unwrap()));
                    assert_eq!(room, [0.0, 0.0, 3.0, 250.0], "{kind:?}");
                }
            }
        }
    }
}
