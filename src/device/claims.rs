//! Cores that schedulers of different homes claim, so that no two pin their workers to the same ones. A claim
//! is a lock on a file in a folder of the user's; it ends with the process, however that ends.

use std::{
    env,
    fs::{self, DirBuilder, File, TryLockError},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use crate::process;

/// How long a second look at a taken core waits: somebody may just be looking whether it is taken.
const AGAIN: Duration = Duration::from_millis(20);

/// The cores this process holds until it is dropped. Only these should be pinned to; a worker without one runs
/// wherever the system puts it.
#[derive(Debug, Default)]
pub struct CoreClaims {
    held: Vec<u32>,
    refused: Option<String>,
    _locks: Vec<File>,
}

impl CoreClaims {
    /// Takes those of `cores` that nobody of this user holds, in their order. Where claims cannot be kept none
    /// is held.
    #[must_use]
    pub fn take(cores: &[u32]) -> Self {
        Self::take_in(&folder(), cores)
    }

    /// As [`CoreClaims::take`], with the claims in this folder, which is made if it is missing.
    #[must_use]
    pub fn take_in(folder: &Path, cores: &[u32]) -> Self {
        let made = make(folder).and_then(|()| own(folder, process::user()));
        if let Err(error) = made {
            let refused = format!("`{}` cannot hold claims: {error}", folder.display());
            return Self { refused: Some(refused), ..Self::default() };
        }
        let mut locks: Vec<_> = cores.iter().map(|core| lock(folder, *core)).collect();
        if locks.iter().any(Option::is_none) {
            thread::sleep(AGAIN);
        }
        for (lock_, core) in locks.iter_mut().zip(cores) {
            *lock_ = lock_.take().or_else(|| lock(folder, *core));
        }
        let taken = locks.into_iter().zip(cores).filter_map(|(lock, core)| Some((*core, lock?)));
        let (held, locks) = taken.unzip();
        Self { held, refused: None, _locks: locks }
    }

    /// The cores that are held, in the order they were asked for.
    #[must_use]
    pub fn held(&self) -> &[u32] {
        &self.held
    }

    /// Why no claim can be kept on this machine, if that is so.
    #[must_use]
    pub fn refused(&self) -> Option<&str> {
        self.refused.as_deref()
    }
}

/// Those of `cores` that another process of this user holds, with its number where it left one. Makes nothing.
///
/// # Errors
/// The folder of claims is somebody else's or cannot be looked into, in words.
pub fn claimed_by_others(cores: &[u32]) -> Result<Vec<(u32, Option<u32>)>, String> {
    let folder = folder();
    if fs::symlink_metadata(&folder).is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        return Ok(Vec::new());
    }
    own(&folder, process::user())
        .map_err(|error| format!("`{}` cannot hold claims: {error}", folder.display()))?;
    let holder = |core: &u32| {
        let mut file = File::open(path(&folder, *core)).ok()?;
        matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)).then(|| (*core, pid(&mut file)))
    };
    Ok(cores.iter().filter_map(holder).collect())
}

/// `$XDG_RUNTIME_DIR/sweep-cores`, which is this user's by its nature; else a folder in `/tmp` with the user in
/// its name. Not `$TMPDIR`: jobs of one user often have one each.
fn folder() -> PathBuf {
    match env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute()) {
        Some(runtime) => runtime.join("sweep-cores"),
        None => PathBuf::from(format!("/tmp/sweep-cores-{}", process::user())),
    }
}

fn make(folder: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Refuses what anyone else could have put there: in `/tmp` everybody can make this name first.
fn own(folder: &Path, user: u32) -> io::Result<()> {
    let metadata = fs::symlink_metadata(folder)?;
    match () {
        () if !metadata.is_dir() => Err(io::Error::other("it is not a folder")),
        () if metadata.uid() != user => Err(io::Error::other("it belongs to another user")),
        () if metadata.mode() & 0o077 != 0 => Err(io::Error::other("others have rights in it")),
        () => Ok(()),
    }
}

fn path(folder: &Path, core: u32) -> PathBuf {
    folder.join(format!("core-{core}"))
}

/// The lock of a core, with this process's number in its file, unless another has it.
fn lock(folder: &Path, core: u32) -> Option<File> {
    let options = File::options().read(true).write(true).create(true).truncate(false).clone();
    let mut file = options.open(path(folder, core)).ok()?;
    file.try_lock().ok()?;
    // Only for people; the lock is what counts.
    let _ = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
    Some(file)
}

fn pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(16).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn two_schedulers_share_a_machine() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("cores");
        let first = CoreClaims::take_in(&folder, &[2, 0]);
        assert_eq!(first.held(), [2, 0], "in the order asked for");
        let second = CoreClaims::take_in(&folder, &[0, 1, 2, 3]);
        assert_eq!(second.held(), [1, 3]);
        assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o777, 0o700);
        let mut file = File::open(path(&folder, 2)).unwrap();
        assert_eq!(pid(&mut file), Some(std::process::id()));
        drop(first);
        assert_eq!(CoreClaims::take_in(&folder, &[0, 1, 2]).held(), [0, 2], "given back");
        drop(second);
        assert_eq!(CoreClaims::take_in(&folder, &[1]).held(), [1]);
    }

    #[test]
    fn a_folder_that_is_not_ours_holds_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let refused = |folder: &Path, why: &str| {
            let claims = CoreClaims::take_in(folder, &[0]);
            assert_eq!(claims.held(), [0_u32; 0]);
            assert!(claims.refused().is_some_and(|text| text.contains(why)), "{claims:?}");
        };
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        refused(&file, "not a folder");
        refused(&file.join("below"), "cannot hold claims");
        let open = dir.path().join("open");
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o755)).unwrap();
        refused(&open, "others have rights");
        let ours = dir.path().join("ours");
        drop(CoreClaims::take_in(&ours, &[0]));
        let link = dir.path().join("link");
        symlink(&ours, &link).unwrap();
        refused(&link, "not a folder");
        assert!(own(&ours, process::user() + 1).unwrap_err().to_string().contains("another user"));
    }
}
