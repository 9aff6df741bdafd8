//! Whether labels are what the loss compares with.

use sweep_graph::{DType, Feed};
use sweep_wire::{Job, Loss};

use super::{Sets, set::Samples};
use crate::{fault::Fault, prepared::ignored};

/// # Errors
/// Labels of another shape than the target's, or class indices out of range.
pub(crate) fn check(sets: &Sets, job: &Job, target: &Feed, classes: Option<usize>) -> Result<(), Fault> {
    let all = [
        ("train", Some(&sets.train)),
        ("validation", sets.validation.as_ref()),
        ("test", sets.test.as_ref()),
    ];
    for (name, set) in all {
        if let Some(set) = set {
            one(&set.samples, &format!("data.{name}.labels"), job, target, classes)?;
        }
    }
    Ok(())
}

fn one(samples: &Samples, at: &str, job: &Job, target: &Feed, classes: Option<usize>) -> Result<(), Fault> {
    let labels = &samples.labels;
    let squeezed = |shape: &[usize]| shape.iter().copied().filter(|extent| *extent != 1).collect::<Vec<_>>();
    let wanted = &target.shape[1..];
    if squeezed(&labels.shape) != squeezed(wanted) {
        let message = format!(
            "the labels of one sample are {:?}, but the loss compares the model's output with {wanted:?}",
            labels.shape
        );
        return Err(Fault::new(at, message));
    }
    let Some(classes) = classes.filter(|_| target.dtype == DType::I64) else { return Ok(()) };
    let hint = format!("labels are class indices from 0 to {}", classes.saturating_sub(1));
    if !labels.kind.is_whole() {
        return Err(Fault::new(at, "the labels are no whole numbers").hint(hint));
    }
    let ignored = match &job.model.loss {
        Loss::CrossEntropy(options) | Loss::TokenCrossEntropy(options) => Some(ignored(options)),
        _ => None,
    };
    let mut wrong = None;
    let all = labels.each(samples.count, |sample, values| {
        values.wholes(|_, label| {
            let right = Some(label) == ignored || usize::try_from(label).is_ok_and(|label| label < classes);
            wrong = wrong.or((!right).then_some((sample, label)));
        });
    });
    all.map_err(|error| Fault::new(at, format!("the labels cannot be read: {error}")))?;
    match wrong {
        None => Ok(()),
        Some((sample, label)) => {
            let message =
                format!("label {label} of sample {sample} is out of range: the model has {classes} outputs");
            Err(Fault::new(at, message).hint(hint))
        }
    }
}
