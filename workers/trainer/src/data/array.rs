//! Arrays of samples, and the room in a batch that one of them fills.

/// Samples one after another.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Array {
    /// One sample's shape, as in the file.
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Values,
}

/// What an array holds; integers but for 8-bit ones are widened, doubles rounded to float32.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Values {
    U8(Vec<u8>),
    F32(Vec<f32>),
    I64(Vec<i64>),
}

/// One batch of an input or a target, as the graph wants it.
#[derive(Debug)]
pub(crate) enum Room<'a> {
    F32(&'a mut [f32]),
    I64(&'a mut [i64]),
    I32(&'a mut [i32]),
    Bool(&'a mut [bool]),
}

impl Array {
    /// Elements of one sample.
    pub(crate) fn size(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether the values are whole numbers.
    pub(crate) fn is_whole(&self) -> bool {
        !matches!(self.values, Values::F32(_))
    }

    /// Whether some element is this integer.
    pub(crate) fn holds(&self, value: i64) -> bool {
        match &self.values {
            Values::U8(values) => values.iter().any(|v| i64::from(*v) == value),
            Values::I64(values) => values.contains(&value),
            Values::F32(_) => false,
        }
    }

    /// Element `index` of all, as an integer; fractions are cut off.
    pub(crate) fn whole(&self, index: usize) -> i64 {
        match &self.values {
            Values::U8(values) => values[index].into(),
            Values::F32(values) => values[index] as i64,
            Values::I64(values) => values[index],
        }
    }

    /// Element `index` of all.
    pub(crate) fn real(&self, index: usize) -> f32 {
        match &self.values {
            Values::U8(values) => values[index].into(),
            Values::F32(values) => values[index],
            Values::I64(values) => values[index] as f32,
        }
    }

    /// Feeds type, shape and content to a hash; lengths go in first, so that no two arrays feed the same bytes.
    pub(crate) fn hash(&self, hasher: &mut blake3::Hasher) {
        for extent in &self.shape {
            hasher.update(&(*extent as u64).to_le_bytes());
        }
        hasher.update(&[u8::MAX]);
        match &self.values {
            Values::U8(values) => _ = hasher.update(b"u8").update(values),
            Values::F32(values) => {
                hasher.update(b"f32");
                values.iter().for_each(|value| _ = hasher.update(&value.to_le_bytes()));
            }
            Values::I64(values) => {
                hasher.update(b"i64");
                values.iter().for_each(|value| _ = hasher.update(&value.to_le_bytes()));
            }
        }
    }
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

    /// Writes sample `index` of `array` as row `row`; nothing is 0.
    pub(crate) fn put(&mut self, row: usize, array: &Array, index: Option<usize>) {
        let size = array.size();
        let source = index.map(|index| index * size);
        match self {
            Room::F32(room) => fill(room, row, size, |i| source.map_or(0.0, |start| array.real(start + i))),
            Room::I64(room) => fill(room, row, size, |i| source.map_or(0, |start| array.whole(start + i))),
            Room::I32(room) => {
                fill(room, row, size, |i| source.map_or(0, |start| array.whole(start + i) as i32))
            }
            Room::Bool(room) => {
                fill(room, row, size, |i| source.is_some_and(|start| array.whole(start + i) != 0))
            }
        }
    }
}

fn fill<T>(room: &mut [T], row: usize, size: usize, value: impl Fn(usize) -> T) {
    room[row * size..][..size].iter_mut().enumerate().for_each(|(i, out)| *out = value(i));
}
