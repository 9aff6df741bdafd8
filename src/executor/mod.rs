//! Where attempts run. Today: child processes of this machine.

mod inspect;
mod local;

pub use inspect::{InspectError, inspect};
pub use local::{CHECKPOINTS, Local, TABLES};
