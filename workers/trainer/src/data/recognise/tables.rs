//! Tables: CSV and Parquet, with a column of labels.

use std::collections::BTreeMap;

use sweep_wire::{Columns, Csv, Parquet, Source};

use super::{Entry, Recognised, arrays::is_label, files, of_set, recognised};
use crate::data::{csv, parquet};

pub(super) fn csv(entries: &[Entry]) -> Option<Recognised> {
    let all = files(entries, "csv");
    let mut guesses = Vec::new();
    let found = recognised("CSV", Vec::new(), |set| {
        let [file] = of_set(&all, set)[..] else { return None };
        let columns = csv::columns(&file.path)?;
        let (label, others) = label_of(&columns, &mut guesses)?;
        let numbers: Vec<String> =
            others.iter().filter(|(_, is_number)| *is_number).map(|(name, _)| name.clone()).collect();
        let left_out = others.iter().filter(|(_, is_number)| !is_number).map(|(name, _)| format!("`{name}`"));
        let left_out: Vec<String> = left_out.collect();
        if numbers.is_empty() {
            return None;
        }
        let inputs = (!left_out.is_empty()).then(|| {
            guesses.push(format!("left out {}, which holds no numbers", left_out.join(", ")));
            numbers
        });
        Some(Source::Csv(Csv { csv: file.path.clone(), labels: label, inputs, header: None }))
    })?;
    guesses.dedup();
    Some(Recognised { guesses, ..found })
}

pub(super) fn parquet(entries: &[Entry], inputs: &[&str]) -> Option<Recognised> {
    let all = files(entries, "parquet");
    let mut guesses = Vec::new();
    let found = recognised("Parquet", Vec::new(), |set| {
        let [file] = of_set(&all, set)[..] else { return None };
        let columns = parquet::columns(&file.path)?;
        let (labels, others) = label_of(&columns, &mut guesses)?;
        let names = others.into_iter().filter(|(_, is_number)| *is_number).map(|(name, _)| name);
        let names: Vec<String> = names.collect();
        let is_there = |input: &&str| names.iter().any(|name| name == input);
        let inputs = match inputs.len() > 1 {
            true if inputs.iter().all(is_there) => {
                let same = |input: &&str| ((*input).to_owned(), (*input).to_owned());
                Columns::Named(inputs.iter().map(same).collect::<BTreeMap<_, _>>())
            }
            false if !names.is_empty() => Columns::One(names),
            _ => return None,
        };
        Some(Source::Parquet(Parquet { parquet: file.path.clone(), inputs, labels }))
    })?;
    guesses.dedup();
    Some(Recognised { guesses, ..found })
}

/// A column's name, and whether it holds numbers.
type Column = (String, bool);

/// The column of labels, by its name or as the last one, and the others.
fn label_of(columns: &[Column], guesses: &mut Vec<String>) -> Option<(String, Vec<Column>)> {
    let named = columns.iter().position(|(name, _)| is_label(name));
    let place = named.or(columns.len().checked_sub(1))?;
    if named.is_none() {
        guesses.push(format!("took the last column, `{}`, for the labels", columns[place].0));
    }
    let mut others = columns.to_vec();
    let (label, _) = others.remove(place);
    Some((label, others))
}
