//! Parquet files of the same columns have the same types, whatever the store holds.

use std::collections::BTreeMap;

use parquet::{
    basic::Type,
    file::reader::{FileReader, SerializedFileReader},
};
use sweep::{
    report::parquet,
    store::{QueryLimits, Table, query, views},
};

use super::{
    support::home,
    thousands::{Shape, make},
};

/// Each column's type.
fn types(table: &Table) -> BTreeMap<String, Type> {
    let file = tempfile::tempfile().unwrap();
    std::io::Write::write_all(&mut &file, &parquet(table)).unwrap();
    let reader = SerializedFileReader::new(file).unwrap();
    let metadata = reader.metadata().file_metadata();
    assert_eq!(metadata.num_rows(), table.rows.len() as i64);
    let fields = metadata.schema().get_fields().iter();
    fields.map(|field| (field.name().to_owned(), field.get_physical_type())).collect()
}

#[test]
fn a_view_has_its_types_without_rows_too() {
    let home = home();
    make(home.path(), Shape { trials: 400, sweeps: 2, waiting: false, losses: 0 });
    for view in views() {
        let ask = |rest: &str| {
            let sql = format!("SELECT * FROM {} {rest}", view.name);
            query(home.path(), &sql, QueryLimits::default()).unwrap()
        };
        let (full, empty) = (ask(""), types(&ask("LIMIT 0")));
        for (column, found) in types(&full) {
            assert_eq!(empty[&column], found, "{}.{column} of {} rows", view.name, full.rows.len());
        }
    }
}
