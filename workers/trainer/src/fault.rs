//! What is wrong with a job, and which key of the spec is to blame.

use std::path::Path;

use sweep_wire::Rejection;

/// A job that cannot be trained, however often it is tried unless memory ran out.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    /// The key of the spec at fault, such as `data.train.labels`.
    pub at: String,
    pub message: String,
    pub hint: Option<String>,
    /// Whether a GPU's memory ran out: then it may be trained at another time.
    pub out_of_memory: bool,
}

impl Fault {
    pub(crate) fn new(at: impl Into<String>, message: impl Into<String>) -> Self {
        Self { at: at.into(), message: message.into(), hint: None, out_of_memory: false }
    }

    /// A file that is not there.
    pub(crate) fn missing(at: impl Into<String>, path: &Path) -> Self {
        let problem = if path.exists() { "is not a file" } else { "does not exist" };
        Self::new(at, format!("`{}` {problem}", path.display()))
            .hint("paths are relative to the folder of the spec")
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<Fault> for Rejection {
    fn from(fault: Fault) -> Self {
        Self { at: fault.at, message: fault.message, hint: fault.hint }
    }
}
