//! The text of a first spec: each line with what it means and what else there is.

use std::path::Path;

use sweep_trainer::{Inspection, SetInspection};

use super::{
    Args, Failure,
    data::{Found, HELD_OUT, extents},
    paths::relative,
    propose::{Normalize, Proposal, parameters},
    spec,
    yaml::{source, text},
};

/// Where comments stand.
const COLUMN: usize = 34;
/// The longest mapping that is written on one line.
const WIDTH: usize = 90;

/// The spec, which goes into `folder`.
///
/// # Errors
/// A path that no spec can hold.
pub(super) fn text_of(
    args: &Args,
    folder: &Path,
    model: &Inspection,
    found: &Found,
    proposal: &Proposal,
) -> Result<String, Failure> {
    let mut lines = Lines::default();
    lines.line("version: 1", "");
    lines.line(&format!("name: {}", name(args)), "in tables and commands");
    lines.line("# description: …", "what the sweep is to find out");
    lines.apart();
    of_model(&mut lines, &relative(&args.model, folder)?, args.model_output.as_deref(), model, proposal);
    lines.apart();
    of_data(&mut lines, folder, found, proposal)?;
    lines.apart();
    of_training(&mut lines, model, proposal);
    lines.apart();
    of_sweep(&mut lines, proposal);
    let shown = |path: &Path| path.display().to_string().escape_debug().to_string();
    let title = format!(
        "# Written by `sweep init` for {} and the {} in {}. Every line is a proposal; what starts with `#` says what\n\
         # else there is. 81 trainings: 3 budgets × 3 schedules × 3 peak rates × 3 seeds.\n",
        shown(&args.model),
        found.kind(),
        shown(&args.data)
    );
    Ok(title + &lines.text)
}

fn of_model(lines: &mut Lines, onnx: &str, output: Option<&str>, model: &Inspection, proposal: &Proposal) {
    lines.line("model:", "");
    let trained = parameters(model);
    lines.line(
        &format!("  onnx: {}", text(onnx)),
        &format!("{trained} parameters train; paths are relative to this file"),
    );
    for warning in &model.warnings {
        lines.line(&format!("  # warning: {}", warning.escape_debug()), "");
    }
    let losses = others(spec::losses(), proposal.loss);
    lines.line(&format!("  loss: {}", proposal.loss), &format!("{}; {losses}", proposal.compares));
    lines.line(
        &format!("  init: {}", proposal.init),
        "fresh weights for each seed; `exported` starts from those in the file, to fine-tune them",
    );
    match output {
        Some(output) => lines.line(&format!("  output: {}", text(output)), "what the loss is of"),
        None => lines.line("  # output: logits", "what the loss is of, where the model has several"),
    }
    lines.line(
        "  # frozen: [\"encoder.*\"]",
        "patterns of tensors that keep the file's values; `trainable` for those that train",
    );
}

fn of_data(lines: &mut Lines, folder: &Path, found: &Found, proposal: &Proposal) -> Result<(), Failure> {
    let recognised = &found.recognised;
    lines.line("data:", "");
    for guess in &recognised.guesses {
        lines.line(&format!("  # {}", guess.escape_debug()), "");
    }
    lines.mapping("train", &source(&recognised.train, folder)?, &held(found.train()));
    match &recognised.validation {
        Some(set) => {
            lines.mapping(
                "validation",
                &source(set, folder)?,
                "what peak rates are chosen on; or a share of `train`, such as 10%",
            );
        }
        None => lines.line(
            &format!("  validation: {}%", HELD_OUT * 100.0),
            "held out of `train`: what peak rates are chosen on, so that the test set has no part in it",
        ),
    }
    match (&recognised.test, found.set("test")) {
        (Some(set), Some(there)) => lines.mapping(
            "test",
            &source(set, folder)?,
            &format!("what trials are judged on: {} samples", there.samples),
        ),
        _ => lines.line(
            "  # test: {…}",
            "none was found: trials are judged on the validation set; written as `train` is",
        ),
    }
    let rounded = |values: &[f64]| values.iter().map(|value| digits(*value)).collect::<Vec<_>>().join(", ");
    let bytes = found.train().inputs.iter().any(|array| array.dtype == "uint8");
    match &proposal.normalize {
        Normalize::By { mean, std } => lines.line(
            &format!("  normalize: {{mean: [{}], std: [{}]}}", rounded(mean), rounded(std)),
            if bytes { "of the training samples, after division by 255" } else { "of the training samples" },
        ),
        Normalize::Tokens => {}
        Normalize::Not(why) => {
            lines.line("  # normalize: {mean: [0.5], std: [0.25]}", &format!("one value per channel; {why}"))
        }
    }
    if found.train().inputs.iter().any(|array| array.shape.len() > 1 && bytes) {
        lines.line(
            "  # augment: [{random_crop: {padding: 2}}, horizontal_flip]",
            "also vertical_flip, cutout, mixup",
        );
    }
    Ok(())
}

fn of_training(lines: &mut Lines, model: &Inspection, proposal: &Proposal) {
    let Proposal { batch, per_epoch, epochs, .. } = proposal;
    lines.line("training:", "");
    let fixed = if model.batch.is_some() { ", as the model fixes it" } else { "" };
    lines.line(
        &format!("  batch_size: {batch}"),
        &format!("samples per step{fixed}: {per_epoch} steps an epoch"),
    );
    lines.line(
        &format!("  full_budget: {epochs} epochs"),
        &format!("what 100% means: about {} steps; or such as `3000 steps`", per_epoch * epochs),
    );
    lines.line(
        &format!("  optimizer: {}", proposal.optimizer),
        &others(spec::optimizers(), proposal.optimizer.trim_start_matches('{')),
    );
    let clip = if proposal.clip { "  clip_norm: 1" } else { "  # clip_norm: 1" };
    lines.line(clip, "the largest norm of a step's gradient");
    lines.line("  warmup: 5%", "of each trial's own budget: the rate climbs from nothing to its peak");
    lines.line("  evaluate: 25%", "four times in each trial, the last time at its end; `end` is only then");
    lines.line("  # ema: 0.999", "evaluate a moving average of the weights");
}

fn of_sweep(lines: &mut Lines, proposal: &Proposal) {
    lines.line(
        "budgets: [25%, 50%, 100%]",
        "each is a training of its own with the whole schedule; also `500 steps`, `2 epochs`, `10 min`",
    );
    lines.line("schedules:", "`sweep schedule list` has all of them");
    lines.line("  - cosine", "what most people use: the baseline");
    lines.line(
        "  - uba: {phi: 1}",
        "budget-aware: holds high longer than cosine, then falls to zero; `[1, 5]` tries both",
    );
    lines.line("  - linear", "");
    lines.apart();
    lines.line("parameters:", "");
    let rates = proposal.rates.map(|rate| rate.to_string()).join(", ");
    lines.line(
        &format!("  learning_rate: {{values: [{rates}]}}"),
        "peaks; each cell of the table takes the one that is best on the validation set",
    );
    lines.line(
        "seeds: 3",
        "seed k starts with the same weights and data order in every cell; fewer than three give no interval",
    );
    let metric = match proposal.loss {
        "token_cross_entropy" => "perplexity",
        "mse" => "mae",
        _ => "accuracy",
    };
    lines.line(
        &format!("# metric: {metric}"),
        "what trials are judged by; without it what goes with the loss and the model",
    );
    lines.apart();
    lines.line("# limits: {wall_clock: 2h}", "when to end early; also trials, failures, cost_usd");
    lines.line("# pricing: {usd_per_hour: 0.80}", "what the machine costs");
    lines.line("# resources: {workers: 2}", "trials at one time; one per core, at most 8, unless told");
}

/// What else there is beside what was chosen, which starts with its name.
fn others(names: impl Iterator<Item = &'static str>, chosen: &str) -> String {
    let chosen = chosen.split(':').next().unwrap_or_default();
    format!("also {}", names.filter(|name| *name != chosen).collect::<Vec<_>>().join(", "))
}

/// Lines with comments one below another.
#[derive(Default)]
struct Lines {
    text: String,
}

impl Lines {
    fn line(&mut self, line: &str, comment: &str) {
        self.text += line;
        if !comment.is_empty() {
            let gap = COLUMN.saturating_sub(line.chars().count()).max(3);
            self.text += &format!("{}# {comment}", " ".repeat(gap));
        }
        self.text.push('\n');
    }

    fn apart(&mut self) {
        self.text.push('\n');
    }

    /// A mapping under `data`, on one line where it fits.
    fn mapping(&mut self, key: &str, entries: &[(&'static str, String)], comment: &str) {
        let flow: Vec<String> = entries.iter().map(|(key, value)| format!("{key}: {value}")).collect();
        let flow = format!("  {key}: {{{}}}", flow.join(", "));
        if flow.chars().count() <= WIDTH {
            return self.line(&flow, comment);
        }
        self.line(&format!("  {key}:"), comment);
        for (key, value) in entries {
            self.line(&format!("    {key}: {value}"), "");
        }
    }
}

/// What a set holds, for the comment beside it.
fn held(set: &SetInspection) -> String {
    let arrays: Vec<String> = (set.inputs.iter())
        .map(|array| {
            let name =
                array.name.as_ref().map_or(String::new(), |name| format!("`{}` ", name.escape_debug()));
            format!("{name}{} ({})", extents(&array.shape), array.dtype)
        })
        .collect();
    let classes = match set.classes.len() {
        0 => String::new(),
        count => format!(", {count} classes"),
    };
    format!("{} samples of {}{classes}", set.samples, arrays.join(", "))
}

/// A number with four significant digits.
fn digits(value: f64) -> String {
    let places = match value.abs().log10().floor() {
        power if power.is_finite() => (3.0 - power).clamp(0.0, 12.0) as usize,
        _ => 1,
    };
    format!("{value:.places$}")
}

/// The model's and the folder's names.
fn name(args: &Args) -> String {
    let stem = |path: &Path| path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let parts = [stem(&args.model), args.data.canonicalize().ok().as_deref().and_then(stem)];
    let name = parts.into_iter().flatten().collect::<Vec<_>>().join("-");
    let name: String = name.chars().filter(|c| !c.is_control()).take(100).collect();
    match name.chars().any(char::is_alphabetic) {
        true => text(&name),
        false => "first".to_owned(),
    }
}
