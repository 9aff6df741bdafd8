//! Opening the file: the folder, the lock, whose file it is, the connection's settings.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};

use super::{
    FILE_NAME, StoreError,
    schema::{APPLICATION_ID, latest, migrate},
};
use crate::engine::Millis;

/// How long a statement waits for a lock of SQLite's. Readers never hold one for long.
const BUSY: Duration = Duration::from_secs(10);

pub(super) fn writer(
    home: &Path,
    file_system: impl FnOnce(&Path) -> io::Result<i64>,
) -> Result<(Connection, File, Millis), StoreError> {
    fs::create_dir_all(home).map_err(at(home))?;
    refuse_network(home, file_system(home).map_err(at(home))?)?;
    let lock = lock(home)?;
    let path = home.join(FILE_NAME);
    let written = last_written(home);
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(&path, flags)?;
    connection.busy_timeout(BUSY)?;
    // Before anything is written: it may be somebody else's file.
    version(&connection, &path)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // As many as a busy scheduler repeats, with room; the default is 16.
    connection.set_prepared_statement_cache_capacity(64);
    migrate(&mut connection)?;
    Ok((connection, lock, written))
}

/// When something was last committed, as far as the files tell; now, where there are none.
fn last_written(home: &Path) -> Millis {
    let modified = |path: &Path| fs::metadata(path).and_then(|file| file.modified()).ok();
    let last = modified(&log_path(home)).max(modified(&home.join(FILE_NAME))).unwrap_or_else(SystemTime::now);
    let since = last.duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis::try_from(since.as_millis()).unwrap_or(Millis::MAX)
}

pub(super) fn reader(home: &Path) -> Result<Connection, StoreError> {
    let path = home.join(FILE_NAME);
    if !path.is_file() {
        return Err(StoreError::NothingHere(home.to_owned()));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    let known = latest();
    match version(&connection, &path)? {
        0 => Err(StoreError::NothingHere(home.to_owned())),
        found if found < known => Err(StoreError::Older { path, found, known }),
        _ => Ok(connection),
    }
}

/// A transaction that is a writer's from its start.
pub(super) fn begin(connection: &mut Connection) -> Result<Transaction<'_>, StoreError> {
    Ok(connection.transaction_with_behavior(TransactionBehavior::Immediate)?)
}

/// The schema version of a store that this code can use, 0 if it is still empty.
pub(super) fn version(connection: &Connection, path: &Path) -> Result<i64, StoreError> {
    let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    let application = number("PRAGMA application_id").map_err(|error| match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => StoreError::NotSqlite(path.to_owned()),
        // Even readers keep their places in a file beside the store.
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen) => StoreError::NotWritable(path.to_owned()),
        _ => error.into(),
    })?;
    let found = number("PRAGMA user_version")?;
    if application != APPLICATION_ID {
        let is_empty = application == 0 && found == 0 && number("SELECT count(*) FROM sqlite_schema")? == 0;
        return if is_empty { Ok(0) } else { Err(StoreError::Foreign(path.to_owned())) };
    }
    let known = latest();
    if found > known {
        return Err(StoreError::Newer { path: path.to_owned(), found, known });
    }
    Ok(found)
}

/// Takes the writer's lock and leaves this process's number in its file.
fn lock(home: &Path) -> Result<File, StoreError> {
    let path = lock_path(home);
    let mut file =
        File::options().read(true).write(true).create(true).truncate(false).open(&path).map_err(at(&path))?;
    let mut tries = 0;
    loop {
        match file.try_lock() {
            Ok(()) => break,
            // Somebody may just be looking whether a writer is alive.
            Err(TryLockError::WouldBlock) if tries < 5 => tries += 1,
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::Locked { home: home.to_owned(), pid: pid(&mut file) });
            }
            Err(TryLockError::Error(error)) => return Err(at(&path)(error)),
        }
        thread::sleep(Duration::from_millis(10));
    }
    file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())).map_err(at(&path))?;
    Ok(file)
}

/// Whether a process has the store of this home open for writing.
#[must_use]
pub fn is_writer_alive(home: &Path) -> bool {
    matches!(super::holder(home), Ok(Some(_)))
}

/// SQLite's write-ahead log.
pub(super) fn log_path(home: &Path) -> PathBuf {
    home.join(format!("{FILE_NAME}-wal"))
}

pub(super) fn lock_path(home: &Path) -> PathBuf {
    home.join("lock")
}

pub(super) fn pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(16).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

/// Refuses a home on a network file system, given its number as `statfs` has it in `f_type`: SQLite's write-ahead
/// log needs memory that all its users share.
///
/// # Errors
/// It is one.
pub fn refuse_network(home: &Path, file_system: i64) -> Result<(), StoreError> {
    let kind = match file_system {
        0x6969 => "NFS",
        0x517b | 0xff53_4d42 | 0xfe53_4d42 => "SMB",
        0x6573_5546 => "FUSE",
        0x00c3_6400 => "Ceph",
        0x0bd0_0bd0 => "Lustre",
        0x4750_4653 => "GPFS",
        0x5346_414f => "AFS",
        _ => return Ok(()),
    };
    Err(StoreError::NetworkHome { home: home.to_owned(), kind })
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    |error| StoreError::Io { path, error }
}
