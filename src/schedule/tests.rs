use std::f64::consts::{FRAC_2_PI, PI};

use proptest::prelude::*;

use super::*;

const PHIS: [f64; 8] = [0.01, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 400.0];

fn close(left: f64, right: f64, tolerance: f64) {
    assert!((left - right).abs() <= tolerance, "{left} and {right} differ by {}", (left - right).abs());
}

/// Points of [0, 1), as a budget of 1,000 steps visits them.
fn grid() -> impl Iterator<Item = f64> {
    (0..1000).map(|t| t as f64 / 1000.0)
}

fn shares(milestones: &[f64]) -> Drops {
    Drops::At(milestones.iter().copied().map(Span::Share).collect())
}

fn families() -> Vec<Schedule> {
    let mut all: Vec<Schedule> = PHIS.iter().map(|phi| Schedule::Uba { phi: *phi }).collect();
    all.extend(Tail::ALL.map(|tail| Schedule::Wsd { decay: 0.2, tail }));
    all.extend([
        Schedule::Constant,
        Schedule::Cosine,
        Schedule::Step { drops: shares(&[0.3, 0.6, 0.9]), gamma: 0.1 },
        Schedule::Exponential(Decay::EndRatio(0.01)),
        Schedule::Exponential(Decay::PerStep(0.99)),
        Schedule::Polynomial { power: 1.0 },
        Schedule::Polynomial { power: 2.5 },
        Schedule::Rex { beta: 0.5 },
    ]);
    all
}

#[test]
fn uba_follows_the_published_formula_over_the_whole_curve() {
    for phi in PHIS {
        for z in grid() {
            let wave = 1.0 + (PI * z).cos();
            // As published, terms cancel: near the end for a small φ, near the start for a large one.
            let tolerance = if (0.25..=10.0).contains(&phi) { 1e-14 } else { 1e-12 };
            close(uba::factor(z, phi), 2.0 * wave / (2.0 * phi + (2.0 - phi) * wave), tolerance);
            close(uba::factor(z, phi), 1.0 / (1.0 + phi / 2.0 * (PI * z / 2.0).tan().powi(2)), 1e-14);
        }
    }
}

#[test]
fn uba_has_the_tabled_values() {
    // φ, mean, half-life, then f at ¼, ½, ¾ and 0.9.
    let table = [
        [0.25, 0.7388, 0.7837, 0.9790, 0.8889, 0.5785, 0.1671],
        [0.5, 0.6667, 0.7048, 0.9589, 0.8000, 0.4070, 0.0912],
        [1.0, 0.5858, 0.6082, 0.9210, 0.6667, 0.2555, 0.0478],
        [2.0, 0.5000, 0.5000, 0.8536, 0.5000, 0.1464, 0.0245],
        [5.0, 0.3874, 0.3590, 0.6998, 0.2857, 0.0642, 0.0099],
        [10.0, 0.3090, 0.2677, 0.5383, 0.1667, 0.0332, 0.0050],
    ];
    for [phi, mean, half_life, at_25, at_50, at_75, at_90] in table {
        let midpoints = (0..10_000).map(|t| uba::factor((t as f64 + 0.5) / 10_000.0, phi));
        close(midpoints.sum::<f64>() / 10_000.0, mean, 5.1e-5);
        close(1.0 / (1.0 + (phi / 2.0).sqrt()), mean, 5.1e-5);
        close(FRAC_2_PI * (2.0 / phi).sqrt().atan(), half_life, 5.1e-5);
        close(uba::factor(FRAC_2_PI * (2.0 / phi).sqrt().atan(), phi), 0.5, 1e-14);
        for (z, value) in [(0.25, at_25), (0.5, at_50), (0.75, at_75), (0.9, at_90)] {
            close(uba::factor(z, phi), value, 5.1e-5);
        }
    }
}

#[test]
fn uba_is_cosine_at_two_and_rex_in_cosine_time() {
    for z in grid() {
        close(uba::factor(z, 2.0), cosine::factor(z), 1e-14);
        close(cosine::factor(z), 0.5 * (1.0 + (PI * z).cos()), 1e-14);
        // REX's own time at which a cosine has gone as far: z' = sin²(πz/2).
        let time = 1.0 - cosine::factor(z);
        for phi in PHIS {
            close(uba::factor(z, phi), rex::factor(time, phi / 2.0), 1e-12);
        }
    }
}

#[test]
fn uba_is_its_own_dual() {
    for phi in PHIS {
        for z in grid() {
            close(uba::factor(z, phi) + uba::factor(1.0 - z, 4.0 / phi), 1.0, 1e-14);
        }
    }
}

#[test]
fn uba_solves_the_min_max_problem_it_comes_from() {
    // Rates between 1/λ_u and 1/λ_l with φ = 2κ are the Chebyshev step sizes of [λ_l, λ_u].
    for (low, high, total) in [(1.0, 4.0, 8), (0.5, 10.0, 5), (1.0, 100.0, 30)] {
        let (centre, radius) = ((high + low) / 2.0, (high - low) / 2.0);
        let rates: Vec<f64> = (1..=total)
            .map(|t| {
                let z = (2 * t - 1) as f64 / (2 * total) as f64;
                let rate = 1.0 / high + (1.0 / low - 1.0 / high) * uba::factor(z, 2.0 * high / low);
                close(rate * (centre - radius * (PI * z).cos()), 1.0, 1e-13);
                rate
            })
            .collect();
        // The value of the problem, taken at the ends of the interval.
        let kappa: f64 = high / low;
        let value = 1.0 / (total as f64 * ((kappa + 1.0) / (kappa - 1.0)).acosh()).cosh();
        for lambda in [low, high] {
            let residual: f64 = rates.iter().map(|rate| 1.0 - rate * lambda).product();
            close(residual.abs() / value, 1.0, 1e-9);
        }
    }
}

#[test]
fn every_family_starts_at_one_never_rises_and_stays_within_bounds() {
    for schedule in families() {
        for total in [1, 2, 3, 7, 1000] {
            let curve: Vec<f64> = (0..=total + 2).map(|step| schedule.factor(step, total)).collect();
            close(curve[0], 1.0, 0.0);
            assert!(curve.iter().all(|f| (0.0..=1.0).contains(f)), "{schedule} leaves [0, 1]");
            assert!(curve.windows(2).all(|pair| pair[1] <= pair[0]), "{schedule} rises");
            assert_eq!(curve[total as usize], curve[total as usize + 2], "{schedule} moves after its end");
        }
    }
}

#[test]
fn step_drops_on_the_step_that_a_share_names() {
    // 0.1 · 30 and 0.7 · 10 are not whole in binary; the drop still falls on steps 3 and 7.
    for (share, total, drop) in [(0.1, 30, 3), (0.7, 10, 7), (0.29, 100, 29), (0.5, 3, 2)] {
        assert_eq!(step::factor(drop - 1, total, &shares(&[share]), 0.1), 1.0);
        assert_eq!(step::factor(drop, total, &shares(&[share]), 0.1), 0.1);
    }
}

#[test]
fn simple_curves_follow_their_formulas() {
    for (t, z) in grid().enumerate() {
        let at = |schedule: Schedule| schedule.factor(t as u64, 1000);
        close(at(Schedule::Polynomial { power: 1.0 }), 1.0 - z, 1e-14);
        close(at(Schedule::Polynomial { power: 3.0 }), (1.0 - z).powi(3), 1e-14);
        close(at(Schedule::Rex { beta: 0.5 }), (1.0 - z) / (1.0 - z / 2.0), 1e-14);
        close(at(Schedule::Rex { beta: 1.0 }), 1.0 - z, 1e-14);
        close(at(Schedule::Exponential(Decay::EndRatio(0.01))), (z * 0.01f64.ln()).exp(), 1e-14);
        close(at(Schedule::Exponential(Decay::PerStep(0.99))), 0.99f64.powi(t as i32), 1e-13);
        let x = ((z - 0.8) / 0.2).max(0.0);
        close(at(Schedule::Wsd { decay: 0.2, tail: Tail::Linear }), 1.0 - x, 1e-14);
        close(at(Schedule::Wsd { decay: 0.2, tail: Tail::Square }), 1.0 - x * x, 1e-14);
        close(at(Schedule::Wsd { decay: 1.0, tail: Tail::Cosine }), cosine::factor(z), 1e-14);
        close(at(Schedule::Wsd { decay: 0.2, tail: Tail::Sqrt }), 1.0 - x.sqrt(), 1e-7);
        let tail = Tail::Exponential { end_ratio: 0.05 };
        close(at(Schedule::Wsd { decay: 0.2, tail }), 0.05f64.powf(x), 1e-14);
        close(at(Schedule::D2z), 1.0 - z, 1e-14);
    }
}

#[test]
fn curves_without_an_end_of_their_own_follow_their_formulas() {
    let power = Schedule::Power { a: 0.7, b: -0.51 };
    let scale = Schedule::InverseSqrt { timescale: Some(Span::Steps(30)) };
    let points = vec![(0.1, 0.2), (0.3, 1.0), (0.9, 0.5)];
    let between = |interpolation| Schedule::Piecewise { points: points.clone(), interpolation };
    for (t, z) in grid().enumerate() {
        let at = |schedule: &Schedule| schedule.factor(t as u64, 1000);
        close(at(&power), (0.7 / (t as f64 + 1.0).powf(0.51)).min(1.0), 1e-14);
        close(at(&scale), (30.0 / (t as f64).max(30.0)).sqrt(), 1e-14);
        // As `numpy.interp` has it.
        let linear = match z {
            ..0.1 => 0.2,
            0.1..0.3 => 0.2 + 0.8 * (z - 0.1) / 0.2,
            0.3..0.9 => 1.0 - 0.5 * (z - 0.3) / 0.6,
            _ => 0.5,
        };
        close(at(&between(Interpolation::Linear)), linear, 1e-14);
        let kept = if z < 0.3 {
            0.2
        } else if z < 0.9 {
            1.0
        } else {
            0.5
        };
        close(at(&between(Interpolation::Constant)), kept, 0.0);
        if (0.3..0.9).contains(&z) {
            let cosine = 0.75 + 0.25 * (PI * (z - 0.3) / 0.6).cos();
            close(at(&between(Interpolation::Cosine)), cosine, 1e-14);
        }
    }
}

#[test]
fn warm_ups_follow_their_formulas_and_climb_to_the_first_rate() {
    let cycle = Schedule::OneCycle(OneCycle::default());
    for (ramp, formula) in [
        (Ramp::Linear, (|u: f64| u) as fn(f64) -> f64),
        (Ramp::Cosine, |u| 0.5 * (1.0 - (PI * u).cos())),
        (Ramp::Exponential { start: 0.01 }, |u| 0.01f64.powf(1.0 - u)),
    ] {
        for (schedule, first) in [(Schedule::Cosine, 0.4), (cycle.clone(), 0.4 / 25.0)] {
            let shape = Shape { schedule, warmup: Warmup { share: 0.25, ramp }, eta_min: 0.0 };
            for t in 0..25u64 {
                close(shape.rate(0.4, t, 100), first * formula((t + 1) as f64 / 25.0), 1e-15);
            }
            close(shape.rate(0.4, 24, 100), shape.rate(0.4, 25, 100), 1e-15);
        }
    }
}

#[test]
fn warm_up_climbs_to_the_peak_and_the_schedule_has_the_rest() {
    for schedule in families() {
        let shape = Shape { schedule: schedule.clone(), warmup: Warmup::linear(0.1), eta_min: 0.01 };
        let table = shape.table(0.4, 50).unwrap().rates;
        assert_eq!(table.len(), 50);
        for (step, rate) in table.iter().enumerate() {
            let step = step as u64;
            let expected = match step {
                0..5 => 0.4 * (step + 1) as f64 / 5.0,
                _ => 0.01 + 0.39 * schedule.factor(step - 5, 45),
            };
            assert_eq!(*rate, expected as f32, "{schedule} at {step}");
        }
    }
}

#[test]
fn warm_up_may_take_the_whole_of_a_tiny_budget() {
    let shape = Shape { schedule: Schedule::Cosine, warmup: Warmup::linear(0.6), eta_min: 0.0 };
    assert_eq!(shape.table(0.5, 1).unwrap().rates, [0.5]);
    assert_eq!(shape.table(0.5, 0).unwrap().rates, [0.0; 0]);
    assert!(shape.rate(0.5, 1, 1) < 1e-30);
}

#[test]
fn the_bound_on_the_last_iterate_is_the_tabled_one() {
    let uba = |phi| Schedule::Uba { phi };
    let wsd = Schedule::Wsd { decay: 0.2, tail: Tail::Linear };
    let step = Schedule::Step { drops: shares(&[0.5, 0.75]), gamma: 0.1 };
    // Relative to linear at T = 2000, each at its best peak.
    for (schedule, bound) in [
        (uba(0.7), 1.017),
        (uba(1.0), 1.018),
        (Schedule::Cosine, 1.029),
        (uba(5.0), 1.066),
        (Schedule::Rex { beta: 0.5 }, 1.009),
        (wsd, 1.082),
        (Schedule::OneCycle(OneCycle::default()), 1.089),
        (step, 1.245),
        (Schedule::Constant, 1.512),
    ] {
        let rates: Vec<f64> = (0..2000).map(|t| schedule.factor(t, 2000)).collect();
        close(last_iterate_bound(&rates).unwrap(), bound, 1e-3);
        // A peak cancels, and so do steps that do nothing.
        let other: Vec<f64> = rates.iter().map(|rate| rate * 7.0).chain([0.0; 3]).collect();
        close(last_iterate_bound(&other).unwrap() / last_iterate_bound(&rates).unwrap(), 1.0, 2e-3);
    }
    assert_eq!(last_iterate_bound(&[0.0, 0.0]), None);
}

#[test]
fn the_bound_is_its_formula() {
    // As published, with G = D = 1, its two sums written out, at the best of many peaks.
    let shape: Vec<f64> = (0..40).map(|t| uba::factor(f64::from(t) / 40.0, 1.0)).collect();
    let bound = |peak: f64, shape: &[f64]| {
        let rates: Vec<f64> = shape.iter().map(|factor| peak * factor).collect();
        let sum = |from: usize| rates[from..].iter().sum::<f64>();
        let squares = |from: usize| rates[from..].iter().map(|rate| rate * rate).sum::<f64>();
        let later = (0..rates.len() - 1).map(|k| rates[k] / sum(k + 1) * squares(k) / sum(k)).sum::<f64>();
        (1.0 + squares(0)) / (2.0 * sum(0)) + later / 2.0
    };
    let best =
        |shape: &[f64]| (1..4000).map(|p| bound(f64::from(p) * 1e-4, shape)).fold(f64::INFINITY, f64::min);
    let linear: Vec<f64> = (0..40).map(|t| 1.0 - f64::from(t) / 40.0).collect();
    close(last_iterate_bound(&shape).unwrap(), best(&shape) / best(&linear), 1e-6);
}

#[test]
fn names_are_canonical() {
    let name = |schedule: Schedule| schedule.to_string();
    assert_eq!(name(Schedule::Uba { phi: 1.0 }), "uba(phi=1)");
    assert_eq!(name(Schedule::Uba { phi: 0.25 }), "uba(phi=0.25)");
    let step = Schedule::Step { drops: shares(&[0.07, 0.333, 0.75]), gamma: 0.1 };
    assert_eq!(name(step), "step(milestones=7%/33.3%/75%,gamma=0.1)");
    assert_eq!(name(Schedule::Polynomial { power: 1.0 }), "linear");
    assert_eq!(name(Schedule::Polynomial { power: 0.5 }), "polynomial(power=0.5)");
    assert_eq!(name(Schedule::Exponential(Decay::EndRatio(0.01))), "exponential(end_ratio=0.01)");
    assert_eq!(name(Schedule::Wsd { decay: 0.2, tail: Tail::Sqrt }), "wsd(decay=20%,shape=sqrt)");
    assert_eq!(name(Schedule::Rex { beta: 0.5 }), "rex(beta=0.5)");
}

proptest! {
    #[test]
    fn rates_are_finite_and_never_negative(
        exponent in -300.0..300.0f64,
        beta in 1e-6..1e6f64,
        peak in 1e-9..1e6f64,
        floor in 0.0..1.0f64,
        warmup in 0.0..0.999f64,
        (total, step) in (1..1_000_000_000u64).prop_flat_map(|total| (Just(total), 0..total + 2)),
    ) {
        let schedules = [
            Schedule::Uba { phi: 10f64.powf(exponent) },
            Schedule::Polynomial { power: beta },
            Schedule::Rex { beta },
            Schedule::Cosine,
        ];
        for schedule in schedules {
            let shape = Shape { schedule, warmup: Warmup::linear(warmup), eta_min: floor * peak };
            let rate = shape.rate(peak, step, total);
            prop_assert!(rate.is_finite() && rate >= 0.0 && rate <= peak * (1.0 + 1e-12), "{rate}");
        }
    }
}
