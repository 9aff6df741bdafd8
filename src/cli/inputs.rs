//! What the files of a program hold.

use std::{
    ffi::OsStr,
    fs::{self, File, Metadata},
    io,
    path::{Path, PathBuf},
};

use crate::spec::{ProgramWork, SpecError, Word};

/// The most files that are read.
const MAX_FILES: usize = 100_000;
/// The most folders in folders.
const MAX_DEPTH: usize = 100;

/// BLAKE3, in hexadecimal, over names and contents of all that the spec lists, whatever its order; empty where it
/// lists nothing at all. Of a folder it is every file below it, but for hidden ones and `__pycache__`, which change
/// by themselves.
///
/// # Errors
/// Something cannot be read, at its place in the spec, which is `text` from `file`.
pub(super) fn hash(program: &ProgramWork, text: &str, file: &Path) -> Result<String, SpecError> {
    let named = program.command.iter().find_map(|word| match word {
        Word::Program(path) => Some(path),
        _ => None,
    });
    if let Some(path) = named.map(|path| program.folder.join(path)).filter(|path| !path.is_file()) {
        let fault = Fault::new(&path, "is not there").hint("paths are relative to the spec's folder");
        return Err(SpecError::at(file, text, "program", fault.message, fault.hint));
    }
    let Some(inputs) = &program.inputs else { return Ok(String::new()) };
    let mut listed: Vec<(usize, &PathBuf)> = inputs.iter().enumerate().collect();
    listed.sort_by_key(|(_, path)| *path);
    let mut reading = Reading { hasher: blake3::Hasher::new(), files: 0 };
    for (index, input) in listed {
        reading.input(&program.folder.join(input), input).map_err(|fault| {
            SpecError::at(file, text, &format!("inputs[{index}]"), fault.message, fault.hint)
        })?;
    }
    Ok(reading.hasher.finalize().to_hex().to_string())
}

struct Fault {
    message: String,
    hint: Option<String>,
}

impl Fault {
    fn new(path: &Path, problem: &str) -> Self {
        Self { message: format!("`{}` {problem}", path.display().to_string().escape_debug()), hint: None }
    }

    fn hint(self, hint: &str) -> Self {
        Self { hint: Some(hint.to_owned()), ..self }
    }

    fn unreadable(path: &Path, error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => {
                Self::new(path, "is not there").hint("paths are relative to the spec's folder")
            }
            _ => Self::new(path, &format!("cannot be read: {error}")),
        }
    }
}

struct Reading {
    hasher: blake3::Hasher,
    files: usize,
}

impl Reading {
    /// A file or folder; `name` is what the spec calls it.
    fn input(&mut self, path: &Path, name: &Path) -> Result<(), Fault> {
        // A link that the spec names is meant, wherever it leads.
        let metadata = fs::metadata(path).map_err(|error| Fault::unreadable(path, &error))?;
        self.entry(path, name, &metadata, 0)
    }

    fn entry(&mut self, path: &Path, name: &Path, metadata: &Metadata, depth: usize) -> Result<(), Fault> {
        if metadata.is_dir() {
            return self.folder(path, name, depth);
        }
        if !metadata.is_file() {
            return Err(Fault::new(path, "is neither a file nor a folder"));
        }
        self.files += 1;
        if self.files > MAX_FILES {
            let message = format!("`inputs` holds more than {MAX_FILES} files");
            let hint = Some("list those that decide the result, or one that says which they are".to_owned());
            return Err(Fault { message, hint });
        }
        let mut content = blake3::Hasher::new();
        File::open(path)
            .and_then(|file| content.update_reader(file).map(|_| ()))
            .map_err(|error| Fault::unreadable(path, &error))?;
        let name = name.as_os_str().as_encoded_bytes();
        self.hasher.update(&(name.len() as u64).to_le_bytes());
        self.hasher.update(name);
        self.hasher.update(content.finalize().as_bytes());
        Ok(())
    }

    fn folder(&mut self, path: &Path, name: &Path, depth: usize) -> Result<(), Fault> {
        if depth == MAX_DEPTH {
            return Err(Fault::new(path, &format!("is more than {MAX_DEPTH} folders deep")));
        }
        for child in children(path)? {
            let (path, name) = (path.join(&child), name.join(&child));
            let metadata = fs::metadata(&path).map_err(|error| Fault::unreadable(&path, &error))?;
            // It might lead back to where it is.
            if metadata.is_dir() && path.is_symlink() {
                let fault = Fault::new(&path, "is a link to a folder, which is not followed");
                return Err(fault.hint("list the folder itself in `inputs`"));
            }
            self.entry(&path, &name, &metadata, depth + 1)?;
        }
        Ok(())
    }
}

/// Names in a folder, sorted, without those that change by themselves.
fn children(path: &Path) -> Result<Vec<std::ffi::OsString>, Fault> {
    let mut names = Vec::new();
    for entry in fs::read_dir(path).map_err(|error| Fault::unreadable(path, &error))? {
        let name = entry.map_err(|error| Fault::unreadable(path, &error))?.file_name();
        if !changes_by_itself(&name) {
            names.push(name);
        }
        if names.len() > MAX_FILES {
            return Err(Fault::new(path, &format!("holds more than {MAX_FILES} files")));
        }
    }
    names.sort();
    Ok(names)
}

fn changes_by_itself(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".") || name == "__pycache__"
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::spec::{self, Work};

    const SPEC: &str = "\
program: train.py
metric: {name: test/accuracy, goal: maximize}
training: {full_budget: 10 steps}
schedules: [cosine]
parameters: {learning_rate: 0.1}
";

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("train.py"), "print(1)").unwrap();
        fs::create_dir_all(folder.path().join("data/deep")).unwrap();
        fs::write(folder.path().join("data/a"), "a").unwrap();
        fs::write(folder.path().join("data/deep/b"), "b").unwrap();
        folder
    }

    fn hashed(folder: &Path, inputs: &str) -> Result<String, String> {
        let text = format!("{SPEC}{inputs}\n");
        let file = folder.join("s.yaml");
        let spec = spec::parse(&text, &file).unwrap();
        let Work::Program(program) = spec.work else { panic!("it is a program's") };
        hash(&program, &text, &file)
            .map_err(|error| error.to_string().replace(&*folder.display().to_string(), "here"))
    }

    #[test]
    fn the_hash_is_of_names_and_contents_wherever_the_folder_is() {
        let all = "inputs: [train.py, data]";
        let (first, second) = (folder(), folder());
        let base = hashed(first.path(), all).unwrap();
        assert_eq!(base.len(), 64);
        assert_eq!(hashed(second.path(), all).unwrap(), base);
        assert_eq!(hashed(second.path(), "inputs: [data/, train.py]").unwrap(), base, "in any order");
        fs::create_dir(second.path().join("data/__pycache__")).unwrap();
        for name in ["data/.hidden", "data/__pycache__/a.pyc", "beside"] {
            fs::write(second.path().join(name), name).unwrap();
        }
        assert_eq!(hashed(second.path(), all).unwrap(), base, "what changes by itself is left out");
        let change = |change: &dyn Fn(&Path)| {
            let folder = folder();
            change(folder.path());
            hashed(folder.path(), all).unwrap()
        };
        let mut others = vec![
            change(&|folder| fs::write(folder.join("train.py"), "print(2)").unwrap()),
            change(&|folder| fs::write(folder.join("data/deep/b"), "a").unwrap()),
            change(&|folder| fs::rename(folder.join("data/a"), folder.join("data/c")).unwrap()),
            change(&|folder| fs::rename(folder.join("data/a"), folder.join("data/deep/a")).unwrap()),
            change(&|folder| fs::write(folder.join("data/new"), "").unwrap()),
            hashed(first.path(), "inputs: [train.py]").unwrap(),
            hashed(first.path(), "inputs: []").unwrap(),
            hashed(first.path(), "seeds: 1").unwrap(),
            base,
        ];
        assert_eq!(others[7], "", "nothing is known of what is not listed");
        let count = others.len();
        others.sort();
        others.dedup();
        assert_eq!(others.len(), count);
    }

    #[test]
    fn links_to_files_are_followed() {
        let folder = folder();
        let base = hashed(folder.path(), "inputs: [data]").unwrap();
        fs::rename(folder.path().join("data/a"), folder.path().join("elsewhere")).unwrap();
        symlink("../elsewhere", folder.path().join("data/a")).unwrap();
        assert_eq!(hashed(folder.path(), "inputs: [data]").unwrap(), base);
        symlink("data", folder.path().join("link")).unwrap();
        hashed(folder.path(), "inputs: [link]").unwrap();
    }

    #[test]
    fn what_cannot_be_read_is_an_error_at_its_place() {
        let folder = folder();
        assert_eq!(
            hashed(folder.path(), "inputs: [train.py, nothing]").unwrap_err(),
            "here/s.yaml:6:20: `here/nothing` is not there\n\nhint: paths are relative to the spec's folder"
        );
        symlink(".", folder.path().join("data/loop")).unwrap();
        assert_eq!(
            hashed(folder.path(), "inputs: [train.py, data]").unwrap_err(),
            "here/s.yaml:6:20: `here/data/loop` is a link to a folder, which is not followed\n\n\
             hint: list the folder itself in `inputs`"
        );
        assert_eq!(
            hashed(folder.path(), "inputs: /dev/null").unwrap_err(),
            "here/s.yaml:6:9: `/dev/null` is neither a file nor a folder"
        );
    }

    #[test]
    fn so_many_files_and_no_more() {
        let folder = folder();
        let read = |files| {
            let mut reading = Reading { hasher: blake3::Hasher::new(), files };
            reading
                .input(&folder.path().join("train.py"), Path::new("train.py"))
                .map_err(|fault| fault.message)
        };
        assert_eq!(read(MAX_FILES - 1), Ok(()));
        assert_eq!(read(MAX_FILES), Err("`inputs` holds more than 100000 files".to_owned()));
    }
}
