//! What commands and daemon take where a home holds a hundred thousand trials. `cargo bench --bench large` prints a
//! table.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement that cannot go on has failed")]

#[path = "../tests/store/thousands.rs"]
mod thousands;

use std::{fs, path::Path, time::Instant};

use thousands::{Daemon, SPEC, Shape, make, time};

const TRIALS: u32 = 100_000;

fn main() {
    let load = || fs::read_to_string("/proc/loadavg").unwrap().trim().to_owned();
    let program = Path::new(env!("CARGO_BIN_EXE_sweep"));
    println!("load {}; times in ms, the best of five; memory in MiB, now and at most", load());
    println!(
        "{:28} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8}",
        "", "store", "list", "results", "why", "trials", "start", "memory"
    );
    for (name, sweeps, waiting) in [
        ("1 sweep, over", 1, false),
        ("100 sweeps, over", 100, false),
        ("1 sweep, waiting", 1, true),
        ("100 sweeps, waiting", 100, true),
    ] {
        let home = tempfile::tempdir().unwrap();
        make(home.path(), Shape { trials: TRIALS, sweeps, waiting, losses: 0 });
        let megabytes = fs::metadata(home.path().join("sweep.db")).unwrap().len() >> 20;
        let ms = |words: &[&str]| time(program, home.path(), words).as_secs_f64() * 1e3;
        let (list, results, why) = (ms(&["list"]), ms(&["results"]), ms(&["why", "50000"]));
        let trials = ms(&["trials", "--limit", "20"]);
        let daemon = Daemon::start(program, home.path());
        let (start, (now, most)) = (daemon.start.as_secs_f64() * 1e3, daemon.memory());
        println!(
            "{name:28} {megabytes:>7}M {list:>8.0} {results:>8.0} {why:>8.0} {trials:>8.0} {start:>8.0} {now:>4.0}/{most:.0}"
        );
    }
    answers(program);
    let home = tempfile::tempdir().unwrap();
    let spec = home.path().join("many.yaml");
    fs::write(&spec, SPEC.replace("SEEDS", &(TRIALS / 100).to_string())).unwrap();
    let daemon = Daemon::start(program, home.path());
    let started = Instant::now();
    let words = ["submit", spec.to_str().unwrap()];
    assert!(
        std::process::Command::new(program)
            .arg("--home")
            .arg(home.path())
            .args(words)
            .status()
            .unwrap()
            .success()
    );
    let seconds = started.elapsed().as_secs_f64();
    let (now, most) = daemon.memory();
    println!("{:28} {seconds:.2} s, then {now:.0}/{most:.0} MiB", "submit a spec of as many");
    println!("load {}", load());
}

/// What every question takes of ten thousand trials with a thousand losses each.
fn answers(program: &Path) {
    let home = tempfile::tempdir().unwrap();
    make(home.path(), Shape { trials: 10_000, sweeps: 1, waiting: false, losses: 1000 });
    let page = home.path().join("report.html");
    let page = page.to_str().unwrap();
    println!("10,000 trials, 10 million points, in ms:");
    for words in [
        &["results"][..],
        &["results", "--by", "schedule"],
        &["results", "--metric", "validation/accuracy"],
        &["trials", "--where", "status=done", "--sort", "-value"],
        &["trials", "--format", "csv"],
        &["curves"],
        &["curves", "--metric", "test/accuracy"],
        &["cost"],
        &["savings", "--baseline", "schedule=uba(phi=2)"],
        &["report", "-o", page],
        &["verify", page],
        &["list"],
        &["sql", "SELECT schedule, budget, avg(value) FROM trials GROUP BY 1, 2"],
    ] {
        println!("{:70} {:>6.0}", words.join(" "), time(program, home.path(), words).as_secs_f64() * 1e3);
    }
    println!("the page has {} KiB", fs::metadata(page).unwrap().len() >> 10);
}
