//! `sweep model inspect FILE`: what of a model trains and why, what it costs, what stops it.

use std::{fs, io::Write, path::PathBuf, process::ExitCode};

use clap::Subcommand;
use serde_json::{Value, json};
use sweep_trainer::{Engine, Fault, Inspection, Port, Request, inspect, runtime};
use sweep_wire::{Adam, Lion, Loss, Optimizer, RmsProp, ScheduleFreeSgd, Sgd};

use super::{
    Failure, Global, OutputMode,
    failure::{print, say},
    results::look,
};
use crate::{
    report::{self, Format, Look, bytes, escape, scaled},
    store::Table,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Say what of an ONNX model trains and why, its operators, its work and memory, and what stops its training
    Inspect(Inspect),
}

#[derive(Debug, clap::Args)]
struct Inspect {
    /// The ONNX file
    file: PathBuf,
    /// Samples per pass; the file's if it is fixed, else 16
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    batch_size: Option<u32>,
    /// The loss, such as `mse`; guessed from the output otherwise
    #[arg(long, value_name = "LOSS", value_parser = loss)]
    loss: Option<Loss>,
    /// The optimiser, whose buffers count as memory
    #[arg(long, default_value = "sgd", value_name = "NAME", value_parser = optimizer)]
    optimizer: Optimizer,
    /// The output that the loss is of, where there are several
    #[arg(long, value_name = "NAME")]
    output: Option<String>,
    /// Patterns of tensors that train whatever they look like
    #[arg(long, value_name = "PATTERN")]
    trainable: Vec<String>,
    /// Patterns of tensors that stay as they are
    #[arg(long, value_name = "PATTERN")]
    frozen: Vec<String>,
    /// Extents of one sample of an input, such as `image=3,32,32`, where the file leaves them open
    #[arg(long = "shape", value_name = "INPUT=D,D,…", value_parser = shape)]
    shapes: Vec<(String, Vec<usize>)>,
    /// Write the training step as an ONNX file
    #[arg(long, value_name = "FILE")]
    export_step: Option<PathBuf>,
    /// `table` or `json`
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,
}

pub(super) fn run(global: &Global, args: &Args) -> Result<ExitCode, Failure> {
    let Command::Inspect(args) = &args.command;
    let format = args.format.unwrap_or(match global.output_mode {
        OutputMode::Json => Format::Json,
        _ => Format::Table,
    });
    if !matches!(format, Format::Table | Format::Json) {
        return Err(Failure::usage("a model is shown as `table` or `json`"));
    }
    let library = runtime::ensure(&mut |line| say(line)).map_err(super::runtime::failure)?;
    let engine = Engine::load(&library).map_err(Failure::internal)?;
    let request = Request {
        batch: args.batch_size.map(|batch| batch as usize),
        loss: args.loss.clone(),
        optimizer: args.optimizer,
        output: args.output.clone(),
        trainable: args.trainable.clone(),
        frozen: args.frozen.clone(),
        shapes: args.shapes.iter().cloned().collect(),
    };
    let found = inspect(&engine, &args.file, &request).map_err(|fault| refused(&fault, "--output NAME"))?;
    match (global.output_mode, format) {
        (OutputMode::Quiet, _) => {}
        (_, Format::Json) => print(&format!("{:#}\n", as_json(&found)))?,
        _ => print(&as_text(&found, look(global)))?,
    }
    if let Some(path) = &args.export_step {
        export(path, &found)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Why a model cannot be looked at; what a spec says under `model` is an `option` here.
pub(super) fn refused(fault: &Fault, option: &str) -> Failure {
    let failure = Failure::usage(escape(&fault.message));
    match &fault.hint {
        Some(hint) if hint.contains("under `model`") => failure
            .hint(format!("name the value that the loss is of with `{option}`, be it an output or not")),
        // Here it is a plain path.
        Some(hint) if hint.contains("folder of the spec") => failure,
        Some(hint) => failure.hint(escape(hint)),
        None => failure,
    }
}

/// Writes the training step to a file that is not there yet.
fn export(path: &PathBuf, found: &Inspection) -> Result<(), Failure> {
    let Some(step) = &found.step else {
        return Err(Failure::usage("there is no training step to export: the model cannot be trained"));
    };
    let failed =
        |error: std::io::Error| Failure::usage(format!("`{}` cannot be written: {error}", path.display()));
    let mut file = fs::File::create_new(path).map_err(failed)?;
    file.write_all(step).map_err(failed)?;
    say(&format!("wrote the training step to {}", path.display()));
    Ok(())
}

fn as_text(found: &Inspection, look: Look) -> String {
    let mut text = format!("opset       {}\n", found.opset);
    for input in &found.inputs {
        text += &format!("input       {}\n", port(input));
    }
    text += &format!("output      {}\n", port(&found.output));
    for name in &found.assumed {
        text += &format!("assumed     open extents of `{}`; say them with `--shape`\n", escape(name));
    }
    text += &format!("loss        {}\n", found.loss);
    let count = |role: &str| -> usize {
        let tensors = found.tensors.iter().filter(|tensor| tensor.role == role);
        tensors.map(|tensor| tensor.shape.iter().product::<usize>()).sum()
    };
    text += &format!(
        "elements    {} train, {} are running statistics, {} stay as they are\n",
        count("parameter"),
        count("statistic"),
        count("kept")
    );
    text += &format!("forward     {} (convolutions and products of one pass)\n", flops(found.forward_work));
    if let Some(work) = found.step_work {
        text += &format!("step        {}\n", flops(work));
        text += &format!(
            "memory      {} of state, about {} of activations\n",
            bytes(found.state_bytes),
            bytes(found.activation_bytes)
        );
    }
    text += "\n";
    text += &report::render(&tensors(found), Format::Table, look);
    text += "\n";
    text += &report::render(&operators(found), Format::Table, look);
    text += "\n";
    for warning in &found.warnings {
        text += &format!("warning: {}\n", escape(warning));
    }
    match found.problems.is_empty() {
        true => text += "this model can be trained\n",
        false => {
            text += "this model cannot be trained:\n";
            for problem in &found.problems {
                text += &format!("  {}\n", escape(problem));
            }
        }
    }
    text
}

fn port(port: &Port) -> String {
    format!("{} {} {}", escape(&port.name), port.dtype, dims(&port.shape))
}

fn dims(shape: &[usize]) -> String {
    if shape.is_empty() {
        return "scalar".to_owned();
    }
    shape.iter().map(ToString::to_string).collect::<Vec<_>>().join("×")
}

fn tensors(found: &Inspection) -> Table {
    let mut table = Table::new(&["tensor", "shape", "elements", "trains", "why"]);
    // Single numbers that stay as they are would bury the rest.
    let shown =
        |tensor: &&sweep_trainer::Tensor| tensor.role != "kept" || tensor.shape.iter().product::<usize>() > 1;
    for tensor in found.tensors.iter().filter(shown) {
        let name = match &tensor.source {
            Some(source) => format!("{} (in the file: {source})", tensor.name),
            None => tensor.name.clone(),
        };
        let trains = match tensor.role {
            "parameter" => "yes",
            "statistic" => "moves",
            _ => "no",
        };
        let elements = tensor.shape.iter().product::<usize>();
        table.rows.push(vec![
            json!(name),
            json!(dims(&tensor.shape)),
            json!(elements),
            json!(trains),
            json!(tensor.why),
        ]);
    }
    table
}

fn operators(found: &Inspection) -> Table {
    let mut table = Table::new(&["operator", "nodes", "gradient"]);
    for operator in &found.operators {
        let gradient = match operator.gradient {
            "yes" => "yes",
            "zero" => "none needed",
            _ => "missing",
        };
        table.rows.push(vec![json!(operator.name), json!(operator.count), json!(gradient)]);
    }
    table
}

fn as_json(found: &Inspection) -> Value {
    let port = |port: &Port| json!({"name": port.name, "type": port.dtype, "shape": port.shape});
    let tensors: Vec<Value> = (found.tensors.iter())
        .map(|t| json!({"name": t.name, "source": t.source, "shape": t.shape, "role": t.role, "why": t.why}))
        .collect();
    let operators: Vec<Value> = (found.operators.iter())
        .map(|o| json!({"operator": o.name, "nodes": o.count, "gradient": o.gradient, "stops": o.stops}))
        .collect();
    json!({
        "version": 1,
        "opset": found.opset,
        "inputs": found.inputs.iter().map(port).collect::<Vec<_>>(),
        "output": port(&found.output),
        "assumed": found.assumed,
        "loss": found.loss,
        "tensors": tensors,
        "operators": operators,
        "forward_flops": found.forward_work,
        "step_flops": found.step_work,
        "state_bytes": found.state_bytes,
        "activation_bytes": found.activation_bytes,
        "warnings": found.warnings,
        "problems": found.problems,
        "trainable": found.problems.is_empty(),
    })
}

/// Floating-point operations with three digits and a prefix.
fn flops(count: u64) -> String {
    scaled(count as f64, 1000.0, &["FLOP", "kFLOP", "MFLOP", "GFLOP", "TFLOP"])
}

fn loss(word: &str) -> Result<Loss, String> {
    Ok(match word {
        "cross_entropy" => Loss::CrossEntropy(Default::default()),
        "token_cross_entropy" => Loss::TokenCrossEntropy(Default::default()),
        "mse" => Loss::Mse,
        "l1" => Loss::L1,
        "huber" => Loss::Huber { delta: 1.0 },
        "bce_with_logits" => Loss::BceWithLogits(Default::default()),
        _ => {
            return Err(
                "one of `cross_entropy`, `token_cross_entropy`, `mse`, `l1`, `huber`, `bce_with_logits`"
                    .to_owned(),
            );
        }
    })
}

/// An optimiser with the buffers that it usually has; other settings change neither work nor memory.
fn optimizer(word: &str) -> Result<Optimizer, String> {
    let adam = Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.0 };
    let (alpha, epsilon, weight_decay) = (0.99, 1e-8, 0.0);
    Ok(match word {
        "sgd" => Optimizer::Sgd(Sgd { momentum: 0.9, dampening: 0.0, nesterov: false, weight_decay }),
        "adam" => Optimizer::Adam(adam),
        "adamw" => Optimizer::AdamW(adam),
        "rmsprop" => {
            Optimizer::RmsProp(RmsProp { alpha, epsilon, momentum: 0.0, centered: false, weight_decay })
        }
        "lion" => Optimizer::Lion(Lion { beta1: 0.9, beta2: 0.99, weight_decay }),
        "schedule_free_sgd" => Optimizer::ScheduleFreeSgd(ScheduleFreeSgd { momentum: 0.9, weight_decay }),
        "schedule_free_adamw" => Optimizer::ScheduleFreeAdamW(adam),
        _ => {
            return Err("one of `sgd`, `adam`, `adamw`, `rmsprop`, `lion`, `schedule_free_sgd`, \
                        `schedule_free_adamw`"
                .to_owned());
        }
    })
}

fn shape(text: &str) -> Result<(String, Vec<usize>), String> {
    let wrong = || "write `INPUT=D,D,…`, such as `image=3,32,32`".to_owned();
    let (name, extents) = text.split_once('=').ok_or_else(wrong)?;
    let extent = |word: &str| word.trim().parse().ok().filter(|extent| (1..=1 << 20).contains(extent));
    let extents: Option<Vec<usize>> = extents.split(',').map(extent).collect();
    Ok((name.to_owned(), extents.ok_or_else(wrong)?))
}
