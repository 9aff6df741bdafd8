//! Which of the data in a folder goes with the model.

use std::{collections::BTreeMap, path::Path};

use sweep_trainer::{
    ArrayInspection, DataInspection, Fault, Inspection, Port, Recognised, SetInspection, fits_input,
    inspect_data, recognise,
};
use sweep_wire::{Data, Source, Validation};

use super::Failure;

/// The share of the training samples that is held out where there is no validation set.
pub(super) const HELD_OUT: f64 = 0.1;

/// Data that fits the model.
pub(super) struct Found {
    pub(super) recognised: Recognised,
    inspected: DataInspection,
}

/// The first of what the folder holds whose samples are as large as the model takes them.
///
/// # Errors
/// Nothing is recognised, it cannot be read, or it does not fit; exit code 2.
pub(super) fn find(folder: &Path, model: &Inspection) -> Result<Found, Failure> {
    let told = |fault: Fault| match fault.hint {
        Some(hint) => Failure::usage(fault.message).hint(hint),
        None => Failure::usage(fault.message),
    };
    let mut refusal = None;
    for recognised in recognise(folder, model).map_err(told)? {
        match inspect_data(&whole(&recognised)) {
            Err(fault) => refusal = refusal.or(Some(told(fault))),
            Ok(inspected) => {
                let found = Found { recognised, inspected };
                match found.misfit(model) {
                    None => return Ok(found),
                    Some(problem) => refusal = refusal.or(Some(Failure::usage(problem))),
                }
            }
        }
    }
    Err(refusal.unwrap_or_else(|| Failure::usage(format!("`{}` holds no data", folder.display()))))
}

/// The sets as they are, a part of the training samples held out where there is no validation set.
fn whole(recognised: &Recognised) -> Data {
    let validation = match &recognised.validation {
        Some(source) => Validation::Files(source.clone()),
        None => Validation::Share(HELD_OUT),
    };
    Data {
        train: recognised.train.clone(),
        validation: Some(validation),
        test: recognised.test.clone(),
        normalize: None,
        augment: Vec::new(),
        label_noise: None,
        drift: None,
        shuffle: true,
        split_seed: 0,
        memory: 1 << 30,
    }
}

impl Found {
    pub(super) fn kind(&self) -> &'static str {
        self.recognised.kind
    }

    /// The samples that are trained on.
    pub(super) fn train(&self) -> &SetInspection {
        // The first set is always there.
        &self.inspected.sets[0]
    }

    pub(super) fn set(&self, name: &str) -> Option<&SetInspection> {
        self.inspected.sets.iter().find(|set| set.name == name)
    }

    /// The array for an input of the model.
    fn array(&self, input: &Port) -> Option<&ArrayInspection> {
        self.train().inputs.iter().find(|array| array.name.as_ref().is_none_or(|name| *name == input.name))
    }

    /// The extents of a sample of each input, as the data has them.
    pub(super) fn shapes(&self, model: &Inspection) -> BTreeMap<String, Vec<usize>> {
        let open = model.inputs.iter().filter(|input| model.assumed.contains(&input.name));
        open.filter_map(|input| {
            let mut shape = self.array(input)?.shape.clone();
            // Pictures of one channel may do without saying so.
            if shape.len() + 2 == input.shape.len() {
                shape.insert(0, 1);
            }
            (shape.len() + 1 == input.shape.len()).then(|| (input.name.clone(), shape))
        })
        .collect()
    }

    /// Whether these are tokens that are to be predicted from those before them.
    pub(super) fn is_text(&self) -> bool {
        matches!(self.recognised.train, Source::Text(_) | Source::Tokens(_))
    }

    fn misfit(&self, model: &Inspection) -> Option<String> {
        let kind = self.kind();
        for input in &model.inputs {
            let Some(array) = self.array(input) else {
                return Some(format!("the data ({kind}) has nothing for the model's input `{}`", input.name));
            };
            let (sample, wanted) = (&array.shape[..], &input.shape[1..]);
            let is_open = model.assumed.contains(&input.name);
            let extents_of = wanted.iter().map(|extent| (!is_open).then_some(*extent));
            let fits = fits_input(sample, &extents_of.collect::<Vec<_>>());
            let whole = array.dtype.contains("int") || array.dtype == "bool";
            if !fits {
                let (sample, wanted) = (extents(sample), extents(wanted));
                return Some(format!(
                    "samples ({kind}) are {sample}, but the model's input `{}` takes {wanted}",
                    input.name
                ));
            }
            if input.dtype != "float32" && !whole {
                let name = &input.name;
                return Some(format!(
                    "samples ({kind}) are no whole numbers, and the model's input `{name}` takes those"
                ));
            }
        }
        None
    }
}

/// `1×28×28`.
pub(super) fn extents(shape: &[usize]) -> String {
    match shape {
        [] => "one number".to_owned(),
        shape => shape.iter().map(ToString::to_string).collect::<Vec<_>>().join("×"),
    }
}
