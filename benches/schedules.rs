//! How long it takes to compile a table of ten million steps under each schedule, beside a plain cosine that is computed
//! into a vector in one loop: `cargo bench --bench schedules`.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "what cannot be measured ends it, and it prints its table"
)]

use std::{hint::black_box, time::Instant};

use sweep::{
    schedule::{Shape, Warmup},
    spec::{Listed, typed},
};

const STEPS: u64 = 10_000_000;

const SCHEDULES: [&str; 20] = [
    "uba(phi=5)",
    "uba(phi=1,phases=50%:1/100%:0.5)",
    "linear",
    "polynomial(power=2.5)",
    "cosine",
    "rex",
    "wsd(shape=sqrt)",
    "robust(condition=100,noise=0.01)",
    "step",
    "exponential(end_ratio=0.01)",
    "sgdr(cycles=5,t_mult=2)",
    "cyclical(mode=exp_range,gamma=0.9999)",
    "one_cycle",
    "inverse_sqrt",
    "power(a=1,b=-0.5)",
    "piecewise(points=0%:0.1/10%:1/100%:0)",
    "expr((1 + cos(PI*t/T)) / 2)",
    "expr(1/(1 + 2.5*tan(PI*z/2)^2))",
    "join(50%:constant/100%:linear)",
    "cosine(warmup=share:5%/shape:exponential/start:0.01)",
];

/// The resident set of this process at its largest so far, in MiB.
fn peak_memory() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
}

fn main() {
    let started = Instant::now();
    let plain: Vec<f32> = (0..STEPS)
        .map(|t| (0.5 * (1.0 + (std::f64::consts::PI * t as f64 / STEPS as f64).cos())) as f32)
        .collect();
    black_box(plain);
    let plain = started.elapsed().as_secs_f64();
    println!(
        "| schedule, {STEPS} steps | s | × plain cosine |\n| --- | ---: | ---: |\n| one loop | {plain:.2} | 1.0 |"
    );
    for name in SCHEDULES {
        let Some(Listed::Given(schedule)) = typed(name, &[]).unwrap().pop() else { panic!("{name}") };
        let shape = Shape { schedule, warmup: Warmup::NONE, eta_min: 0.0 };
        let started = Instant::now();
        black_box(shape.table(0.1, STEPS).unwrap());
        let seconds = started.elapsed().as_secs_f64();
        println!("| `{name}` | {seconds:.2} | {:.1} |", seconds / plain);
    }
    println!(
        "\nat most {:.0} MiB resident; one table has {:.0}",
        peak_memory(),
        4.0 * STEPS as f64 / (1 << 20) as f64
    );
}
