//! What a trial keeps on disk: when, and what it goes on from.
//!
//! A checkpoint at step s is the state after s updates, before the evaluation at s. Data order, augmentation and dropout
//! hang on the seed and the step, so the state and s are all there is to go on from.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use sweep_graph::StepGraph;
use sweep_wire::{Every, Keep, Point, Which};

use super::{Buffers, Said};
use crate::{
    checkpoint::{self, Notes, Part, number},
    engine::EngineError,
    prepared::Prepared,
};

/// What of a checkpoint is the state, and what the best weights so far.
const STATE: &str = "state/";
const BEST: &str = "best/";

/// The files of one trial.
pub(super) struct Keeper<'a> {
    keep: Option<&'a Keep>,
    best: Option<Best>,
    /// The step of the newest checkpoint, and when it was written.
    newest: (u64, Instant),
    /// Whether the disk refused a checkpoint: that is said once.
    refused: bool,
}

/// The best evaluation so far.
struct Best {
    step: u64,
    value: f64,
    /// In the order of [`sweep_graph::EvalGraph::state`].
    weights: Vec<Vec<f32>>,
}

/// Where a trial begins.
pub(super) struct Beginning {
    pub(super) step: u64,
    pub(super) damaged: Vec<u64>,
}

impl<'a> Keeper<'a> {
    pub(super) fn new(keep: Option<&'a Keep>) -> Self {
        Self { keep, best: None, newest: (0, Instant::now()), refused: false }
    }

    /// Clears what a killed attempt left behind and fills the buffers of a trial of `steps` steps from its last undamaged checkpoint. Without one the step is 0 and the buffers hold nothing.
    pub(super) fn resume(&mut self, steps: u64, buffers: &mut Buffers, prepared: &Prepared) -> Beginning {
        let mut beginning = Beginning { step: 0, damaged: Vec::new() };
        let Some(keep) = self.keep else { return beginning };
        checkpoint::tidy(&keep.folder);
        let mut known: Vec<u64> = keep.resume.iter().copied().filter(|step| *step < steps).collect();
        known.sort_unstable();
        for step in known.into_iter().rev() {
            match load(keep, step, buffers, prepared) {
                Ok(best) => {
                    (self.best, self.newest, beginning.step) = (best, (step, Instant::now()), step);
                    break;
                }
                Err(_) => beginning.damaged.push(step),
            }
        }
        beginning
    }

    /// Whether a checkpoint is to be written before step `step`.
    pub(super) fn is_due(&self, step: u64) -> bool {
        let (newest, written) = self.newest;
        step > newest
            && self.keep.is_some_and(|keep| match keep.every {
                Every::Steps(steps) => step.is_multiple_of(steps.max(1)),
                Every::Seconds(seconds) => {
                    written.elapsed() >= Duration::from_secs_f64(seconds.clamp(0.0, 1e9))
                }
            })
    }

    /// Writes the state after `step` updates, unless it is on disk already; what there is to say about it.
    ///
    /// # Errors
    /// The device does not give the state.
    pub(super) fn save(
        &mut self,
        step: u64,
        buffers: &mut Buffers,
        prepared: &Prepared,
    ) -> Result<Option<Said>, EngineError> {
        let Some(keep) = self.keep.filter(|_| step > self.newest.0) else { return Ok(None) };
        let mut notes = Notes::from([("step".into(), step.to_string()), ("key".into(), keep.key.clone())]);
        if let Some(best) = &self.best {
            notes.insert("best_step".into(), best.step.to_string());
            notes.insert("best_value".into(), best.value.to_bits().to_string());
        }
        let held = buffers.held()?;
        let evaluation = held.evaluated(prepared)?;
        let best = self.best.iter().flat_map(|best| evaluation.iter().zip(&best.weights));
        let best = best.map(|(part, values)| (format!("{BEST}{}", part.name), part.shape, values.as_slice()));
        let state = held.state(&prepared.step).into_iter();
        let state = state.map(|part| (format!("{STATE}{}", part.name), part.shape, part.values));
        let named: Vec<_> = state.chain(best).collect();
        let parts: Vec<_> = named.iter().map(|(name, shape, values)| Part { name, shape, values }).collect();
        Ok(match checkpoint::write(&path(keep, step), notes, &parts) {
            Ok(bytes) => {
                self.newest = (step, Instant::now());
                Some(Said::Checkpoint { step, bytes })
            }
            Err(error) => {
                // The next try comes as late as after a checkpoint.
                self.newest.1 = Instant::now();
                let first = !std::mem::replace(&mut self.refused, true);
                first.then(|| Said::Note(format!("a checkpoint cannot be written: {error}")))
            }
        })
    }

    /// Takes the weights if the evaluation that made these points is the best so far, the last one among equals.
    pub(super) fn evaluated(
        &mut self,
        step: u64,
        points: &[Point],
        buffers: &mut Buffers,
        prepared: &Prepared,
    ) -> Result<(), EngineError> {
        let wanted = self.keep.filter(|keep| keep.weights).and_then(|keep| keep.best.as_ref());
        let Some(wanted) = wanted else { return Ok(()) };
        let Some(point) = points.iter().rfind(|point| point.step == step && point.name == wanted.metric)
        else {
            return Ok(());
        };
        let sign = if wanted.maximize { 1.0 } else { -1.0 };
        if self.best.as_ref().is_none_or(|best| sign * point.value >= sign * best.value) {
            let weights =
                buffers.held()?.evaluated(prepared)?.iter().map(|part| part.values.to_vec()).collect();
            self.best = Some(Best { step, value: point.value, weights });
        }
        Ok(())
    }

    /// Writes the weights of a finished trial; what there is to say about them.
    pub(super) fn finish(
        &self,
        steps: u64,
        buffers: &mut Buffers,
        prepared: &Prepared,
    ) -> Result<Vec<Said>, EngineError> {
        let Some(keep) = self.keep.filter(|keep| keep.weights) else { return Ok(Vec::new()) };
        let last = buffers.held()?.evaluated(prepared)?;
        let mut said = vec![weights(keep, Which::Last, steps, &last)];
        if let Some(best) = self.best.as_ref().filter(|best| best.step != steps) {
            let parts = last.iter().zip(&best.weights).map(|(part, values)| Part { values, ..*part });
            said.push(weights(keep, Which::Best, best.step, &parts.collect::<Vec<_>>()));
        }
        Ok(said)
    }

    /// About what a checkpoint takes, in bytes.
    pub(super) fn bytes(&self, prepared: &Prepared) -> u64 {
        let size = |shape: &[usize]| 4 * shape.iter().product::<usize>() as u64;
        let state: u64 = prepared.step.state.iter().map(|state| size(&state.shape)).sum();
        // The best weights are at most as much again.
        if self.keep.is_some_and(|keep| keep.best.is_some()) { 2 * state } else { state }
    }
}

fn path(keep: &Keep, step: u64) -> PathBuf {
    keep.folder.join(format!("{step}.safetensors"))
}

fn weights(keep: &Keep, which: Which, step: u64, parts: &[Part<'_>]) -> Said {
    let path = keep.folder.join(format!("{}.safetensors", which.name()));
    let notes = Notes::from([("step".to_owned(), step.to_string()), ("key".to_owned(), keep.key.clone())]);
    match checkpoint::write(&path, notes, parts) {
        Ok(bytes) => Said::Weights { which, step, bytes },
        Err(error) => Said::Note(format!("the {} weights cannot be written: {error}", which.name())),
    }
}

/// Fills the buffers from one checkpoint and gives the best weights so far.
fn load(keep: &Keep, step: u64, buffers: &mut Buffers, prepared: &Prepared) -> Result<Option<Best>, String> {
    let opened = checkpoint::open(&path(keep, step))?;
    if number(&opened.notes, "step")? != step || opened.notes.get("key") != Some(&keep.key) {
        return Err("is another trial's".to_owned());
    }
    let inputs: Vec<&str> = prepared.evaluation.state.iter().map(|state| state.input.as_str()).collect();
    let mut best = match opened.notes.contains_key("best_step") {
        false => None,
        true => Some(Best {
            step: number(&opened.notes, "best_step")?,
            value: f64::from_bits(number(&opened.notes, "best_value")?),
            weights: vec![Vec::new(); inputs.len()],
        }),
    };
    let tensors = opened.tensors.clone();
    let filled = buffers.fill(|rooms| {
        let mut states: Vec<Option<&mut [f32]>> = rooms.into_iter().map(Some).collect();
        let mut bests: Vec<Option<&mut Vec<f32>>> =
            best.iter_mut().flat_map(|best| &mut best.weights).map(Some).collect();
        opened.read(|index| {
            let (name, shape) = &tensors[index];
            let unknown = || format!("holds `{}`, which this model has not", name.escape_debug());
            if let Some(name) = name.strip_prefix(STATE) {
                let state = place(&prepared.step, name).and_then(|place| states[place].take());
                return state.ok_or_else(unknown);
            }
            let place =
                name.strip_prefix(BEST).and_then(|name| inputs.iter().position(|input| *input == name));
            let room = place.and_then(|place| bests.get_mut(place)?.take()).ok_or_else(unknown)?;
            *room = vec![0.0; shape.iter().product()];
            Ok(room)
        })?;
        match states.iter().all(Option::is_none) && bests.iter().all(Option::is_none) {
            true => Ok(()),
            false => Err("lacks tensors of this model".to_owned()),
        }
    });
    filled.map_err(|error| error.to_string())??;
    Ok(best)
}

fn place(step: &StepGraph, name: &str) -> Option<usize> {
    step.state.iter().position(|state| state.name == name)
}
