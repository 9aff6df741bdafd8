//! Tensors whose content shows that they were computed, not learnt, and names that say so.

use crate::tensor::Tensor;

/// Larger values stand for "minus infinity" in masks.
const HUGE: f32 = 1e4;

/// Leaves of names that modules give to tensors that don't train.
const BUFFERS: [&str; 16] = [
    "anchors",
    "attn_mask",
    "causal_mask",
    "cos",
    "cos_cached",
    "freqs",
    "inv_freq",
    "mask",
    "mean",
    "pixel_mean",
    "pixel_std",
    "position_ids",
    "sin",
    "sin_cached",
    "std",
    "tril",
];

/// Why a tensor with this name and content is not learnt wherever it is read, if it shows.
pub(super) fn computed(name: &str, tensor: &Tensor) -> Option<&'static str> {
    let leaf = name.rsplit('.').next().unwrap_or(name);
    if BUFFERS.contains(&leaf) {
        return Some("carries the name of a fixed table");
    }
    trigonometric(tensor).then_some("is a table of sines and cosines")
}

/// Why a tensor that is in no place of a weight is not learnt, if its content shows it.
pub(super) fn counted(tensor: &Tensor) -> Option<&'static str> {
    let data = tensor.as_f32()?;
    if data.iter().any(|v| !v.is_finite() || v.abs() >= HUGE) {
        return Some("holds values of a mask");
    }
    let binary = data.len() > 3 && data.iter().all(|v| *v == 0.0 || *v == 1.0);
    if binary && data.contains(&0.0) && data.contains(&1.0) {
        return Some("holds values of a mask");
    }
    let step = data.get(1)? - data[0];
    let counts = data.windows(2).all(|pair| pair[1] - pair[0] == step);
    (counts && step != 0.0 && data.len() > 2 && step.fract() == 0.0).then_some("counts up")
}

/// Whether each column of a table over positions is sin(p·f) or cos(p·f) for some f, as in sinusoidal and rotary
/// positions: with row 1 s or c, row 2 is 2s√(1 − s²) up to sign or 2c² − 1.
fn trigonometric(tensor: &Tensor) -> bool {
    let lead = tensor.shape.iter().take_while(|extent| **extent == 1).count();
    let (Some(&rows), Some(data)) = (tensor.shape.get(lead), tensor.as_f32()) else { return false };
    let columns = data.len() / rows.max(1);
    if rows < 3 || columns == 0 || data.iter().any(|v| v.abs() > 1.0 + 1e-6) {
        return false;
    }
    let row = |index: usize| data[index * columns..][..columns].iter().map(|v| f64::from(*v));
    let mut moves = false;
    row(0).zip(row(1)).zip(row(2)).all(|((start, one), two)| {
        moves |= one != start;
        let cosine = start == 1.0 && (two - (2.0 * one * one - 1.0)).abs() < 1e-4;
        let sine = start == 0.0 && (two * two - 4.0 * one * one * (1.0 - one * one)).abs() < 1e-4;
        cosine || sine
    }) && moves
}

/// A matrix with rows and columns swapped; nothing for other ranks.
pub(in crate::model) fn transposed(tensor: &Tensor) -> Option<Tensor> {
    let (data, [rows, columns]) = (tensor.as_f32()?, <[usize; 2]>::try_from(tensor.shape.as_slice()).ok()?);
    let turned = (0..columns).flat_map(|c| (0..rows).map(move |r| data[r * columns + c])).collect();
    Some(Tensor::f32(&[columns, rows], turned))
}

/// Whether an exporter made this name up, so that it says nothing about the tensor.
pub(super) fn made_up(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let starts = ["onnx::", "val_", "_val_", "lifted_tensor", "c_lifted_tensor", "_tensor_constant", "const"];
    name.is_empty()
        || starts.iter().any(|start| lower.starts_with(start))
        || lower.contains("/const")
        || lower.contains("constant")
        || name.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotary_and_sinusoidal_tables_are_computed() {
        let table = |f: &dyn Fn(usize, usize) -> f64| {
            let data =
                (0..6).flat_map(|p| (0..4).map(move |c| (p, c))).map(|(p, c)| f(p, c) as f32).collect();
            Tensor::f32(&[1, 6, 4], data)
        };
        let angle = |p: usize, c: usize| p as f64 * 0.7 / (1.0 + c as f64);
        assert_eq!(
            computed("val_3", &table(&|p, c| angle(p, c).cos())),
            Some("is a table of sines and cosines")
        );
        let mixed = |p, c| if c % 2 == 0 { angle(p, c).sin() } else { angle(p, c).cos() };
        assert_eq!(computed("pe", &table(&mixed)), Some("is a table of sines and cosines"));
        let learnt =
            |p: usize, c: usize| if p == 0 { 0.0 } else { 0.02 * ((p * 7 + c * 3) % 5) as f64 + 0.001 };
        assert_eq!(computed("positions", &table(&learnt)), None);
        assert_eq!(computed("flat", &table(&|_, _| 1.0)), None);
    }

    #[test]
    fn masks_and_counters_are_computed() {
        let flat = |data: &[f32]| Tensor::f32(&[data.len()], data.to_vec());
        assert!(counted(&flat(&[0.0, f32::NEG_INFINITY])).is_some());
        assert!(counted(&flat(&[0.5, -1e4])).is_some());
        assert!(counted(&flat(&[0.0, 1.0, 2.0])).is_some());
        assert!(counted(&flat(&[0.0, 1.0, 1.0, 0.0])).is_some());
        assert!(counted(&flat(&[1.0, -1.0])).is_none());
        assert!(computed("layer.inv_freq", &flat(&[0.3, 0.2])).is_some());
        assert!(counted(&flat(&[0.0, 0.0])).is_none());
        assert!(counted(&flat(&[0.25, -9999.0])).is_none());
    }
}
