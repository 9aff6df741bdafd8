//! The Lanczos iteration, and what its quadrature says of a spectrum.

use nalgebra::{DMatrix, SymmetricEigen};

/// Eigenvalues that stand for the spectrum of a symmetric matrix, each with the share of the spectrum it stands for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spectrum {
    /// Ascending; shares add up to 1.
    pub(super) nodes: Vec<(f64, f64)>,
}

/// At most `steps` products with the matrix, from a start that has a part of every eigenvector, every vector kept orthogonal
/// to all before it. `product` is given vectors of norm 1.
pub(super) fn lanczos<E>(
    start: Vec<f64>,
    steps: usize,
    mut product: impl FnMut(&[f32]) -> Result<Vec<f64>, E>,
) -> Result<Spectrum, E> {
    let (mut basis, mut diagonal, mut beside): (Vec<Vec<f32>>, Vec<f64>, Vec<f64>) = Default::default();
    let mut next = start;
    let mut scale = 0.0;
    for step in 0..steps {
        let length = norm(&next);
        // What is left is rounding: the vectors so far span all that the start had.
        if step > 0 && length <= 1e-7 * scale {
            break;
        }
        if step > 0 {
            beside.push(length);
        }
        basis.push(next.iter().map(|value| (value / length) as f32).collect());
        next = product(&basis[step])?;
        scale = f64::max(scale, norm(&next));
        diagonal.push(dot(&next, &basis[step]));
        // Twice, since once leaves what rounding brought back.
        for _ in 0..2 {
            for vector in &basis {
                let part = dot(&next, vector);
                next.iter_mut().zip(vector).for_each(|(value, v)| *value -= part * f64::from(*v));
            }
        }
    }
    Ok(Spectrum::of(&diagonal, &beside))
}

fn dot(left: &[f64], right: &[f32]) -> f64 {
    left.iter().zip(right).map(|(left, right)| left * f64::from(*right)).sum()
}

fn norm(vector: &[f64]) -> f64 {
    vector.iter().map(|value| value * value).sum::<f64>().sqrt()
}

impl Spectrum {
    /// Of a symmetric tridiagonal matrix: its eigenvalues, and the squares of what their eigenvectors have in front.
    fn of(diagonal: &[f64], beside: &[f64]) -> Self {
        let size = diagonal.len();
        let mut matrix = DMatrix::zeros(size, size);
        for (index, value) in diagonal.iter().enumerate() {
            matrix[(index, index)] = *value;
        }
        for (index, value) in beside.iter().enumerate() {
            matrix[(index, index + 1)] = *value;
            matrix[(index + 1, index)] = *value;
        }
        if matrix.iter().any(|value| !value.is_finite()) {
            return Self { nodes: vec![(f64::NAN, 1.0)] };
        }
        let found = SymmetricEigen::new(matrix);
        let share = |index: usize| found.eigenvectors[(0, index)].powi(2);
        let mut nodes: Vec<_> =
            found.eigenvalues.iter().enumerate().map(|(index, value)| (*value, share(index))).collect();
        nodes.sort_by(|left, right| left.0.total_cmp(&right.0));
        Self { nodes }
    }

    pub(super) fn largest(&self) -> f64 {
        self.nodes.last().map_or(f64::NAN, |(value, _)| *value)
    }

    /// The mean of the squared eigenvalues.
    pub(super) fn mean_square(&self) -> f64 {
        self.nodes.iter().map(|(value, share)| value * value * share).sum()
    }

    /// Of the eigenvalues above `floor`, the one that a share of `part` of them does not exceed.
    pub(super) fn quantile(&self, part: f64, floor: f64) -> f64 {
        let above = || self.nodes.iter().filter(|(value, _)| *value > floor);
        let wanted = part * above().map(|(_, share)| share).sum::<f64>();
        let mut seen = 0.0;
        for (value, share) in above() {
            seen += share;
            if seen >= wanted {
                return *value;
            }
        }
        self.largest()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The spectrum of a diagonal matrix, from a start of ones.
    fn found(eigenvalues: &[f64], steps: usize) -> Spectrum {
        let product = |vector: &[f32]| {
            let pairs = vector.iter().zip(eigenvalues);
            Ok::<_, ()>(pairs.map(|(v, eigenvalue)| f64::from(*v) * eigenvalue).collect())
        };
        lanczos(vec![1.0; eigenvalues.len()], steps, product).unwrap()
    }

    #[test]
    fn few_eigenvalues_are_found_with_their_shares() {
        let spectrum = found(&[3.0, 1.0, 1.0, -2.0], 10);
        let expected = [(-2.0, 0.25), (1.0, 0.5), (3.0, 0.25)];
        assert_eq!(spectrum.nodes.len(), 3, "{spectrum:?}");
        for ((value, share), (wanted, part)) in spectrum.nodes.iter().zip(expected) {
            assert!((value - wanted).abs() < 1e-6 && (share - part).abs() < 1e-6, "{spectrum:?}");
        }
        assert!((spectrum.mean_square() - 15.0 / 4.0).abs() < 1e-5);
        assert!((spectrum.quantile(0.1, 0.0) - 1.0).abs() < 1e-6, "negative ones do not count");
        assert!((spectrum.quantile(0.9, 0.0) - 3.0).abs() < 1e-6);
    }

    #[test]
    fn the_ends_of_a_wide_spectrum_come_first() {
        let many: Vec<f64> = (0..2000).map(|i| 0.9985f64.powi(i)).chain([5.0]).collect();
        let spectrum = found(&many, 24);
        assert!((spectrum.largest() - 5.0).abs() < 1e-4);
        let exact = many.iter().map(|value| value * value).sum::<f64>() / many.len() as f64;
        assert!((spectrum.mean_square() / exact - 1.0).abs() < 1e-4);
        // A tenth of them are below 0.0665.
        let low = spectrum.quantile(0.1, 5e-4);
        assert!((0.03..0.13).contains(&low), "{low}");
    }
}
