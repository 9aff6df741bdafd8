//! Trials that run a program.

use std::{collections::BTreeMap, path::Path};

use serde_json::{Map, Value, json};
use sweep_wire::{Contents, Facts, Number, Program};

use super::SweepInfo;
use crate::spec::{ProgramWork, Spec, Word};

/// What is known of a program's files: `inputs` is the hash of their content, empty where nobody lists them.
#[must_use]
pub fn program_facts(inputs: String) -> Facts {
    Facts {
        train_samples: 0,
        validation_samples: 0,
        test_samples: 0,
        contents: Contents { model: String::new(), data: inputs },
        parameters: 0,
        numerics: 0,
        runtime: String::new(),
        cpu: String::new(),
        warnings: Vec::new(),
        metrics: Vec::new(),
        device: sweep_wire::Device::Cpu,
        measured: None,
        division: None,
    }
}

/// The program with its macros expanded. What is run is found in the spec's folder, unless it is a bare name.
pub(super) fn expand(work: &ProgramWork, settings: &BTreeMap<String, f64>) -> Program {
    let mut command: Vec<String> = Vec::with_capacity(work.command.len());
    for word in &work.command {
        let arguments = settings.iter().map(|(name, value)| (name, number(*value)));
        match word {
            Word::Text(text) | Word::Program(text) => command.push(text.clone()),
            Word::Args => command.extend(arguments.map(|(name, value)| format!("--{name}={value}"))),
            Word::ArgsNoHyphens => command.extend(arguments.map(|(name, value)| format!("{name}={value}"))),
            Word::ArgsJson => {
                let object: Map<String, Value> = settings
                    .iter()
                    .map(|(name, value)| (name.clone(), json!(Number::from(*value))))
                    .collect();
                command.push(Value::Object(object).to_string());
            }
        }
    }
    if let (Some(Word::Text(run) | Word::Program(run)), Some(first)) =
        (work.command.first(), command.first_mut())
        && (run.contains('/') || matches!(work.command[0], Word::Program(_)))
    {
        *first = work.folder.join(run).to_string_lossy().into_owned();
    }
    Program {
        command,
        folder: work.folder.clone(),
        environment: work.environment.clone(),
        metric: work.metric.clone(),
    }
}

/// A number as programs read it: `64`, `0.1`, `1e-7`; reading it gives the same number back.
fn number(value: f64) -> String {
    match value.abs() {
        0.0 | 1e-5..1e16 => value.to_string(),
        _ => format!("{value:e}"),
    }
}

/// The command as it is wherever the spec's folder is.
pub(super) fn spelled(program: &Program) -> Vec<String> {
    let mut command = program.command.clone();
    if let Some(first) = command.first_mut()
        && let Ok(inside) = Path::new(&*first).strip_prefix(&program.folder)
    {
        *first = inside.to_string_lossy().into_owned();
    }
    command
}

/// Programs are judged by what they say; settings are chosen by nothing else.
pub(super) fn info(spec: &Spec, work: &ProgramWork, text: &str, facts: &Facts) -> SweepInfo {
    SweepInfo {
        name: spec.name.clone(),
        description: spec.description.clone(),
        spec: text.to_owned(),
        metric: work.metric.clone(),
        selection_metric: None,
        maximize: work.maximize,
        facts: Some(facts.clone()),
        price: None,
    }
}
