//! Parquet tables: columns of numbers, or of lists of numbers that all have one length.

use std::{
    fs::File,
    io::Write,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::Arc,
};

use ::parquet::{
    basic::Type as Physical,
    file::reader::{FileReader, SerializedFileReader},
    record::{Field, reader::RowIter},
    schema::types::Type,
};

use super::{
    array::{Array, Kind},
    spool::Memory,
};

/// Reads columns side by side: the number of rows and what they hold. A single column of numbers has no axis.
///
/// # Errors
/// Says what is wrong with the file in a fragment that reads well after the file's name.
pub(crate) fn read(
    path: &Path,
    columns: &[String],
    vector: bool,
    memory: &mut Memory,
) -> Result<(usize, Array), String> {
    // The reader asserts where a damaged file contradicts itself.
    catch_unwind(AssertUnwindSafe(|| columns_of(path, columns, vector, memory)))
        .unwrap_or_else(|_| Err("is damaged: the Parquet reader gave up".to_owned()))
}

/// The names of a table's columns, and whether they hold numbers or lists; nothing if it cannot be read.
pub(crate) fn columns(path: &Path) -> Option<Vec<(String, bool)>> {
    let read = || {
        let reader = SerializedFileReader::new(File::open(path).ok()?).ok()?;
        let schema = reader.metadata().file_metadata().schema();
        let is_number = |field: &Type| match field {
            Type::PrimitiveType { physical_type, .. } => {
                !matches!(physical_type, Physical::BYTE_ARRAY | Physical::FIXED_LEN_BYTE_ARRAY)
            }
            Type::GroupType { .. } => true,
        };
        let fields = schema.get_fields().iter();
        Some(fields.map(|field| (field.name().to_owned(), is_number(field))).collect())
    };
    catch_unwind(AssertUnwindSafe(read)).ok().flatten()
}

fn columns_of(
    path: &Path,
    columns: &[String],
    vector: bool,
    memory: &mut Memory,
) -> Result<(usize, Array), String> {
    let file = File::open(path).map_err(|error| format!("cannot be opened: {error}"))?;
    let reader = SerializedFileReader::new(file)
        .map_err(|error| format!("is no Parquet file that can be read: {error}"))?;
    let schema = reader.metadata().file_metadata().schema();
    let projection = project(schema, columns)?;
    let rows = RowIter::from_file_into(Box::new(reader))
        .project(Some(projection))
        .map_err(|error| broken(&error))?;
    let mut spool = memory.spool();
    let (mut count, mut form): (usize, Option<(usize, Kind)>) = (0, None);
    let mut values: Vec<Number> = Vec::new();
    for row in rows {
        let row = row.map_err(|error| broken(&error))?;
        values.clear();
        for column in columns {
            let field = row.get_column_iter().find(|(name, _)| *name == column).map(|(_, field)| field);
            let named =
                |problem: &str| format!("has {problem} in row {count} of column `{}`", column.escape_debug());
            match field {
                Some(Field::ListInternal(list)) => {
                    for element in list.elements() {
                        values.push(number(element).map_err(named)?);
                    }
                }
                Some(field) => values.push(number(field).map_err(named)?),
                None => return Err(named("nothing")),
            }
        }
        let whole = values.iter().all(|value| matches!(value, Number::Whole(_)));
        let (size, kind) = *form.get_or_insert((values.len(), if whole { Kind::I64 } else { Kind::F32 }));
        if values.len() != size {
            let found = values.len();
            return Err(format!(
                "has {found} numbers in row {count} of {} and {size} before it",
                listed(columns)
            ));
        }
        for value in &values {
            let written = match (kind, value) {
                (Kind::I64, Number::Whole(value)) => spool.write_all(&value.to_le_bytes()),
                (_, Number::Whole(value)) => spool.write_all(&(*value as f32).to_le_bytes()),
                (Kind::I64, Number::Real(_)) => return Err(format!("mixes types in {}", listed(columns))),
                (_, Number::Real(value)) => spool.write_all(&value.to_le_bytes()),
            };
            written.map_err(|error| format!("cannot be read: {error}"))?;
        }
        count += 1;
    }
    let (size, kind) = form.unwrap_or((1, Kind::F32));
    let shape = if size == 1 && !vector { vec![] } else { vec![size] };
    let bytes = spool.finish().map_err(|error| format!("cannot be read: {error}"))?;
    Ok((count, Array::packed(shape, kind, bytes)))
}

/// The schema with these columns alone.
fn project(schema: &Type, columns: &[String]) -> Result<Type, String> {
    let fields = schema.get_fields();
    if let Some(missing) =
        columns.iter().find(|name| fields.iter().all(|field| field.name() != name.as_str()))
    {
        let known: Vec<_> =
            fields.iter().take(20).map(|field| format!("`{}`", field.name().escape_debug())).collect();
        return Err(format!("has no column `{}`; it has {}", missing.escape_debug(), known.join(", ")));
    }
    let chosen = fields.iter().filter(|field| columns.iter().any(|name| name == field.name()));
    let chosen = chosen.map(Arc::clone).collect();
    Type::group_type_builder(schema.name()).with_fields(chosen).build().map_err(|error| broken(&error))
}

enum Number {
    Whole(i64),
    Real(f32),
}

fn number(field: &Field) -> Result<Number, &'static str> {
    let real = |value: f32| match value.is_finite() {
        true => Ok(Number::Real(value)),
        false => Err("a number that is not finite"),
    };
    match field {
        Field::Bool(value) => Ok(Number::Whole((*value).into())),
        Field::Byte(value) => Ok(Number::Whole((*value).into())),
        Field::Short(value) => Ok(Number::Whole((*value).into())),
        Field::Int(value) => Ok(Number::Whole((*value).into())),
        Field::Long(value) => Ok(Number::Whole(*value)),
        Field::UByte(value) => Ok(Number::Whole((*value).into())),
        Field::UShort(value) => Ok(Number::Whole((*value).into())),
        Field::UInt(value) => Ok(Number::Whole((*value).into())),
        Field::Float(value) => real(*value),
        Field::Double(value) => real(*value as f32),
        Field::Null => Err("no value"),
        _ => Err("what is no number"),
    }
}

fn listed(columns: &[String]) -> String {
    let names: Vec<_> = columns.iter().take(5).map(|name| format!("`{}`", name.escape_debug())).collect();
    format!("column {}", names.join(", "))
}

fn broken(error: &::parquet::errors::ParquetError) -> String {
    format!("cannot be read: {error}")
}
