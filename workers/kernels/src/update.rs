//! Updates of one parameter by its gradient, as PyTorch's optimisers make them; coefficients come ready.

use std::sync::{Mutex, PoisonError};

use pulp::{Arch, Simd, WithSimd};

use crate::{elementwise::PIECE, pool::Pool};

/// `g += weight_decay·p; b = momentum·b + g; p −= rate·(nesterov ? g + momentum·b : b)`.
#[derive(Debug, Clone, Copy)]
pub struct Sgd {
    pub rate: f32,
    pub momentum: f32,
    pub weight_decay: f32,
    pub nesterov: bool,
}

/// `m += fresh·(g − m); v = beta2·v + fresh2·g²; p = kept·p − step·m / (√v / seen + epsilon)`, after
/// `g += weight_decay·p`.
#[derive(Debug, Clone, Copy)]
pub struct Adam {
    /// `1 − β1`.
    pub fresh: f32,
    pub beta2: f32,
    /// `1 − β2`.
    pub fresh2: f32,
    /// `√(1 − β2^t)`.
    pub seen: f32,
    /// `rate / (1 − β1^t)`.
    pub step: f32,
    /// What decoupled weight decay leaves of p, 1 without.
    pub kept: f32,
    pub epsilon: f32,
    /// What is added to the gradient, 0 where decay is decoupled.
    pub weight_decay: f32,
}

impl Sgd {
    /// `[p, g, b]` → `[p, b]`; both slices of three hold one of each.
    pub fn run(self, pool: &dyn Pool, [p, g, b]: [&[f32]; 3], [new_p, new_b]: [&mut [f32]; 2]) {
        pieces(pool, [new_p, new_b], &|from, [new_p, new_b]| {
            let range = from..from + new_p.len();
            let [p, g, b] = [p, g, b].map(|values| &values[range.clone()]);
            Arch::new().dispatch(SgdPiece { sgd: self, inputs: [p, g, b], outputs: [new_p, new_b] });
        });
    }

    #[inline(always)]
    fn step<S: Simd>(self, simd: S, p: S::f32s, g: S::f32s, b: S::f32s) -> (S::f32s, S::f32s) {
        let momentum = simd.splat_f32s(self.momentum);
        let g = simd.mul_add_f32s(simd.splat_f32s(self.weight_decay), p, g);
        let b = simd.mul_add_f32s(momentum, b, g);
        let direction = if self.nesterov { simd.mul_add_f32s(momentum, b, g) } else { b };
        (simd.negate_mul_add_f32s(simd.splat_f32s(self.rate), direction, p), b)
    }
}

impl Adam {
    /// `[p, g, m, v]` → `[p, m, v]`.
    pub fn run(self, pool: &dyn Pool, inputs: [&[f32]; 4], outputs: [&mut [f32]; 3]) {
        pieces(pool, outputs, &|from, outputs| {
            let range = from..from + outputs[0].len();
            let inputs = inputs.map(|values| &values[range.clone()]);
            Arch::new().dispatch(AdamPiece { adam: self, inputs, outputs });
        });
    }

    #[inline(always)]
    fn update<S: Simd>(self, simd: S, [p, g, m, v]: [S::f32s; 4]) -> (S::f32s, S::f32s, S::f32s) {
        let g = simd.mul_add_f32s(simd.splat_f32s(self.weight_decay), p, g);
        let m = simd.mul_add_f32s(simd.sub_f32s(g, m), simd.splat_f32s(self.fresh), m);
        let new = simd.mul_f32s(simd.mul_f32s(g, g), simd.splat_f32s(self.fresh2));
        let v = simd.mul_add_f32s(v, simd.splat_f32s(self.beta2), new);
        let root = simd.div_f32s(simd.sqrt_f32s(v), simd.splat_f32s(self.seen));
        let divisor = simd.add_f32s(root, simd.splat_f32s(self.epsilon));
        let change = simd.mul_f32s(simd.div_f32s(m, divisor), simd.splat_f32s(self.step));
        (simd.sub_f32s(simd.mul_f32s(p, simd.splat_f32s(self.kept)), change), m, v)
    }
}

/// Hands out pieces of tensors of one length, each time where they start.
fn pieces<const N: usize>(
    pool: &dyn Pool,
    tensors: [&mut [f32]; N],
    task: &(dyn Fn(usize, [&mut [f32]; N]) + Sync),
) {
    let count = tensors[0].len().div_ceil(PIECE);
    let mut tensors = tensors.map(|tensor| tensor.chunks_mut(PIECE));
    let parts: Vec<_> = (0..count)
        .map(|_| Mutex::new(tensors.each_mut().map(|chunks| chunks.next().unwrap_or_default())))
        .collect();
    pool.each(count, &|index| {
        let mut part = parts[index].lock().unwrap_or_else(PoisonError::into_inner);
        task(index * PIECE, part.each_mut().map(|part| &mut **part));
    });
}

struct SgdPiece<'a> {
    sgd: Sgd,
    inputs: [&'a [f32]; 3],
    outputs: [&'a mut [f32]; 2],
}

impl WithSimd for SgdPiece<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { sgd, inputs: [p, g, b], outputs: [new_p, new_b] } = self;
        let ((p, p_rest), (g, g_rest)) = (S::as_simd_f32s(p), S::as_simd_f32s(g));
        let (b, b_rest) = S::as_simd_f32s(b);
        let (new_p, new_p_rest) = S::as_mut_simd_f32s(new_p);
        let (new_b, new_b_rest) = S::as_mut_simd_f32s(new_b);
        for ((((p, g), b), new_p), new_b) in p.iter().zip(g).zip(b).zip(new_p).zip(new_b) {
            (*new_p, *new_b) = sgd.step(simd, *p, *g, *b);
        }
        if !p_rest.is_empty() {
            let load = |rest| simd.partial_load_f32s(rest);
            let (p, b) = sgd.step(simd, load(p_rest), load(g_rest), load(b_rest));
            simd.partial_store_f32s(new_p_rest, p);
            simd.partial_store_f32s(new_b_rest, b);
        }
    }
}

struct AdamPiece<'a> {
    adam: Adam,
    inputs: [&'a [f32]; 4],
    outputs: [&'a mut [f32]; 3],
}

impl WithSimd for AdamPiece<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { adam, inputs: [p, g, m, v], outputs: [new_p, new_m, new_v] } = self;
        let ((p, p_rest), (g, g_rest)) = (S::as_simd_f32s(p), S::as_simd_f32s(g));
        let ((m, m_rest), (v, v_rest)) = (S::as_simd_f32s(m), S::as_simd_f32s(v));
        let (new_p, new_p_rest) = S::as_mut_simd_f32s(new_p);
        let (new_m, new_m_rest) = S::as_mut_simd_f32s(new_m);
        let (new_v, new_v_rest) = S::as_mut_simd_f32s(new_v);
        let inputs = p.iter().zip(g).zip(m).zip(v);
        for ((((p, g), m), v), ((new_p, new_m), new_v)) in inputs.zip(new_p.iter_mut().zip(new_m).zip(new_v))
        {
            (*new_p, *new_m, *new_v) = adam.update(simd, [*p, *g, *m, *v]);
        }
        if !p_rest.is_empty() {
            let load = |rest| simd.partial_load_f32s(rest);
            let (p, m, v) = adam.update(simd, [load(p_rest), load(g_rest), load(m_rest), load(v_rest)]);
            simd.partial_store_f32s(new_p_rest, p);
            simd.partial_store_f32s(new_m_rest, m);
            simd.partial_store_f32s(new_v_rest, v);
        }
    }
}
