//! The worker: reads assignments, loads data, trains graphs through ONNX Runtime.
//!
//! Enter at [`run_worker`]; one job after another stays loaded in a `Trainer`. `prepared` turns a job into
//! graphs and data, `trainer` runs them, `evaluate` measures, `data` makes batches, `random` decides
//! everything random, `curvature` and `trainer::pace` measure what plans need to know, `checkpoint` writes tensors to disk and reads them back, `inspect` looks at a model without data, `engine` is the only place that makes sessions, `cuda` knows its provider, `runtime` finds the library. Nothing
//! here knows of schedules, sweeps or the store: a trial is a table of rates and a seed.

pub mod checkpoint;
mod cuda;
pub mod curvature;
mod data;
mod engine;
pub mod export;
mod fault;
mod init;
mod inspect;
mod operators;
mod prepared;
mod probe;
mod random;
pub mod runtime;
mod trainer;
mod worker;

pub use data::{
    ArrayInspection, DataInspection, Recognised, SetInspection, fits_input, inspect_data, recognise,
};
pub use engine::{Engine, EngineError, Graph};
pub use fault::Fault;
pub use inspect::{Inspection, Operator, Port, Request, Tensor, inspect};
pub use trainer::{Control, Outcome, Said, Table, Trainer, Update};
pub use worker::{Interrupt, run_worker};

/// Raised by hand when a change of this crate or of the graphs makes other numbers; results of another
/// value are not reused.
pub const NUMERICS: u32 = 4;
