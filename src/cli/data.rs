//! `sweep data inspect SPEC`: what the data of a spec holds.

use std::{path::PathBuf, process::ExitCode};

use clap::Subcommand;
use serde_json::{Value, json};
use sweep_trainer::{ArrayInspection, DataInspection, SetInspection, inspect_data};

use super::{
    Failure, Global, OutputMode,
    failure::{print, say},
    prepare::read_spec,
    results::look,
};
use crate::{
    report::{self, Format, Look, escape},
    spec::{self, SpecError, Work},
    store::Table,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Read the data of a spec and say what is in it: sets, shapes, classes, and what to normalise with
    Inspect(Inspect),
}

#[derive(Debug, clap::Args)]
struct Inspect {
    /// The sweep's YAML file
    #[arg(value_name = "SPEC")]
    spec: PathBuf,
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
        return Err(Failure::usage("data is shown as `table` or `json`"));
    }
    let text = read_spec(&args.spec)?;
    let spec = spec::parse(&text, &args.spec)?;
    let Work::Model(model) = &spec.work else {
        let message = format!("{} runs a program, which reads its data itself", args.spec.display());
        return Err(Failure::usage(message));
    };
    if global.output_mode == OutputMode::Cli {
        say("reading the data …");
    }
    let found = inspect_data(&model.data)
        .map_err(|fault| SpecError::at(&args.spec, &text, &fault.at, fault.message, fault.hint))?;
    match (global.output_mode, format) {
        (OutputMode::Quiet, _) => {}
        (_, Format::Json) => print(&format!("{:#}\n", as_json(&found)))?,
        _ => print(&as_text(&found, look(global)))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn as_text(found: &DataInspection, look: Look) -> String {
    let mut sets = Table::new(&["set", "samples", "array", "shape", "type", "from", "to", "mean", "std"]);
    for set in &found.sets {
        for array in &set.inputs {
            sets.rows.push(row(set, array, array.name.as_deref().unwrap_or("inputs")));
        }
        sets.rows.push(row(set, &set.labels, "labels"));
    }
    let mut text = report::render(&sets, Format::Table, look);
    if let Some(first) = found.sets.first().filter(|set| !set.classes.is_empty()) {
        let names: Vec<&str> = found.sets.iter().map(|set| set.name).collect();
        let mut classes = Table::new(&[&["class"], &names[..]].concat());
        for (index, (name, _)) in first.classes.iter().enumerate() {
            let counts = found
                .sets
                .iter()
                .map(|set| set.classes.get(index).map_or(json!(0), |(_, count)| json!(count)));
            classes.rows.push(std::iter::once(json!(name)).chain(counts).collect());
        }
        text += &format!("\n{}", report::render(&classes, Format::Table, look));
    }
    let streamed = found.sets.iter().flat_map(|set| &set.inputs).any(|array| array.streamed);
    if streamed {
        text += "\nsamples are read from disk as they are needed: they take more than `data.memory`\n";
    }
    if let Some(array) = found.sets.first().and_then(|set| set.inputs.first()) {
        let values =
            |values: &[f64]| values.iter().map(|value| format!("{value:.4}")).collect::<Vec<_>>().join(", ");
        let (mean, std) = (values(&array.mean), values(&array.std));
        text += &format!("\nto normalise with: normalize: {{mean: [{mean}], std: [{std}]}}\n");
    }
    text += &format!("content {}\n", escape(&found.hash));
    text
}

fn row(set: &SetInspection, array: &ArrayInspection, name: &str) -> Vec<Value> {
    let shape = array.shape.iter().map(ToString::to_string).collect::<Vec<_>>().join("×");
    let shape = if shape.is_empty() { "one".to_owned() } else { shape };
    let number = |value: f64| json!(format!("{value:.4}").trim_end_matches('0').trim_end_matches('.'));
    // More channels would fill the screen.
    let list = |values: &[f64]| match values {
        [_, _, _, _, ..] => json!("…"),
        values => json!(values.iter().map(|value| format!("{value:.4}")).collect::<Vec<_>>().join(" ")),
    };
    vec![
        json!(set.name),
        json!(set.samples),
        json!(name),
        json!(shape),
        json!(array.dtype),
        number(array.smallest),
        number(array.largest),
        list(&array.mean),
        list(&array.std),
    ]
}

fn as_json(found: &DataInspection) -> Value {
    let array = |array: &ArrayInspection| {
        json!({
            "name": array.name,
            "shape": array.shape,
            "type": array.dtype,
            "streamed": array.streamed,
            "smallest": array.smallest,
            "largest": array.largest,
            "mean": array.mean,
            "std": array.std,
        })
    };
    let set = |set: &SetInspection| {
        let classes: Vec<Value> =
            set.classes.iter().map(|(name, count)| json!({"name": name, "samples": count})).collect();
        json!({
            "set": set.name,
            "samples": set.samples,
            "inputs": set.inputs.iter().map(array).collect::<Vec<_>>(),
            "labels": array(&set.labels),
            "classes": classes,
        })
    };
    json!({"version": 1, "content": found.hash, "sets": found.sets.iter().map(set).collect::<Vec<_>>()})
}
