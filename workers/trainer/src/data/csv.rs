//! Tables of numbers as comma-separated values, gzipped or not: one row per sample, one column its label.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{self, BufRead, BufReader, Read, Write},
    path::Path,
};

use ::csv::{ByteRecord, Position, Reader, ReaderBuilder};
use flate2::read::MultiGzDecoder;
use sweep_wire::Csv;

use super::{
    array::{Array, Bytes, Kind},
    spool::Memory,
};

/// The longest line, in bytes.
const MAX_LINE: usize = 16 << 20;
/// The most classes that are named in words.
const MAX_CLASSES: usize = 100_000;

/// What a table holds.
pub(crate) struct Table {
    pub(crate) count: usize,
    pub(crate) inputs: Array,
    pub(crate) labels: Array,
    /// The labels' words in sorted order, where they are words.
    pub(crate) classes: Option<Vec<String>>,
}

/// Reads a whole file; `classes` are those of the training set, where this is another.
///
/// # Errors
/// Says what is wrong with the file in a fragment that reads well after the file's name.
pub(crate) fn read(csv: &Csv, classes: Option<&[String]>, memory: &mut Memory) -> Result<Table, String> {
    let layout = Layout::of(csv)?;
    let labels = match (classes, layout.labels(&csv.csv)?) {
        (None, found) => found,
        (Some(known), Labels::Words(_)) => Labels::Words(known.to_vec()),
        (Some(_), _) => return Err("has numbers for labels, and the training set has words".to_owned()),
    };
    let (mut inputs, mut column) = (memory.spool(), Vec::new());
    let mut count = 0_usize;
    layout.each(&csv.csv, |place, record| {
        for &index in &layout.inputs {
            inputs.write_all(&layout.number(place, record, index)?.to_le_bytes()).map_err(|e| broken(&e))?;
        }
        match &labels {
            Labels::Wholes => column
                .extend((layout.word(place, record, layout.label)?.parse().unwrap_or(0_i64)).to_le_bytes()),
            Labels::Floats => column.extend(layout.number(place, record, layout.label)?.to_le_bytes()),
            Labels::Words(words) => {
                let word = layout.word(place, record, layout.label)?;
                let class = words.binary_search_by(|known| known.as_str().cmp(word)).map_err(|_| {
                    let word = word.escape_debug();
                    format!("has label `{word}` in line {place}, which the training set has not")
                })?;
                column.extend((class as i64).to_le_bytes());
            }
        }
        count += 1;
        Ok(())
    })?;
    let inputs = inputs.finish().map_err(|error| broken(&error))?;
    memory.left = memory.left.saturating_sub(column.len() as u64);
    let kind = if matches!(labels, Labels::Floats) { Kind::F32 } else { Kind::I64 };
    let classes = match labels {
        Labels::Words(words) => Some(words),
        Labels::Wholes | Labels::Floats => None,
    };
    Ok(Table {
        count,
        inputs: Array::packed(vec![layout.inputs.len()], Kind::F32, inputs),
        labels: Array::packed(vec![], kind, Bytes::Memory(column)),
        classes,
    })
}

/// The names of a table's columns, and whether the first row has numbers in them; nothing if it cannot be read.
pub(crate) fn columns(path: &Path) -> Option<Vec<(String, bool)>> {
    let mut reader = reader(path).ok()?;
    let mut rows = [ByteRecord::new(), ByteRecord::new()];
    for row in &mut rows {
        reader.read_byte_record(row).ok()?;
    }
    let words = |row: &ByteRecord| -> Vec<String> {
        row.iter().map(|field| String::from_utf8_lossy(field).trim().to_owned()).collect()
    };
    let are_numbers =
        |words: &[String]| -> Vec<bool> { words.iter().map(|word| word.parse::<f32>().is_ok()).collect() };
    let [first, second] = rows.each_ref().map(words);
    if are_numbers(&first).iter().all(|is_number| *is_number) {
        return Some((0..first.len()).map(|index| (index.to_string(), true)).collect());
    }
    (first.len() == second.len()).then(|| first.into_iter().zip(are_numbers(&second)).collect())
}

/// What the labels of a table are.
enum Labels {
    Wholes,
    Floats,
    Words(Vec<String>),
}

/// Which columns are what.
struct Layout {
    names: Vec<String>,
    header: bool,
    label: usize,
    inputs: Vec<usize>,
}

impl Layout {
    fn of(csv: &Csv) -> Result<Self, String> {
        let mut first = ByteRecord::new();
        if !reader(&csv.csv)?.read_byte_record(&mut first).map_err(|error| broken(&error))? {
            return Err("is empty".to_owned());
        }
        let texts: Vec<String> =
            first.iter().map(|field| String::from_utf8_lossy(field).trim().to_owned()).collect();
        let numbers = texts.iter().all(|text| text.parse::<f64>().is_ok());
        let header = csv.header.unwrap_or(!numbers);
        let names = if header { texts } else { (0..texts.len()).map(|index| index.to_string()).collect() };
        let place = |name: &String| {
            names.iter().position(|known| known == name).ok_or_else(|| {
                let known: Vec<_> =
                    names.iter().take(20).map(|name| format!("`{}`", name.escape_debug())).collect();
                format!("has no column `{}`; it has {}", name.escape_debug(), known.join(", "))
            })
        };
        let label = place(&csv.labels)?;
        let inputs = match &csv.inputs {
            Some(named) => named.iter().map(place).collect::<Result<Vec<_>, _>>()?,
            None => (0..names.len()).filter(|index| *index != label).collect(),
        };
        if inputs.is_empty() {
            return Err("has no column beside the labels".to_owned());
        }
        Ok(Self { names, header, label, inputs })
    }

    /// Looks through the labels.
    fn labels(&self, path: &Path) -> Result<Labels, String> {
        let (mut wholes, mut floats, mut words) = (true, true, BTreeSet::new());
        self.each(path, |place, record| {
            let word = self.word(place, record, self.label)?;
            wholes &= word.parse::<i64>().is_ok();
            floats &= word.parse::<f32>().is_ok();
            if words.len() <= MAX_CLASSES && !words.contains(word) {
                words.insert(word.to_owned());
            }
            Ok(())
        })?;
        match (wholes, floats) {
            (true, _) => Ok(Labels::Wholes),
            (_, true) => Ok(Labels::Floats),
            _ if words.len() > MAX_CLASSES => Err(format!("has more than {MAX_CLASSES} different labels")),
            _ => Ok(Labels::Words(words.into_iter().collect())),
        }
    }

    /// Calls `see` with the line and the fields of each row.
    fn each(
        &self,
        path: &Path,
        mut see: impl FnMut(u64, &ByteRecord) -> Result<(), String>,
    ) -> Result<(), String> {
        let mut reader = reader(path)?;
        let mut record = ByteRecord::new();
        let mut skip = self.header;
        while reader.read_byte_record(&mut record).map_err(|error| broken(&error))? {
            if std::mem::take(&mut skip) {
                continue;
            }
            let line = record.position().map_or(0, Position::line);
            if record.len() != self.names.len() {
                let (found, wanted) = (record.len(), self.names.len());
                return Err(format!("has {found} columns in line {line} and {wanted} before it"));
            }
            see(line, &record)?;
        }
        Ok(())
    }

    fn word<'a>(&self, line: u64, record: &'a ByteRecord, column: usize) -> Result<&'a str, String> {
        let name = self.names[column].escape_debug();
        let word = std::str::from_utf8(&record[column])
            .map_err(|_| format!("is not UTF-8 in line {line}, column `{name}`"))?;
        match word.trim() {
            "" => Err(format!("has nothing in line {line}, column `{name}`")),
            word => Ok(word),
        }
    }

    fn number(&self, line: u64, record: &ByteRecord, column: usize) -> Result<f32, String> {
        let word = self.word(line, record, column)?;
        word.parse().ok().filter(|number: &f32| number.is_finite()).ok_or_else(|| {
            let (word, name) = (word.escape_debug(), self.names[column].escape_debug());
            format!("has `{word}` in line {line}, column `{name}`, which is no finite number")
        })
    }
}

fn reader(path: &Path) -> Result<Reader<Lines<Box<dyn Read>>>, String> {
    let file = File::open(path).map_err(|error| format!("cannot be opened: {error}"))?;
    let mut file = BufReader::new(file);
    let zipped = file.fill_buf().map_err(|error| broken(&error))?.starts_with(&[0x1f, 0x8b]);
    let bytes: Box<dyn Read> = if zipped { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
    Ok(ReaderBuilder::new().has_headers(false).flexible(true).from_reader(Lines { bytes, length: 0 }))
}

/// Bytes whose lines are not too long: the CSV reader would take a line whole into memory.
struct Lines<R> {
    bytes: R,
    length: usize,
}

impl<R: Read> Read for Lines<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.bytes.read(buffer)?;
        match buffer[..count].iter().rposition(|byte| *byte == b'\n') {
            Some(last) => self.length = count - last,
            None => self.length += count,
        }
        if self.length > MAX_LINE {
            return Err(io::Error::other(format!("a line is longer than {} MiB", MAX_LINE >> 20)));
        }
        Ok(count)
    }
}

fn broken(error: &impl std::fmt::Display) -> String {
    format!("cannot be read: {error}")
}
