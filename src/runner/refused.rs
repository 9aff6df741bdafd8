//! Why a program cannot be started, in words.

use std::io;

use sweep_wire::{FailureKind, Program};

/// Why a program is not running, and whether another try may help.
pub(super) fn cannot_start(program: &Program, error: &io::Error) -> (FailureKind, String) {
    let name = program.command.first().map_or("", String::as_str);
    let kind = match error.kind() {
        // The process table or the memory is full, or the file is being written.
        io::ErrorKind::WouldBlock | io::ErrorKind::OutOfMemory | io::ErrorKind::ExecutableFileBusy => {
            FailureKind::Transient
        }
        // No other trial of the sweep could be started either.
        _ => FailureKind::Job,
    };
    let why = match error.kind() {
        io::ErrorKind::NotFound if !program.folder.is_dir() => {
            format!("its folder `{}` does not exist", program.folder.display())
        }
        io::ErrorKind::NotFound if name.contains('/') => {
            "there is no such file, or what its first line names does not exist".to_owned()
        }
        io::ErrorKind::NotFound => "it is in no folder of `PATH`".to_owned(),
        io::ErrorKind::PermissionDenied => "it may not be executed; `chmod +x` allows it".to_owned(),
        _ => error.to_string(),
    };
    (kind, format!("program `{name}` cannot be started: {why}"))
}
