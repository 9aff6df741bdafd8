//! A query of the user's own. It can read and do nothing else, for a limited time and size.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use rusqlite::{
    Connection, Error, ErrorCode,
    config::DbConfig,
    hooks::{AuthAction, AuthContext, Authorization},
    limits::Limit,
};

use super::{StoreError, Table, open, read};

/// The longest single value and the longest query, in bytes.
const MAX_VALUE: i32 = 64 << 20;
const MAX_SQL: i32 = 1 << 20;
/// How many instructions of SQLite's machine pass between two looks at the clock: well below a millisecond.
const INSTRUCTIONS: i32 = 10_000;

/// What a query may take.
#[derive(Debug, Clone, Copy)]
pub struct QueryLimits {
    pub time: Duration,
    /// Of the whole result, about, in bytes.
    pub size: usize,
}

impl Default for QueryLimits {
    fn default() -> Self {
        Self { time: Duration::from_secs(30), size: 256 << 20 }
    }
}

/// Runs one `SELECT` over the store of this home.
///
/// # Errors
/// There is no store; the query is wrong, does more than read, or takes more than its limits.
pub fn query(home: &Path, sql: &str, limits: QueryLimits) -> Result<Table, StoreError> {
    let connection = open::reader(home)?;
    restrict(&connection, limits)?;
    select(&connection, sql, limits).map_err(|error| match error {
        StoreError::Sqlite(error) => explain(error, limits),
        other => other,
    })
}

fn restrict(connection: &Connection, limits: QueryLimits) -> Result<(), StoreError> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, MAX_VALUE)?;
    connection.set_limit(Limit::SQLITE_LIMIT_SQL_LENGTH, MAX_SQL)?;
    connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    let started = Instant::now();
    connection.progress_handler(INSTRUCTIONS, Some(move || started.elapsed() > limits.time))?;
    connection.authorizer(Some(|context: AuthContext<'_>| match context.action {
        AuthAction::Select | AuthAction::Read { .. } | AuthAction::Recursive => Authorization::Allow,
        AuthAction::Function { function_name } if !function_name.eq_ignore_ascii_case("load_extension") => {
            Authorization::Allow
        }
        _ => Authorization::Deny,
    }))?;
    Ok(())
}

fn select(connection: &Connection, sql: &str, limits: QueryLimits) -> Result<Table, StoreError> {
    let mut statement = connection.prepare(sql)?;
    if !statement.readonly() || statement.column_count() == 0 {
        return Err(StoreError::NotReading);
    }
    let mut table = Table { columns: distinct(&statement.column_names()), rows: Vec::new() };
    let width = table.columns.len();
    let mut size = 0;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let mut values = Vec::with_capacity(width);
        for index in 0..width {
            let value = read::value(row.get_ref(index)?);
            size += size_of_val(&value) + value.as_str().map_or(0, str::len);
            values.push(value);
        }
        if size > limits.size {
            return Err(StoreError::QuerySize(limits.size));
        }
        table.rows.push(values);
    }
    Ok(table)
}

/// Columns of the same name would be one key of a JSON object.
fn distinct(names: &[&str]) -> Vec<String> {
    let mut columns: Vec<String> = Vec::with_capacity(names.len());
    for name in names {
        let fresh = (2..).map(|number| format!("{name}_{number}"));
        let mut candidates = std::iter::once((*name).to_owned()).chain(fresh);
        columns.extend(candidates.find(|candidate| !columns.contains(candidate)));
    }
    columns
}

fn explain(error: Error, limits: QueryLimits) -> StoreError {
    match (error.sqlite_error_code(), &error) {
        (Some(ErrorCode::OperationInterrupted), _) => StoreError::QueryTimeout(limits.time.as_secs_f64()),
        (Some(ErrorCode::AuthorizationForStatementDenied | ErrorCode::ReadOnly), _)
        | (_, Error::MultipleStatement) => StoreError::NotReading,
        // How SQLite says it of functions.
        (_, Error::SqlInputError { msg, .. }) if msg.starts_with("not authorized") => StoreError::NotReading,
        (_, Error::SqlInputError { msg, .. } | Error::SqliteFailure(_, Some(msg))) => {
            StoreError::Query(msg.clone())
        }
        _ => StoreError::Query(error.to_string()),
    }
}
