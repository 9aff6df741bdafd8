//! Rate tables on disk, named by their content: trials with equal tables share a file.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use crate::plan::PlannedTrial;

/// The folder of a home that holds rate tables, by their names.
pub const TABLES: &str = "tables";

/// Writes the tables of these trials that are not there, each whole and on the disk before it has its name.
///
/// # Errors
/// The folder cannot be written.
pub fn write_tables<'a>(home: &Path, trials: impl IntoIterator<Item = &'a PlannedTrial>) -> io::Result<()> {
    let folder = home.join(TABLES);
    fs::create_dir_all(&folder)?;
    let mut written = std::collections::BTreeSet::new();
    for trial in trials {
        let name = trial.table_name().to_owned();
        if !written.insert(name.clone()) || is_whole(&folder, &name) {
            continue;
        }
        let path = path(&folder, &name);
        let partial = path.with_extension("partial");
        let mut file = File::create(&partial)?;
        for block in trial.table.blocks() {
            file.write_all(&block)?;
        }
        file.sync_data()?;
        fs::rename(&partial, &path)?;
    }
    Ok(())
}

/// Where the table of this name is.
///
/// # Errors
/// It is not there, or is not what it was.
pub(super) fn find(folder: &Path, name: &str) -> io::Result<PathBuf> {
    match is_whole(folder, name) {
        true => fs::canonicalize(path(folder, name)),
        false => {
            let path = path(folder, name);
            Err(io::Error::other(format!(
                "the rate table `{}` is missing or damaged; running the spec again writes it",
                path.display()
            )))
        }
    }
}

fn is_whole(folder: &Path, name: &str) -> bool {
    fs::read(path(folder, name)).is_ok_and(|bytes| blake3::hash(&bytes).to_hex().as_str() == name)
}

fn path(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.f32"))
}
