//! NumPy's `.npy` files (format versions 1 to 3): one array of plain numbers, its first axis the samples.

use std::{
    fs::File,
    io::{BufReader, Read, Seek},
    path::Path,
};

use npyz::{Deserialize, NpyFile, Order};

use super::array::{Array, Values};

/// The most bytes of values one file may hold.
pub(crate) const MAX_BYTES: u64 = 8 << 30;

/// Reads a whole file: the number of samples and what they hold.
///
/// # Errors
/// Says what is wrong with the file in a fragment that reads well after the file's name.
pub(crate) fn read(path: &Path) -> Result<(usize, Array), String> {
    let broken = |error: std::io::Error| format!("cannot be read: {error}");
    let mut file = File::open(path).map_err(|error| format!("cannot be opened: {error}"))?;
    let size = file.metadata().map_err(broken)?.len();
    let mut magic = [0; 6];
    if file.read_exact(&mut magic).is_err() || &magic != b"\x93NUMPY" {
        return Err("is not a `.npy` file".to_owned());
    }
    file.rewind().map_err(broken)?;
    let npy = NpyFile::new(BufReader::new(file)).map_err(|error| format!("has a broken header: {error}"))?;
    let shape: Vec<usize> =
        npy.shape().iter().map(|extent| usize::try_from(*extent).unwrap_or(usize::MAX)).collect();
    let Some((&count, sample)) = shape.split_first() else {
        return Err("holds a single number; the first axis counts samples".to_owned());
    };
    let kind = npy.dtype().descr();
    let kind = kind.trim_matches('\'').to_owned();
    let width = kind.trim_start_matches(|c: char| !c.is_ascii_digit()).parse::<u64>().unwrap_or(1);
    let elements = shape.iter().try_fold(1_u64, |product, extent| product.checked_mul(*extent as u64));
    let bytes = elements.and_then(|elements| elements.checked_mul(width)).filter(|bytes| *bytes <= MAX_BYTES);
    let Some(bytes) = bytes else {
        return Err(format!("declares more than {} GiB of values, the most that is read", MAX_BYTES >> 30));
    };
    if bytes > size {
        return Err(format!("is cut off: its values take {bytes} bytes, the whole file has {size}"));
    }
    if npy.order() == Order::Fortran && sample.iter().any(|extent| *extent > 1) {
        return Err("is stored column by column; save `numpy.ascontiguousarray(…)` of it".to_owned());
    }
    let shape = sample.to_vec();
    let values = values(npy, &kind)?;
    Ok((count, Array { shape, values }))
}

fn values(npy: NpyFile<BufReader<File>>, kind: &str) -> Result<Values, String> {
    Ok(match kind.trim_start_matches(['<', '>', '|', '=']) {
        "u1" => Values::U8(all(npy)?),
        "f4" => Values::F32(all(npy)?),
        "f8" => Values::F32(all::<f64>(npy)?.into_iter().map(|value| value as f32).collect()),
        "i8" => Values::I64(all(npy)?),
        "i4" => widened::<i32>(npy)?,
        "i2" => widened::<i16>(npy)?,
        "i1" => widened::<i8>(npy)?,
        "u2" => widened::<u16>(npy)?,
        "u4" => widened::<u32>(npy)?,
        "b1" => Values::I64(all::<bool>(npy)?.into_iter().map(i64::from).collect()),
        "O" => return Err("holds pickled Python objects, which are never read".to_owned()),
        _ => {
            return Err(format!(
                "holds values of type `{kind}`; float32, float64, booleans and integers up to int64 can be read"
            ));
        }
    })
}

fn widened<T: Deserialize + Into<i64>>(npy: NpyFile<BufReader<File>>) -> Result<Values, String> {
    Ok(Values::I64(all::<T>(npy)?.into_iter().map(Into::into).collect()))
}

fn all<T: Deserialize>(npy: NpyFile<BufReader<File>>) -> Result<Vec<T>, String> {
    npy.into_vec().map_err(|error| format!("cannot be read: {error}"))
}
