//! Paths as a spec has them: relative to its own folder.

use std::{
    fs,
    path::{Component, Path, PathBuf},
};

use super::Failure;

/// The folder of a file that is to be written, without links on the way.
pub(super) fn folder(file: &Path) -> Result<PathBuf, Failure> {
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = fs::canonicalize(parent)
        .map_err(|error| Failure::usage(format!("`{}` cannot be written: {error}", file.display())))?;
    match file.file_name() {
        Some(_) if !file.is_dir() => Ok(folder),
        _ => Err(Failure::usage(format!("`{}` is a folder", file.display()))),
    }
}

/// The way from `folder`, which has no links on it, to a path that is there.
///
/// # Errors
/// The path cannot be followed, or a spec, which is text, cannot hold it.
pub(super) fn relative(path: &Path, folder: &Path) -> Result<String, Failure> {
    let unusable = |problem: String| Failure::usage(format!("`{}` {problem}", path.display()));
    let whole = match (path.parent(), path.file_name()) {
        // A link as the last step is what the spec is to name.
        (Some(parent), Some(name)) => {
            let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
            fs::canonicalize(parent).map(|parent| parent.join(name))
        }
        _ => fs::canonicalize(path),
    };
    let whole = whole.map_err(|error| unusable(format!("cannot be opened: {error}")))?;
    let (mut to, mut from) = (whole.components().peekable(), folder.components().peekable());
    while to.peek().is_some() && to.peek() == from.peek() {
        to.next();
        from.next();
    }
    let way: PathBuf = from.map(|_| Component::ParentDir).chain(to).collect();
    let way = if way.as_os_str().is_empty() { PathBuf::from(".") } else { way };
    way.into_os_string().into_string().map_err(|_| unusable("has a name that is not UTF-8".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_from_the_specs_folder_to_the_file() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("a/b")).unwrap();
        fs::create_dir_all(root.path().join("c")).unwrap();
        fs::write(root.path().join("a/model.onnx"), "").unwrap();
        let way = |path: &str, spec: &str| {
            let folder = folder(&root.path().join(spec)).unwrap();
            relative(&root.path().join(path), &folder).unwrap()
        };
        assert_eq!(way("a/model.onnx", "sweep.yaml"), "a/model.onnx");
        assert_eq!(way("a/model.onnx", "a/sweep.yaml"), "model.onnx");
        assert_eq!(way("a/model.onnx", "a/b/sweep.yaml"), "../model.onnx");
        assert_eq!(way("a/b/../model.onnx", "c/sweep.yaml"), "../a/model.onnx");
        assert_eq!(way("c", "c/sweep.yaml"), ".");
        std::os::unix::fs::symlink(root.path().join("a/b"), root.path().join("link")).unwrap();
        assert_eq!(way("link", "c/sweep.yaml"), "../link");
        assert_eq!(way("a/model.onnx", "link/sweep.yaml"), "../model.onnx");
    }

    #[test]
    fn what_cannot_be_written_is_said() {
        let root = tempfile::tempdir().unwrap();
        assert!(folder(root.path()).is_err());
        assert!(folder(&root.path().join("nowhere/sweep.yaml")).is_err());
    }
}
