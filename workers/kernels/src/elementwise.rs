//! Functions that go element by element, and their gradients.

use std::marker::PhantomData;

use pulp::{Arch, Simd, WithSimd};

use crate::{
    math::normal,
    pool::{Parts, Pool},
};

/// Elements of one task: large enough to be worth one, small enough for the first-level cache.
pub(crate) const PIECE: usize = 1 << 13;

/// What becomes of an element, and of others where there are any. A type and no function value, since only what is inlined
/// is compiled for the processor at hand.
trait Function {
    fn of<S: Simd>(simd: S, inputs: [S::f32s; 3]) -> S::f32s;
}

struct ReluSlope;
struct AddReluSlope;
struct Gelu;
struct GeluSlope;

impl Function for ReluSlope {
    #[inline(always)]
    fn of<S: Simd>(simd: S, [dy, y, _]: [S::f32s; 3]) -> S::f32s {
        let zero = simd.splat_f32s(0.0);
        simd.select_f32s(simd.less_than_f32s(zero, y), dy, zero)
    }
}

impl Function for AddReluSlope {
    #[inline(always)]
    fn of<S: Simd>(simd: S, [a, b, y]: [S::f32s; 3]) -> S::f32s {
        ReluSlope::of(simd, [simd.add_f32s(a, b), y, y])
    }
}

impl Function for Gelu {
    #[inline(always)]
    fn of<S: Simd>(simd: S, [x, ..]: [S::f32s; 3]) -> S::f32s {
        simd.mul_f32s(x, normal(simd, x).0)
    }
}

impl Function for GeluSlope {
    #[inline(always)]
    fn of<S: Simd>(simd: S, [dy, x, _]: [S::f32s; 3]) -> S::f32s {
        /// `1 / √(2π)`
        const DENSITY: f32 = 0.398_942_3;
        let (below, bell) = normal(simd, x);
        let rise = simd.mul_f32s(simd.mul_f32s(x, bell), simd.splat_f32s(DENSITY));
        simd.mul_f32s(dy, simd.add_f32s(below, rise))
    }
}

/// `dx = dy` where `y > 0`, else 0, whatever dy is there (ONNX Relu-14, by its output).
pub fn relu_grad(pool: &dyn Pool, dy: &[f32], y: &[f32], dx: &mut [f32]) {
    map::<ReluSlope>(pool, [dy, y, y], dx);
}

/// [`relu_grad`] of the sum of two gradients: a, b and y → dx.
pub fn add_relu_grad(pool: &dyn Pool, inputs: [&[f32]; 3], dx: &mut [f32]) {
    map::<AddReluSlope>(pool, inputs, dx);
}

/// `y = x·Φ(x)` (ONNX Gelu-20 without approximation).
pub fn gelu(pool: &dyn Pool, x: &[f32], y: &mut [f32]) {
    map::<Gelu>(pool, [x, x, x], y);
}

/// `dx = dy·(Φ(x) + x·φ(x))`.
pub fn gelu_grad(pool: &dyn Pool, dy: &[f32], x: &[f32], dx: &mut [f32]) {
    map::<GeluSlope>(pool, [dy, x, x], dx);
}

fn map<F: Function>(pool: &dyn Pool, inputs: [&[f32]; 3], out: &mut [f32]) {
    let count = out.len().div_ceil(PIECE);
    let parts = Parts::new(out, PIECE);
    pool.each(count, &|task| {
        let mut out = parts.take(task);
        let range = task * PIECE..task * PIECE + out.len();
        let inputs = inputs.map(|input| &input[range.clone()]);
        Arch::new().dispatch(Map { inputs, out: &mut out, function: PhantomData::<F> });
    });
}

struct Map<'a, F> {
    inputs: [&'a [f32]; 3],
    out: &'a mut [f32],
    function: PhantomData<F>,
}

impl<F: Function> WithSimd for Map<'_, F> {
    type Output = ();

    /// Whole vectors, and one that is filled up with zeros.
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { inputs: [a, b, c], out, .. } = self;
        let ((a, a_rest), (b, b_rest)) = (S::as_simd_f32s(a), S::as_simd_f32s(b));
        let (c, c_rest) = S::as_simd_f32s(c);
        let (out, out_rest) = S::as_mut_simd_f32s(out);
        for (((a, b), c), out) in a.iter().zip(b).zip(c).zip(out) {
            *out = F::of(simd, [*a, *b, *c]);
        }
        if !out_rest.is_empty() {
            let (a, b) = (simd.partial_load_f32s(a_rest), simd.partial_load_f32s(b_rest));
            simd.partial_store_f32s(out_rest, F::of(simd, [a, b, simd.partial_load_f32s(c_rest)]));
        }
    }
}

/// Adds each `dy` at the place in `dx`, as one list, that `places` names for it (ONNX MaxPool-12, by its Indices). Places of
/// one of the `planes` lie within it.
pub fn max_pool_grad(pool: &dyn Pool, planes: usize, dy: &[f32], places: &[i64], dx: &mut [f32]) {
    let (small, large) = (dy.len() / planes, dx.len() / planes);
    let parts = Parts::new(dx, large);
    pool.each(planes, &|plane| {
        let mut dx = parts.take(plane);
        dx.fill(0.0);
        let range = plane * small..(plane + 1) * small;
        for (dy, place) in dy[range.clone()].iter().zip(&places[range]) {
            let place = usize::try_from(*place).ok().and_then(|place| place.checked_sub(plane * large));
            if let Some(dx) = place.and_then(|place| dx.get_mut(place)) {
                *dx += dy;
            }
        }
    });
}
