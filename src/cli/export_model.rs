//! `sweep export-model TRIAL -o FILE`: the model with a trial's weights.

use std::{fs, path::PathBuf, process::ExitCode};

use clap::ValueEnum;
use sweep_trainer::export::{ExportError, export};
use sweep_wire::{Job, Which};

use super::{Failure, Global, OutputMode, failure::say, output::write_whole};
use crate::{
    executor::CHECKPOINTS,
    report::{escape, value_of},
    store::{self, KeptWeights, TrialDetail},
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The trial's number, as `sweep trials` shows it
    #[arg(value_name = "TRIAL")]
    trial: i64,
    /// The ONNX file to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Which weights: those of the best evaluation on the validation set (the last ones without one), or the last
    #[arg(long, default_value = "best", value_name = "WHICH")]
    which: Wanted,
    /// Overwrite the file if it is there
    #[arg(long)]
    force: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Wanted {
    Best,
    Last,
}

pub(super) fn run(global: &Global, args: &Args) -> Result<ExitCode, Failure> {
    let trial = store::open_reader(&global.home)?.trial(args.trial)?;
    if trial.job.get("program").is_some() {
        let message = format!("trial {} ran a program, which keeps its weights itself", trial.trial);
        return Err(Failure::usage(message));
    }
    let kept = choose(&trial, args.which)?;
    if args.output.exists() && !args.force {
        let message = format!("`{}` is there already", args.output.display());
        return Err(Failure::usage(message).hint("`--force` overwrites it"));
    }
    let job: Job = serde_json::from_value(trial.job.clone()).map_err(|error| {
        Failure::usage(format!("trial {} is of another version of `sweep`: {error}", trial.trial))
    })?;
    if fs::canonicalize(&args.output)
        .is_ok_and(|path| fs::canonicalize(&job.model.onnx).is_ok_and(|model| path == model))
    {
        let message = format!("`{}` is the model that was trained", args.output.display());
        return Err(Failure::usage(message)
            .hint("write another file: the weights of its other trials go into this one"));
    }
    let file = format!("{}.safetensors", kept.which);
    let weights = global.home.join(CHECKPOINTS).join(trial.trial.to_string()).join(file);
    let expected = trial.facts.as_ref().and_then(|facts| facts["contents"]["model"].as_str());
    let bytes = export(&job.model, expected, &weights).map_err(refused)?;
    write_whole(&args.output, &bytes)?;
    if global.output_mode == OutputMode::Cli {
        say(&escape(&format!("wrote {}: {}", args.output.display(), description(&trial, kept))));
    }
    Ok(ExitCode::SUCCESS)
}

/// The weights that are wanted, of those that were kept.
fn choose(trial: &TrialDetail, wanted: Wanted) -> Result<&KeptWeights, Failure> {
    let of = |which: Which| trial.weights.iter().find(|kept| kept.which == which.name());
    let found = match wanted {
        Wanted::Best => of(Which::Best).or(of(Which::Last)),
        Wanted::Last => of(Which::Last),
    };
    found.ok_or_else(|| {
        let number = trial.trial;
        match trial.status.as_str() {
            "done" => Failure::usage(format!("the weights of trial {number} were not kept"))
                .hint("a spec with `checkpoint: {weights: true}` keeps those that it trains"),
            status => Failure::usage(format!("trial {number} is {status}: it has no weights"))
                .hint("`sweep trials --where status=done` lists those that have"),
        }
    })
}

fn refused(error: ExportError) -> Failure {
    let failure = Failure::usage(escape(&error.to_string()));
    match error.hint() {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// Which weights these are, and what was measured with them.
fn description(trial: &TrialDetail, kept: &KeptWeights) -> String {
    let held_out = |name: &str| name.starts_with("test/") || name.starts_with("validation/");
    let measured = trial.curves.iter().filter(|curve| held_out(&curve.name));
    let measured = measured.filter_map(|curve| {
        let (_, value) = curve.points.iter().find(|(step, _)| *step == kept.step)?;
        Some(format!("{} {}", curve.name, value_of((*value)?, &curve.name)))
    });
    let measured: Vec<_> = measured.collect();
    let which = if kept.which == "best" { "best weights" } else { "last weights" };
    format!("{which} of trial {}, step {}: {}", trial.trial, kept.step, measured.join(", "))
}
