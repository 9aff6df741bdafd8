//! `sweep init`: a first spec for a model and a folder of data, each line with what it means.

mod data;
mod paths;
mod propose;
mod write;
mod yaml;

use std::{
    fs::OpenOptions,
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
};

use serde_json::json;
use sweep_trainer::{Engine, Inspection, Request, inspect, runtime};
use sweep_wire::{Optimizer, Sgd};

use super::{
    Failure, Global, OutputMode,
    failure::{print, say},
    model, prepare,
    run::event_loop,
};
use crate::spec;
use propose::Proposal;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The model, an ONNX file
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// The folder that holds the data
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The spec to write
    #[arg(short, long, default_value = "sweep.yaml", value_name = "FILE")]
    output: PathBuf,
    /// The output that the loss is of, where the model has several
    #[arg(long, value_name = "NAME")]
    model_output: Option<String>,
    /// Overwrite the spec if it is there
    #[arg(long)]
    force: bool,
}

pub(super) fn run(global: &Global, args: &Args) -> Result<ExitCode, Failure> {
    let folder = paths::folder(&args.output)?;
    if args.output.exists() && !args.force {
        let message = format!("`{}` is there already", args.output.display());
        return Err(Failure::usage(message).hint("`--force` overwrites it"));
    }
    let loud = global.output_mode == OutputMode::Cli;
    let library = runtime::ensure(&mut |line| say(line)).map_err(super::runtime::failure)?;
    let engine = Engine::load(&library).map_err(Failure::internal)?;
    let mut model = look(&engine, args, &request(args))?;
    if loud {
        say("reading the data …");
    }
    let found = data::find(&args.data, &model)?;
    if !model.assumed.is_empty() {
        // What comes out of a model that takes any size depends on what goes in.
        model = look(&engine, args, &Request { shapes: found.shapes(&model), ..request(args) })?;
    }
    if let Some(problem) = model.problems.first() {
        let message = format!("`{}` cannot be trained: {problem}", args.model.display());
        return Err(Failure::usage(message).hint("`sweep model inspect` says more"));
    }
    let proposal = Proposal::of(&model, &found)?;
    let text = write::text_of(args, &folder, &model, &found, &proposal)?;
    spec::parse(&text, &args.output)
        .map_err(|error| Failure::internal(format!("what would be written is no spec: {error}")))?;
    save(&args.output, &text, args.force)?;
    let notes = proposal.notes(&found);
    match global.output_mode {
        OutputMode::Cli => notes.iter().for_each(|note| say(&format!("note: {note}"))),
        OutputMode::Json => {
            let document = json!({"version": 1, "spec": args.output, "data": found.kind(), "notes": notes});
            print(&format!("{document:#}\n"))?;
        }
        OutputMode::Quiet => {}
    }
    check(global, &args.output)?;
    if loud {
        let file = args.output.display();
        say(&format!("wrote {file}; `sweep run {file}` trains it"));
    }
    Ok(ExitCode::SUCCESS)
}

/// What is asked about the model; what is only measured with an optimiser is not used.
fn request(args: &Args) -> Request {
    let sgd = Sgd { momentum: 0.9, dampening: 0.0, nesterov: false, weight_decay: 0.0 };
    Request {
        batch: None,
        loss: None,
        optimizer: Optimizer::Sgd(sgd),
        output: args.model_output.clone(),
        trainable: Vec::new(),
        frozen: Vec::new(),
        shapes: Default::default(),
    }
}

fn look(engine: &Engine, args: &Args, request: &Request) -> Result<Inspection, Failure> {
    inspect(engine, &args.model, request).map_err(|fault| model::refused(&fault, "--model-output NAME"))
}

fn save(path: &Path, text: &str, force: bool) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    options.write(true);
    match force {
        true => options.create(true).truncate(true),
        false => options.create_new(true),
    };
    let written = options.open(path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| Failure::usage(format!("`{}` cannot be written: {error}", path.display())))
}

/// Whether the spec can be run as it stands.
fn check(global: &Global, path: &Path) -> Result<(), Failure> {
    match event_loop()?.block_on(prepare::order(global, path, false)) {
        Ok(_) => Ok(()),
        Err(failure) => {
            Err(failure.before(&format!("wrote {}, which does not run as it stands", path.display())))
        }
    }
}
