//! Tokens: texts and files of numbers, for models that take nothing else.

use sweep_wire::{Source, Text, TokenType, Tokens};

use super::{Entry, Recognised, files, of_set, recognised, sample, takes_tokens};
use crate::{data::npy, inspect::Inspection};

/// Tokens of one sample where the model leaves it open.
const LENGTH: u32 = 128;

pub(super) fn text(entries: &[Entry], model: &Inspection) -> Option<Recognised> {
    let all = files(entries, "txt");
    let (length, guesses) = length(model)?;
    recognised("text", guesses, |set| {
        let [file] = of_set(&all, set)[..] else { return None };
        Some(Source::Text(Text { text: file.path.clone(), length }))
    })
}

/// `.npy` files of one axis, or raw numbers, which have no type of their own.
pub(super) fn tokens(entries: &[Entry], model: &Inspection) -> Option<Recognised> {
    let (length, mut guesses) = length(model)?;
    let is_column = |entry: &&Entry| npy::is_column(&entry.path);
    let arrays: Vec<&Entry> = files(entries, "npy").into_iter().filter(is_column).collect();
    let (all, dtype) = match arrays.is_empty() {
        false => (arrays, None),
        true => (files(entries, "bin"), Some(TokenType::Uint16)),
    };
    if dtype.is_some() {
        guesses.push("took the tokens for 16-bit numbers: `dtype` says otherwise".to_owned());
    }
    recognised("tokens", guesses, |set| {
        let [file] = of_set(&all, set)[..] else { return None };
        Some(Source::Tokens(Tokens { tokens: file.path.clone(), dtype, length }))
    })
}

/// How many tokens the model takes; none if it takes other things.
fn length(model: &Inspection) -> Option<(u32, Vec<String>)> {
    if !takes_tokens(model) || model.inputs.len() > 1 {
        return None;
    }
    match sample(model) {
        Some([length]) => Some((u32::try_from(*length).ok()?, Vec::new())),
        Some(_) => None,
        None => {
            Some((LENGTH, vec![format!("took {LENGTH} tokens for a sample: the model takes any number")]))
        }
    }
}
