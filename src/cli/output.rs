//! Where a table goes, and as what: standard output or a file; text or Parquet.

use std::{
    fs,
    io::{self, IsTerminal, Write},
    path::{Path, PathBuf},
};

use serde::Serialize;

use super::{
    Failure, Global, OutputMode,
    failure::{print_bytes, say},
    results::look,
};
use crate::{
    report::{self, Encoding, Format, Look},
    store::Table,
};

#[derive(Debug, Default, clap::Args)]
pub(super) struct Output {
    /// `table`, `csv`, `json`, `md` or `parquet`; without it as the mode and the FILE's ending say
    #[arg(long, value_name = "FORMAT")]
    format: Option<Encoding>,
    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Output {
    /// Writes what `bytes` makes of the format that is asked for, where it is asked for.
    pub(super) fn emit(
        &self,
        global: &Global,
        bytes: impl FnOnce(Encoding, Look) -> Result<Vec<u8>, Failure>,
    ) -> Result<(), Failure> {
        let Some(encoding) = self.encoding(global) else { return Ok(()) };
        let Some(path) = &self.output else {
            if encoding == Encoding::Parquet && io::stdout().is_terminal() {
                return Err(Failure::usage("Parquet is binary, and standard output is a terminal")
                    .hint("`-o FILE` writes it to a file"));
            }
            return print_bytes(&bytes(encoding, look(global))?);
        };
        write_whole(path, &bytes(encoding, Look::default())?)?;
        if global.output_mode == OutputMode::Cli {
            say(&format!("wrote {}", path.display()));
        }
        Ok(())
    }

    /// Writes what has three forms: a document for programs, words and tables for people, and one plain table.
    pub(super) fn document(
        &self,
        global: &Global,
        json: &impl Serialize,
        people: impl Fn(Format, Look) -> String,
        table: impl Fn() -> Table,
    ) -> Result<(), Failure> {
        self.emit(global, |encoding, look| match encoding {
            Encoding::Text(format @ (Format::Table | Format::Markdown)) => {
                Ok(people(format, look).into_bytes())
            }
            Encoding::Text(Format::Json) => {
                Ok((serde_json::to_string_pretty(json).map_err(Failure::internal)? + "\n").into_bytes())
            }
            encoding => Ok(report::encode(&table(), encoding, look)),
        })
    }

    /// Whether a picture would do: nobody asked for another form.
    pub(super) fn is_for_people(&self, global: &Global) -> bool {
        self.format.is_none() && self.output.is_none() && global.output_mode == OutputMode::Cli
    }

    /// The format that is asked for; none where nothing is to be printed.
    fn encoding(&self, global: &Global) -> Option<Encoding> {
        let ending = self.output.as_deref().and_then(Path::extension).and_then(|ending| ending.to_str());
        let told = self.format.or_else(|| ending?.parse().ok());
        match (told, global.output_mode) {
            (Some(encoding), _) => Some(encoding),
            (None, OutputMode::Json) => Some(Encoding::Text(Format::Json)),
            (None, OutputMode::Quiet) if self.output.is_none() => None,
            (None, OutputMode::Cli | OutputMode::Quiet) => Some(Encoding::Text(Format::Table)),
        }
    }
}

/// Writes the file whole or not at all. What is no plain file, such as a pipe, is written to as it is.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let failed = |error: io::Error| {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let failure = Failure::usage(format!("`{}` cannot be written: {error}", path.display()));
        match folder.filter(|folder| !folder.exists()) {
            Some(folder) => failure.hint(format!("there is no folder `{}`", folder.display())),
            None => failure,
        }
    };
    if path.exists() && !path.is_file() {
        return fs::OpenOptions::new()
            .write(true)
            .open(path)
            .and_then(|mut file| file.write_all(bytes))
            .map_err(failed);
    }
    // A link stays one: what it leads to is written.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.partial", std::process::id()));
    let partial = target.with_file_name(name);
    let written = fs::File::create(&partial)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&partial, &target));
    if written.is_err() {
        let _ = fs::remove_file(&partial); // it may not exist
    }
    written.map_err(failed)
}
