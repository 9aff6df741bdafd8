//! The exponential and what is made of it, on vectors.

use pulp::Simd;

/// `eˣ` to about one unit in the last place: `2ⁿ·eʳ` with n the nearest whole number to `x / ln 2`. What is below −87.3 gives 0
/// and not one of the tiny numbers that processors are slow with, what is above 88 gives e⁸⁸; a NaN stays one.
#[inline(always)]
pub(crate) fn exp<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    const LEAST: f32 = -87.3;
    let tiny = simd.less_than_f32s(x, simd.splat_f32s(LEAST));
    // In this order a NaN passes through both.
    let x = simd.max_f32s(simd.splat_f32s(LEAST), simd.min_f32s(simd.splat_f32s(88.0), x));
    // Adding 1.5·2²³ leaves the nearest whole number in the low bits.
    let magic = simd.splat_f32s(12_582_912.0);
    let shifted = simd.mul_add_f32s(x, simd.splat_f32s(std::f32::consts::LOG2_E), magic);
    let n = simd.sub_f32s(shifted, magic);
    // ln 2 in two parts, the first exact in few bits.
    let r = simd.mul_add_f32s(n, simd.splat_f32s(-0.693_359_4), x);
    let r = simd.mul_add_f32s(n, simd.splat_f32s(2.121_944_4e-4), r);
    // Cephes' polynomial for eʳ − 1 − r over r².
    let mut sum = simd.splat_f32s(1.987_569_1e-4);
    for term in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
        sum = simd.mul_add_f32s(sum, r, simd.splat_f32s(term));
    }
    let sum = simd.mul_add_f32s(sum, simd.mul_f32s(r, r), simd.add_f32s(r, simd.splat_f32s(1.0)));
    let bits = simd.wrapping_dyn_shl_u32s(simd.transmute_u32s_f32s(shifted), simd.splat_u32s(23));
    // The exponent of 2ⁿ, as a product and not by adding to the sum's bits, which might be those of a NaN.
    let power = simd.transmute_f32s_u32s(simd.add_u32s(bits, simd.splat_u32s(127 << 23)));
    simd.select_f32s(tiny, simd.splat_f32s(0.0), simd.mul_f32s(sum, power))
}

/// `Φ(x)`, the normal distribution, and `exp(−x²/2)`; by formula 7.1.26 of Abramowitz and Stegun, whose absolute error is
/// below 1.5e-7.
#[inline(always)]
pub(crate) fn normal<S: Simd>(simd: S, x: S::f32s) -> (S::f32s, S::f32s) {
    let (zero, one) = (simd.splat_f32s(0.0), simd.splat_f32s(1.0));
    let size = simd.abs_f32s(x);
    let half = simd.mul_f32s(simd.mul_f32s(x, x), simd.splat_f32s(-0.5));
    let bell = exp(simd, half);
    let scaled = simd.mul_f32s(size, simd.splat_f32s(std::f32::consts::FRAC_1_SQRT_2));
    let t = simd.div_f32s(one, simd.mul_add_f32s(scaled, simd.splat_f32s(0.327_591_1), one));
    let mut sum = simd.splat_f32s(1.061_405_4);
    for term in [-1.453_152, 1.421_413_7, -0.284_496_74, 0.254_829_6] {
        sum = simd.mul_add_f32s(sum, t, simd.splat_f32s(term));
    }
    // Half of what is beyond |x| on both sides.
    let beyond = simd.mul_f32s(simd.mul_f32s(simd.mul_f32s(sum, t), bell), simd.splat_f32s(0.5));
    let below = simd.less_than_f32s(x, zero);
    (simd.select_f32s(below, beyond, simd.sub_f32s(one, beyond)), bell)
}
