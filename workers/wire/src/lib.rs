//! What the scheduler and a worker say to each other: one JSON object per line, over the worker's
//! standard input and output. Types only; whoever reads or writes lines does it elsewhere.
//!
//! Enter at [`ToWorker`] and [`FromWorker`]. A worker is any program that speaks this; the scheduler
//! trusts none of it further than the types say.

mod data;
mod job;
mod program;

pub use data::{
    Arrays, Augment, Cifar10, Cifar100, Cifar100Labels, Columns, Csv, Data, Drift, Folder, Images, Inputs,
    LabelNoise, Names, Normalize, Npz, Parquet, Source, Text, TokenType, Tokens, Validation,
};
pub use job::{
    Adam, BceWithLogits, Best, CrossEntropy, Device, Every, Init, Job, Keep, Kernels, Lion, Loss, Model,
    Optimizer, Precision, RmsProp, Run, ScheduleFreeSgd, Sgd,
};

pub use program::{Number, PROGRAM_FOLDER, Program, TRIAL_FILE, TrialFile};

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The protocol version that both sides must share.
pub const PROTOCOL: u32 = 6;

/// The longest line either side reads, in bytes, the line feed included.
pub const MAX_LINE: usize = 1 << 20;

/// Numbers an attempt at a trial; it only grows within one store, so a late message of an old attempt
/// is recognised and dropped.
pub type Attempt = u64;

/// From the scheduler to a worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum ToWorker {
    /// Look at the model and the data, train nothing; answered by `facts` or `rejected`.
    Inspect { job: Box<Job> },
    /// Measure how steep the loss is and how noisy its gradient; answered by any number of `measuring`, and `curvature`
    /// or `rejected`.
    MeasureCurvature { job: Box<Job> },
    /// Measure how long the parts of a trial take; answered by any number of `measuring`, and `pace` or `rejected`.
    /// Checkpoints are tried in `folder`, which whoever asks deletes afterwards; without one only steps are timed.
    MeasurePace { job: Box<Job>, folder: Option<PathBuf> },
    /// Train one trial; answered by `started`, any number of `progress`, and one of `done`, `diverged`, `failed`.
    /// `expected` is what the job was when it was inspected.
    Assign { attempt: Attempt, job: Box<Job>, expected: Contents, run: Box<Run> },
    /// Run a program for one trial; answered as `assign` is. `table` is the file of its learning rates, `folder` the one
    /// for its checkpoints; told to stop, it gets TERM and after `grace_ms` KILL.
    Launch {
        attempt: Attempt,
        program: Box<Program>,
        trial: Box<TrialFile>,
        table: TablePath,
        folder: PathBuf,
        grace_ms: u64,
    },
    /// Give up the running attempt, if it is this one; answered, after a `checkpoint` where the run keeps them, by
    /// `failed` with kind `stopped`.
    Stop { attempt: Attempt },
}

/// From a worker to the scheduler.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum FromWorker {
    /// The first line of every worker.
    Hello { protocol: u32, worker: String, pid: u32 },
    /// The answer to `inspect`: this job can be trained.
    Facts(Box<Facts>),
    /// How far a measurement is, in parts of equal length.
    Measuring { done: u32, of: u32 },
    /// The answer to `measure_curvature`.
    Curvature(Curvature),
    /// The answer to `measure_pace`.
    Pace(Box<Pace>),
    /// The answer to `inspect`, or to a measurement: this job cannot be trained.
    Rejected(Rejection),
    /// The attempt has everything it needs and step `step` is next: 0, or that of the checkpoint it goes on from.
    /// Points of an earlier attempt at this step and after it are void. `state_bytes` is about what a checkpoint takes;
    /// `damaged` are the checkpoints that could not be used.
    Started { attempt: Attempt, step: u64, state_bytes: u64, damaged: Vec<u64> },
    /// What has happened since the last such message; at most a few a second.
    Progress(Progress),
    /// The state after `step` updates is on disk; all points of earlier steps were sent before this.
    Checkpoint { attempt: Attempt, step: u64, bytes: u64 },
    /// The weights after `step` updates are on disk; sent before `done`.
    Weights { attempt: Attempt, which: Which, step: u64, bytes: u64 },
    /// Something people should know that stops nothing, such as a full disk; at most a few per attempt.
    Note { attempt: Attempt, message: String },
    /// The attempt trained all its steps; all its points were sent before this.
    Done { attempt: Attempt, steps: u64, train_seconds: f64 },
    /// The loss of this step was not finite; the attempt is over and its trial has a result. On CUDA, where losses are read
    /// when they are logged, it may have been an earlier step's.
    Diverged { attempt: Attempt, step: u64, train_seconds: f64 },
    /// The attempt is over without a result.
    Failed { attempt: Attempt, kind: FailureKind, message: String },
    /// Still here, whatever the main thread is busy with.
    Heartbeat,
}

/// Which weights of a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Which {
    Last,
    /// Those of the best evaluation, where that was not the last.
    Best,
}

impl Which {
    /// As the wire, the store and the file spell it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Last => "last",
            Self::Best => "best",
        }
    }
}

/// Why an attempt ended without a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// It was told to stop.
    Stopped,
    /// The same would happen again: the assignment is at fault.
    Permanent,
    /// Another try may succeed.
    Transient,
    /// Memory ran out, the machine's or a device's; the message says which.
    OutOfMemory,
    /// Model or data are gone or not what was inspected: no trial is at fault, and none of this sweep can go on.
    Job,
}

/// One value of one metric. `train/loss` at step t is the loss of step t's batch before its update;
/// an evaluation at step t saw the weights after t updates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Point {
    pub name: String,
    pub step: u64,
    pub value: f64,
}

/// How far an attempt is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    pub attempt: Attempt,
    /// Steps done so far.
    pub step: u64,
    /// The last step's loss, on CUDA that of the last step whose loss was read; where it is known and finite.
    pub loss: Option<f64>,
    pub learning_rate: Option<f64>,
    /// Mean over the steps since the last message, evaluations left out.
    pub step_ms: f64,
    pub points: Vec<Point>,
}

/// What only the model and the data can tell, found before anything is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    pub train_samples: u64,
    pub validation_samples: u64,
    pub test_samples: u64,
    pub contents: Contents,
    /// Trainable parameters, counted in elements.
    pub parameters: u64,
    /// Raised by hand in the trainer when the numbers it produces change.
    pub numerics: u32,
    /// ONNX Runtime's version.
    pub runtime: String,
    /// The instruction sets that decide which kernels run, such as `x86_64 avx2 fma avx512f`.
    pub cpu: String,
    pub warnings: Vec<String>,
    /// What this model is measured by, without the set in front, such as `loss` and `accuracy`.
    pub metrics: Vec<String>,
    /// What the job was looked at for, and trains on.
    #[serde(default, skip_serializing_if = "Device::is_cpu")]
    pub device: Device,
    /// What had to be measured for the plan; nothing for most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<Measured>,
    /// How the machine is divided, where that was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub division: Option<Division>,
}

/// The workers and the threads of each that trained a job most quickly, all of them together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Division {
    /// Hash of everything that decides what is measured, in hexadecimal.
    pub key: String,
    pub workers: u32,
    pub threads: u32,
}

/// What was measured of a job on this machine once, so that plans made from it stay the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// Hash of everything that decides what is measured, in hexadecimal.
    pub key: String,
    pub curvature: Option<Curvature>,
    /// Of one worker, where all of them work.
    pub step_seconds: Option<f64>,
}

/// The curvature of the loss and the noise of its gradient at a job's initial weights, over its first batches.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Curvature {
    /// Of the initial weights, the order of the data, augmentation, dropout and the start of the iteration.
    pub seed: u64,
    /// Batches that gradients are means over.
    pub batches: u32,
    /// Hessian-vector products of the Lanczos iteration.
    pub products: u32,
    /// The largest eigenvalue of the Hessian.
    pub top: f64,
    /// The low percentile of its positive eigenvalues: above 0.
    pub low: f64,
    /// The mean of its squared eigenvalues, `tr(H²)/n`.
    pub mean_square: f64,
    /// The squared norm of the gradient, its noise taken out.
    pub gradient_square: f64,
    /// The variance of one batch's gradient, summed over the parameters.
    pub noise_trace: f64,
}

impl Curvature {
    /// The variance of one batch's gradient in a direction, in units in which `top` is 1 and so is the mean squared
    /// distance to the minimum: `noise_trace / gradient_square · mean_square / top²`.
    #[must_use]
    pub fn noise(&self) -> f64 {
        self.noise_trace / self.gradient_square * self.mean_square / (self.top * self.top)
    }
}

/// How long the parts of a trial take in one worker, each measured several times; empty where a trial has no such part or
/// it could not be tried.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pace {
    /// Reading model and data and building the sessions, before a worker's first trial of a job.
    pub loads: Vec<Timing>,
    /// Making a trial's first weights.
    pub starts: Vec<Timing>,
    /// Training steps in a row, from the beginning of one to that of the next.
    pub steps: Vec<Timing>,
    /// Batches of an evaluation.
    pub evaluations: Vec<Timing>,
    pub checkpoints: Vec<Timing>,
    /// Writing trained weights.
    pub weights: Vec<Timing>,
}

/// So many of something took so long.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timing {
    /// At least 1.
    pub count: u64,
    pub seconds: f64,
}

/// What the files of a job hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contents {
    /// BLAKE3 of the model file, in hexadecimal.
    pub model: String,
    /// BLAKE3 over the content of all data files, in hexadecimal.
    pub data: String,
}

/// Why a job cannot be trained, and where the spec says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rejection {
    /// The key of the spec at fault, such as `data.train.labels`.
    pub at: String,
    pub message: String,
    pub hint: Option<String>,
}

/// The path of a table: little-endian `f32`, one row per step, its columns the learning rate and, if the file is twice as
/// long, the momentum.
pub type TablePath = PathBuf;

#[cfg(test)]
mod tests {
    use super::*;

    /// A line of the protocol as it is on the pipe, and the message that it is. Another worker may be written against
    /// these lines, so a change of one is a change of [`PROTOCOL`].
    fn check(line: &str, message: &FromWorker) {
        assert_eq!(serde_json::to_string(message).unwrap(), line);
        assert_eq!(&serde_json::from_str::<FromWorker>(line).unwrap(), message);
    }

    #[test]
    fn lines_from_a_worker() {
        check(
            r#"{"type":"hello","protocol":6,"worker":"sh","pid":7}"#,
            &FromWorker::Hello { protocol: 6, worker: "sh".into(), pid: 7 },
        );
        check(r#"{"type":"heartbeat"}"#, &FromWorker::Heartbeat);
        check(
            r#"{"type":"started","attempt":3,"step":5,"state_bytes":80,"damaged":[7]}"#,
            &FromWorker::Started { attempt: 3, step: 5, state_bytes: 80, damaged: vec![7] },
        );
        check(
            r#"{"type":"checkpoint","attempt":3,"step":9,"bytes":100}"#,
            &FromWorker::Checkpoint { attempt: 3, step: 9, bytes: 100 },
        );
        check(
            r#"{"type":"weights","attempt":3,"which":"last","step":9,"bytes":50}"#,
            &FromWorker::Weights { attempt: 3, which: Which::Last, step: 9, bytes: 50 },
        );
        let points = vec![Point { name: "train/loss".into(), step: 9, value: 0.5 }];
        let progress =
            Progress { attempt: 3, step: 10, loss: Some(0.5), learning_rate: None, step_ms: 2.0, points };
        check(
            r#"{"type":"progress","attempt":3,"step":10,"loss":0.5,"learning_rate":null,"step_ms":2.0,"points":[{"name":"train/loss","step":9,"value":0.5}]}"#,
            &FromWorker::Progress(progress),
        );
        let pace = Pace { steps: vec![Timing { count: 20, seconds: 0.5 }], ..Pace::default() };
        check(
            r#"{"type":"pace","loads":[],"starts":[],"steps":[{"count":20,"seconds":0.5}],"evaluations":[],"checkpoints":[],"weights":[]}"#,
            &FromWorker::Pace(Box::new(pace)),
        );
        check(
            r#"{"type":"done","attempt":3,"steps":10,"train_seconds":0.25}"#,
            &FromWorker::Done { attempt: 3, steps: 10, train_seconds: 0.25 },
        );
        check(
            r#"{"type":"failed","attempt":3,"kind":"transient","message":"m"}"#,
            &FromWorker::Failed { attempt: 3, kind: FailureKind::Transient, message: "m".into() },
        );
    }

    #[test]
    fn a_device_is_named_where_it_is_not_the_cpu() {
        let line = |device: Device| serde_json::to_string(&device).unwrap();
        assert_eq!(line(Device::Cpu), r#""cpu""#);
        assert_eq!(line(Device::Cuda(Precision::Float32)), r#"{"cuda":"float32"}"#);
        assert_eq!(line(Device::Cuda(Precision::Tf32)), r#"{"cuda":"tf32"}"#);
        for line in [r#""gpu""#, r#""cuda""#, r#"{"cuda":"bf16"}"#] {
            assert!(serde_json::from_str::<Device>(line).is_err(), "{line}");
        }
    }

    #[test]
    fn what_is_not_in_the_protocol_is_refused() {
        for line in [
            r#"{"type":"goodbye"}"#,
            r#"{"type":"started"}"#,
            r#"{"type":"started","attempt":-1,"step":0,"state_bytes":0,"damaged":[]}"#,
            r#"{"type":"checkpoint","attempt":1,"step":1,"bytes":1,"path":"/etc/passwd"}"#,
            r#"{"type":"weights","attempt":1,"which":"../x","step":1,"bytes":1}"#,
            r#"{"type":"diverged","attempt":1,"step":1,"train_seconds":NaN}"#,
            "[]",
            "",
        ] {
            assert!(serde_json::from_str::<FromWorker>(line).is_err(), "{line}");
        }
    }
}
