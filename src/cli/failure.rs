//! How a command ends when it cannot do what it was asked.

use std::{
    fmt::Display,
    io::{self, Write},
    process::ExitCode,
};

use crate::{daemon::SchedulerError, report, spec::SpecError, store::StoreError};

/// One error for people: what, an optional hint, and the exit code.
#[derive(Debug)]
pub struct Failure {
    message: String,
    hint: Option<String>,
    code: u8,
}

impl Failure {
    /// An error of `sweep` or of the machine; exit code 1.
    pub fn internal(message: impl Display) -> Self {
        Self { message: message.to_string(), hint: None, code: 1 }
    }

    /// A usage error or an invalid spec; exit code 2.
    pub fn usage(message: impl Display) -> Self {
        Self { message: message.to_string(), hint: None, code: 2 }
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Display) -> Self {
        self.hint = Some(hint.to_string());
        self
    }

    #[must_use]
    pub fn code(mut self, code: u8) -> Self {
        self.code = code;
        self
    }

    /// The same with something in front that was done before.
    #[must_use]
    pub(super) fn before(mut self, done: &str) -> Self {
        self.message = format!("{done}\n\n{}", self.message);
        self
    }

    /// Prints the error and gives the exit code.
    pub(super) fn report(self) -> ExitCode {
        say(&format!("error: {}", self.message));
        if let Some(hint) = self.hint {
            say(&format!("\nhint: {hint}"));
        }
        ExitCode::from(self.code)
    }
}

impl From<SchedulerError> for Failure {
    fn from(error: SchedulerError) -> Self {
        match error {
            SchedulerError::Store(error) => error.into(),
            SchedulerError::Spec(error) => error.into(),
            error @ (SchedulerError::Home(_) | SchedulerError::Busy) => Self::internal(error),
        }
    }
}

impl From<SpecError> for Failure {
    fn from(error: SpecError) -> Self {
        // The error prints its own hint.
        Self::usage(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let failure = Self::internal(&error).code(error.exit_code());
        match error.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

/// Writes to standard output; a reader that has gone away is success.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    print_bytes(text.as_bytes())
}

/// As [`print`], what need not be text.
pub(super) fn print_bytes(bytes: &[u8]) -> Result<(), Failure> {
    match io::stdout().write_all(bytes).and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::internal(format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Writes to standard error, without the control characters that names and messages from outside may hold; with
/// that closed there is nobody to tell.
pub(super) fn say(text: &str) {
    let lines: Vec<_> = text.split('\n').map(report::escape).collect();
    let _ = writeln!(io::stderr(), "{}", lines.join("\n"));
}
