//! A table as the bytes of a Parquet file, for DuckDB, pandas and their like.

use std::sync::Arc;

use parquet::{
    basic::{Compression, LogicalType, Repetition, Type as Physical},
    data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int64Type},
    errors::ParquetError,
    file::{
        properties::WriterProperties,
        writer::{SerializedColumnWriter, SerializedFileWriter},
    },
    schema::types::Type,
};
use serde_json::Value;

use crate::store::{Table, plain};

/// Rows that are compressed together.
const GROUP: usize = 1 << 20;

/// What a column holds; each may hold nothing as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// `INT64`.
    Integer,
    /// `DOUBLE`: real numbers, or those and integers.
    Real,
    /// `BYTE_ARRAY` of the logical type string: texts, objects as JSON, or values of more than one kind.
    Text,
}

/// Columns of the store's views and of reports that hold texts, and those that hold integers; others hold real numbers. This
/// counts where a column has no value in any row, so that files of the same columns have the same types.
const TEXTS: &str = "budget created description end followed key message metric name reason schedule settings settled state \
    state_reason status values which";
const INTEGERS: &str = "attempt attempts bytes created_at diverged done ended_at failed first_step missing ordinal pid \
    priority saved_at seed seeds slot started_at step steps submitted_at sweep trial trials";

impl Kind {
    fn of(table: &Table, column: usize) -> Self {
        let mut values =
            table.rows.iter().map(|row| &row[column]).filter(|value| !value.is_null()).peekable();
        if values.peek().is_none() {
            return match table.columns[column].as_str() {
                name if TEXTS.split(' ').any(|text| text == name) => Self::Text,
                name if INTEGERS.split(' ').any(|integer| integer == name) => Self::Integer,
                _ => Self::Real,
            };
        }
        values.fold(Self::Integer, |kind, value| match kind {
            Self::Integer if value.is_i64() => Self::Integer,
            Self::Integer | Self::Real if value.is_number() => Self::Real,
            _ => Self::Text,
        })
    }

    fn field(self, name: &str) -> Result<Type, ParquetError> {
        let (physical, logical) = match self {
            Self::Integer => (Physical::INT64, None),
            Self::Real => (Physical::DOUBLE, None),
            Self::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        };
        Type::primitive_type_builder(name, physical)
            .with_repetition(Repetition::OPTIONAL)
            .with_logical_type(logical)
            .build()
    }
}

/// The table as a Parquet file: a column of integers, real numbers or texts for each of its own, all of which may be null. Objects
/// are JSON texts; where numbers and texts mix, all are texts.
#[must_use]
pub fn parquet(table: &Table) -> Vec<u8> {
    write(table).expect("rows are as wide as the header and memory does not fail")
}

fn write(table: &Table) -> Result<Vec<u8>, ParquetError> {
    let kinds: Vec<Kind> = (0..table.columns.len()).map(|column| Kind::of(table, column)).collect();
    let fields = table.columns.iter().zip(&kinds).map(|(name, kind)| kind.field(name).map(Arc::new));
    let fields = fields.collect::<Result<_, _>>()?;
    let schema = Type::group_type_builder("table").with_fields(fields).build()?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_created_by(concat!("sweep version ", env!("CARGO_PKG_VERSION")).to_owned())
        .build();
    let mut writer = SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::new(properties))?;
    for rows in table.rows.chunks(GROUP) {
        let mut group = writer.next_row_group()?;
        for (column, kind) in kinds.iter().enumerate() {
            let writer = group.next_column()?.expect("each column is a field");
            let values = rows.iter().map(|row| &row[column]);
            match kind {
                Kind::Integer => fill::<Int64Type>(writer, values, Value::as_i64),
                Kind::Real => fill::<DoubleType>(writer, values, Value::as_f64),
                Kind::Text => fill::<ByteArrayType>(writer, values, text),
            }?;
        }
        group.close()?;
    }
    writer.into_inner()
}

/// Writes a column, null where a value has no `part`.
fn fill<'a, T: DataType>(
    mut writer: SerializedColumnWriter<'_>,
    values: impl Iterator<Item = &'a Value>,
    part: impl Fn(&Value) -> Option<T::T>,
) -> Result<(), ParquetError> {
    let parts: Vec<Option<T::T>> = values.map(part).collect();
    let levels: Vec<i16> = parts.iter().map(|part| i16::from(part.is_some())).collect();
    let there: Vec<T::T> = parts.into_iter().flatten().collect();
    writer.typed::<T>().write_batch(&there, Some(&levels), None)?;
    writer.close()
}

fn text(value: &Value) -> Option<ByteArray> {
    let text = match value {
        Value::Null => return None,
        Value::Object(_) => value.to_string(),
        other => plain(other),
    };
    Some(text.as_str().into())
}
