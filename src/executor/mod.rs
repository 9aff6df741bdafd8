//! Where attempts run. Today: child processes of this machine.

mod inspect;
mod local;
mod owners;
mod tables;

pub use inspect::{InspectError, curvature, inspect, pace};
pub use local::{CHECKPOINTS, Local, VISIBLE_GPUS, attempt_log};
pub use owners::Owners;
pub use tables::{TABLES, write_tables};
