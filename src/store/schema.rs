//! The schema's migrations, and what they say about the views.

use include_dir::{Dir, include_dir};
use rusqlite::Connection;
use rusqlite_migration::Migrations;

use super::StoreError;

/// The store's file in the home folder.
pub const FILE_NAME: &str = "sweep.db";

/// `SWEP`: what marks an SQLite file as a store.
pub(super) const APPLICATION_ID: i64 = 0x5357_4550;

static MIGRATIONS: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/migrations");

/// The schema version this code reads and writes.
pub(super) fn latest() -> i64 {
    i64::try_from(MIGRATIONS.dirs().count()).expect("there are few migrations")
}

pub(super) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    Ok(Migrations::from_directory(&MIGRATIONS)?.to_latest(connection)?)
}

/// A view that `sweep sql` documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    pub name: &'static str,
    /// Name and meaning of each column.
    pub columns: Vec<(&'static str, &'static str)>,
}

/// The documented views, from the migrations' own comments.
#[must_use]
pub fn views() -> Vec<View> {
    let mut views: Vec<View> = Vec::new();
    let mut folders: Vec<_> = MIGRATIONS.dirs().collect();
    folders.sort_by_key(|folder| folder.path());
    let files = folders.into_iter().flat_map(Dir::files);
    for line in files.filter_map(|file| file.contents_utf8()).flat_map(str::lines) {
        if let Some(name) = line.strip_prefix("CREATE VIEW ").and_then(|rest| rest.split(' ').next()) {
            views.retain(|view| view.name != name);
            views.push(View { name, columns: Vec::new() });
        } else if let (Some((code, meaning)), Some(view)) = (line.split_once(" -- "), views.last_mut())
            && let Some((_, column)) = code.trim_end_matches(',').rsplit_once(" AS ")
        {
            view.columns.push((column, meaning));
        }
    }
    views.sort_by_key(|view| view.name);
    views
}
