//! Whether a store is sound, found out without changing anything.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::Path,
    time::{Duration, Instant},
};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::{FILE_NAME, StoreError, open, schema};

/// How many faults are told.
const MAX_FAULTS: u32 = 5;
/// How many instructions of SQLite's machine pass between two looks at the clock.
const INSTRUCTIONS: i32 = 10_000;
/// Of how many of the newest attempts the workers are told.
const ATTEMPTS: u32 = 256;

/// What a look at a store found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// The version of its schema, and the one this program writes.
    pub schema: i64,
    pub latest: i64,
    /// The size of its file.
    pub bytes: u64,
    /// What SQLite's `quick_check` says is wrong; nothing of a sound store.
    pub faults: Vec<String>,
    /// Whether that check came to its end in time.
    pub is_complete: bool,
}

/// Checks the store of this home for at most about `time`, one of an older schema too. Where no writer is at work
/// no file is made, so that a home that cannot be written can be checked.
///
/// # Errors
/// There is none; it cannot be read, is of a newer schema or of another program.
pub fn health(home: &Path, time: Duration) -> Result<Health, StoreError> {
    let (connection, schema, bytes) = connect(home, time)?;
    let (faults, is_complete) = check(&connection)?;
    Ok(Health { schema, latest: schema::latest(), bytes, faults, is_complete })
}

/// The processes that the newest attempts in the store of this home ran in. Changes as little as [`health`].
///
/// # Errors
/// As [`health`], and where the store is damaged.
pub fn recent_workers(home: &Path, time: Duration) -> Result<Vec<u32>, StoreError> {
    let (connection, schema, _) = connect(home, time)?;
    if schema == 0 {
        return Ok(Vec::new());
    }
    let sql = "SELECT DISTINCT pid FROM (SELECT pid FROM attempt ORDER BY number DESC LIMIT ?1)";
    let mut statement = connection.prepare(sql)?;
    let pids = statement.query_map([ATTEMPTS], |row| row.get::<_, i64>(0))?.collect::<Result<Vec<_>, _>>()?;
    Ok(pids.into_iter().filter_map(|pid| u32::try_from(pid).ok()).collect())
}

/// The store with its schema's version and its size; statements end after `time`.
///
/// A reader makes files beside the store, unless it takes it as a file that nobody changes. That is wrong with a writer
/// at work, or with changes that are not in the file yet.
fn connect(home: &Path, time: Duration) -> Result<(Connection, i64, u64), StoreError> {
    let path = home.join(FILE_NAME);
    let bytes = match fs::metadata(&path) {
        Ok(metadata) if metadata.is_file() && metadata.len() > 0 => metadata.len(),
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(StoreError::Io { path, error }),
        _ => return Err(StoreError::NothingHere(home.to_owned())),
    };
    let is_at_rest =
        !open::is_writer_alive(home) && fs::metadata(open::log_path(home)).map_or(true, |log| log.len() == 0);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = match path.to_str().filter(|_| is_at_rest) {
        None => Connection::open_with_flags(&path, flags)?,
        Some(path) => {
            let name = path.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
            let uri = format!("file:{name}?immutable=1");
            Connection::open_with_flags(uri, flags | OpenFlags::SQLITE_OPEN_URI)?
        }
    };
    connection.busy_timeout(time)?;
    let started = Instant::now();
    connection.progress_handler(INSTRUCTIONS, Some(move || started.elapsed() > time))?;
    let schema = open::version(&connection, &path)?;
    Ok((connection, schema, bytes))
}

fn check(connection: &Connection) -> Result<(Vec<String>, bool), StoreError> {
    let told = || {
        let mut statement = connection.prepare(&format!("PRAGMA quick_check({MAX_FAULTS})"))?;
        statement.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()
    };
    match told() {
        Ok(told) => Ok((told.into_iter().filter(|line| line != "ok").collect(), true)),
        Err(error) => match error.sqlite_error_code() {
            Some(ErrorCode::OperationInterrupted) => Ok((Vec::new(), false)),
            // Too broken for the check itself.
            Some(ErrorCode::DatabaseCorrupt) => Ok((vec![error.to_string()], true)),
            _ => Err(error.into()),
        },
    }
}

/// Who has a store open for writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    /// Its process, where it has said so already.
    pub pid: Option<u32>,
}

/// The writer of this home's store, if there is one now.
///
/// # Errors
/// The lock cannot be looked at.
pub fn holder(home: &Path) -> io::Result<Option<Holder>> {
    let mut file = match File::open(open::lock_path(home)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(None),
        Err(TryLockError::WouldBlock) => Ok(Some(Holder { pid: open::pid(&mut file) })),
        Err(TryLockError::Error(error)) => Err(error),
    }
}
