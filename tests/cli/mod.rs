//! The program as people use it: real specs, real training, real files.

mod answers;
mod bad;
mod cuda;
mod data;
mod division;
mod export;
mod init;
mod life;
mod machine;
mod model;
mod orphan;
mod plan;
mod programs;
mod resume;
mod runtime;
mod schedule;
mod schema;
mod schemas;
mod stop;
mod tables;
mod tensorboard;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;

/// A folder with a spec in it, and a home beside it.
pub(crate) struct Place {
    dir: tempfile::TempDir,
}

/// A short sweep of a real model over real data: four trials, about a second.
pub(crate) const SPEC: &str = "
version: 1
name: short
model: {onnx: ROOT/sweeps/models/mlp.onnx, loss: cross_entropy}
data:
  train: {images: ROOT/sweeps/data/digits/train-images-idx3-ubyte.gz, labels: ROOT/sweeps/data/digits/train-labels-idx1-ubyte.gz}
  test: {images: ROOT/sweeps/data/digits/t10k-images-idx3-ubyte.gz, labels: ROOT/sweeps/data/digits/t10k-labels-idx1-ubyte.gz}
  normalize: {mean: [0.0192], std: [0.0236]}
training:
  batch_size: 64
  full_budget: 2 epochs
  optimizer: {sgd: {momentum: 0.9}}
  log_every: 1 step
budgets: [50%, 100%]
schedules: [{uba: {phi: 1}}, cosine]
parameters: {learning_rate: 0.1}
";

impl Drop for Place {
    /// A test that fails leaves its daemon.
    fn drop(&mut self) {
        if self.home().join("scheduler.sock").exists() {
            self.sweep(&["daemon", "stop", "--now"]);
        }
    }
}

impl Place {
    /// With ONNX Runtime there, so that no command has to tell that it fetches it.
    pub(crate) fn new() -> Self {
        sweep_trainer::runtime::ensure(&mut |_| {}).unwrap();
        Self { dir: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.path().join("home")
    }

    /// Writes a spec, `ROOT` standing for the repository.
    pub(crate) fn spec(&self, text: &str) {
        let text = text.trim_start().replace("ROOT", env!("CARGO_MANIFEST_DIR"));
        fs::write(self.path().join("spec.yaml"), text).unwrap();
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sweep"));
        command.args(arguments).current_dir(self.path()).env("SWEEP_HOME", self.home()).env("NO_COLOR", "1");
        command
    }

    pub(crate) fn sweep(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// The standard output of a command that must succeed.
    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        let output = self.sweep(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.ok(arguments)).unwrap()
    }
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}
