//! Homes in which something is wrong: one clear error, and nothing lost that was acknowledged.

use super::*;

/// Trials that each take a moment and leave some metrics.
pub(super) const SPEC: &str = r#"
name: faults
command: [bash, train.sh]
inputs: [train.sh]
metric: {name: test/accuracy, goal: maximize}
training: {full_budget: 200 steps}
schedules: [constant]
parameters: {learning_rate: 0.1}
seeds: 12
resources: {workers: 2, threads: 1}
"#;

pub(super) const TRAIN: &str = r#"
for ((step = 1; step <= 200; step++)); do echo "{\"step\": $step, \"train/loss\": 0.$step}"; done >&$SWEEP_REPORT_FD
echo "{\"step\": 200, \"test/accuracy\": 0.5}" >&$SWEEP_REPORT_FD
"#;

fn prepared() -> Home {
    with_files(Home::new())
}

fn with_files(home: Home) -> Home {
    home.write("train.sh", TRAIN);
    home.write("spec.yaml", SPEC);
    home
}

/// A command's one error, which has to say this.
fn refused(home: &Home, arguments: &[&str], what: &str) -> String {
    let output = home.sweep(arguments);
    let told = said(&output);
    assert!(!output.status.success(), "{arguments:?}: {told}");
    assert_eq!(told.matches("error: ").count(), 1, "{arguments:?}: {told}");
    assert!(told.contains(what), "{arguments:?}: {told}");
    assert!(!told.contains("panicked"), "{told}");
    told
}

const LONG: &str = r#"
for ((step = 1; step <= 2000; step++)); do
  echo "{\"step\": $step, \"train/loss\": 0.$step, \"other\": $step}"
  ((step % 100)) || sleep 0.02
done >&$SWEEP_REPORT_FD
echo "{\"step\": 2000, \"test/accuracy\": 0.5}" >&$SWEEP_REPORT_FD
"#;

/// Undoes a mount.
struct Mounted(PathBuf);

impl Mounted {
    /// None where this process may not mount.
    fn new(arguments: &[&str], at: &Path) -> Option<Self> {
        fs::create_dir_all(at).unwrap();
        let output = Command::new("mount").args(arguments).arg(at).output();
        match output {
            Ok(output) if output.status.success() => Some(Self(at.to_owned())),
            other => {
                println!("not checked: nothing can be mounted here: {other:?}");
                None
            }
        }
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_disk_that_is_full_stops_the_daemon_and_loses_nothing() {
    let mut home = Home::named("small/home");
    let small = home.path("small");
    let Some(_mounted) = Mounted::new(&["-t", "tmpfs", "-o", "size=16m", "none"], &small) else { return };
    home.write("train.sh", LONG);
    home.write("spec.yaml", &SPEC.replace("200 steps", "2000 steps"));
    home.start();
    home.ok(&["submit", "spec.yaml"]);
    home.until("nothing is done", |home| {
        (home.number("SELECT count(*) FROM trials WHERE status = 'done'") > 0).then_some(())
    });
    // All that is left, but for what the store holds already.
    let _ = Command::new("dd")
        .args(["if=/dev/zero", "bs=4k", "status=none"])
        .arg(format!("of={}/ballast", small.display()))
        .stderr(Stdio::null())
        .status();
    let status = home.ended();
    let log = home.log();
    assert_eq!(status.code(), Some(1), "{log}");
    assert_eq!(log.matches("error: ").count(), 1, "{log}");
    assert!(log.contains("full"), "{log}");
    let done = || "SELECT trial, (SELECT count(*) FROM curves AS c WHERE c.trial = t.trial) FROM trials AS t WHERE status = 'done' ORDER BY 1";
    let before = home.rows(done());
    assert!(
        !before.is_empty() && before.len() < 12 && before.iter().all(|row| row[1] == "4001"),
        "{before:?}"
    );
    home.assert_nothing_runs();
    refused(&home, &["daemon", "start"], "is full");
    let told = refused(&home, &["daemon", "start", "--foreground"], "");
    println!("on a full disk: {told}");
    fs::remove_file(small.join("ballast")).unwrap();
    home.start();
    home.ok(&["wait"]);
    home.until_trials("done 12");
    let after = home.rows(done());
    assert!(
        after.iter().all(|row| row[1] == "4001") && before.iter().all(|row| after.contains(row)),
        "{after:?}"
    );
    home.ok(&["daemon", "stop"]);
    home.ended();
}

#[test]
fn a_home_that_cannot_be_written_is_said_clearly() {
    let mut home = with_files(Home::named("mounted/home"));
    let folder = home.path("mounted");
    let Some(_mounted) = Mounted::new(&["-t", "tmpfs", "none"], &folder) else { return };
    home.start();
    home.ok(&["submit", "spec.yaml"]);
    home.ok(&["wait"]);
    home.ok(&["daemon", "stop"]);
    home.ended();
    let remount = Command::new("mount").args(["-o", "remount,ro"]).arg(&folder).status().unwrap();
    assert!(remount.success());
    refused(&home, &["daemon", "start"], "Read-only file system");
    refused(&home, &["daemon", "start", "--foreground"], "Read-only file system");
    refused(&home, &["run", "spec.yaml"], "Read-only file system");
    refused(&home, &["pause", "last"], "");
    refused(&home, &["submit", "spec.yaml"], "no daemon runs");
}

#[test]
fn stores_that_are_no_stores_are_refused_and_left_alone() {
    let mut home = prepared();
    home.start();
    home.ok(&["submit", "spec.yaml"]);
    home.ok(&["wait"]);
    home.ok(&["daemon", "stop"]);
    home.ended();
    let path = home.home().join("sweep.db");
    let whole = fs::read(&path).unwrap();
    let mut newer = whole.clone();
    newer[60..64].copy_from_slice(&99_u32.to_be_bytes());
    let mut foreign = whole.clone();
    foreign[68..72].copy_from_slice(&7_u32.to_be_bytes());
    for (bytes, what) in [
        (newer, "was written by a newer sweep (schema 99"),
        (foreign, "is an SQLite file of another program"),
        (
            b"no store at all, but long enough to be looked at as if it were one".repeat(99),
            "is not an SQLite file",
        ),
    ] {
        fs::write(&path, &bytes).unwrap();
        for arguments in
            [&["daemon", "start"][..], &["daemon", "start", "--foreground"], &["run", "spec.yaml"], &["list"]]
        {
            refused(&home, arguments, what);
        }
        assert!(fs::read(&path).unwrap() == bytes, "{what}: it is left as it is");
    }
    // Pages in the middle, and a file that was cut: found at the latest when they are read, and never a wrong answer.
    let mut holes = whole.clone();
    holes[8192..whole.len() - 4096].fill(0xa5);
    for (bytes, how) in [(holes, "overwritten"), (whole[..whole.len() / 2].to_vec(), "cut")] {
        fs::write(&path, &bytes).unwrap();
        for arguments in [&["daemon", "start"][..], &["run", "spec.yaml"]] {
            let told = refused(&home, arguments, "malformed");
            println!("{how}: {told}");
        }
    }
    fs::write(&path, &whole).unwrap();
    home.start();
    home.until_trials("done 12");
    assert!(said(&home.sweep(&["run", "spec.yaml"])).contains("all have results"));
}

#[test]
fn homes_may_lie_deep_and_have_odd_names() {
    let deep = format!("{}/home", "a-rather-long-name-of-a-folder/".repeat(8));
    for name in [&deep, "two words", "it's \"quoted\" $HOME", "größe"] {
        let home = with_files(Home::named(name));
        fs::create_dir_all(home.home()).unwrap();
        // A socket that nobody listens on.
        fs::write(home.home().join("scheduler.sock"), "").unwrap();
        let output = home.ok(&["daemon", "start"]);
        assert!(output.contains("the daemon runs"), "{output}");
        home.ok(&["submit", "spec.yaml"]);
        home.ok(&["wait"]);
        home.until_trials("done 12");
        home.ok(&["daemon", "stop"]);
        assert_eq!(home.sweep(&["daemon", "status"]).status.code(), Some(102));
        assert_eq!(home.leavings(), [""; 0]);
        home.assert_nothing_runs();
    }
}

#[test]
fn a_home_has_one_scheduler() {
    let mut home = prepared();
    home.write("train.sh", &format!("{TRAIN}until [ -e go ]; do sleep 0.02; done\n"));
    home.start();
    home.ok(&["submit", "spec.yaml"]);
    let pid = home.pid();
    refused(&home, &["daemon", "start"], &format!("a daemon (process {pid}) already schedules this home"));
    refused(&home, &["daemon", "start", "--foreground"], &format!("in use by another sweep (process {pid})"));
    home.write("go", "");
    // It does what `run` asks for.
    home.ok(&["run", "spec.yaml"]);
    assert_eq!(home.number("SELECT count(DISTINCT sweep) FROM trials"), 1);
    home.ok(&["daemon", "stop"]);
    home.ended();
    fs::remove_file(home.path("go")).unwrap();
    home.write("spec.yaml", &SPEC.replace("seeds: 12", "seeds: 14"));
    let mut run =
        home.command(&["run", "spec.yaml"]).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    home.until("it does not run", |home| home.status().filter(|status| !status.daemon));
    let mine = run.id();
    refused(&home, &["run", "spec.yaml"], &format!("in use by another sweep (process {mine})"));
    refused(
        &home,
        &["daemon", "start"],
        &format!("`sweep run` (process {mine}) already schedules this home"),
    );
    refused(&home, &["submit", "spec.yaml"], "no daemon runs");
    home.write("go", "");
    assert!(run.wait().unwrap().success());
    home.until_trials("done 14");
}

/// Programs that keep their state when they are asked to end.
const SAVING: &str = r#"
fd=$SWEEP_REPORT_FD
trap 'touch "$SWEEP_CHECKPOINT/100"; echo "{\"checkpoint\": 100}" >&$fd; exit 0' TERM
[ -e "$SWEEP_CHECKPOINT/100" ] && echo '{"start": 100}' >&$fd
echo '{"step": 100, "test/accuracy": 0.5}' >&$fd
until [ -e go ]; do sleep 0.02; done
"#;

#[test]
fn hangups_change_nothing_and_term_keeps_what_runs() {
    let mut home = prepared();
    home.write("train.sh", SAVING);
    home.write("spec.yaml", &SPEC.replace("seeds: 12", "seeds: 2"));
    home.start();
    home.ok(&["submit", "spec.yaml"]);
    let both = |home: &Home| (home.number("SELECT count(*) FROM curves") == 2).then_some(());
    home.until("they do not run", both);
    home.signal("-HUP");
    home.signal("-HUP");
    home.until_trials("running 2");
    home.signal("-TERM");
    assert!(home.ended().success(), "{}", home.log());
    assert_eq!(home.rows("SELECT step FROM checkpoints"), [["100"], ["100"]]);
    assert_eq!(home.rows("SELECT DISTINCT \"end\" FROM attempts"), [["cancelled"]]);
    home.assert_nothing_runs();
    home.start();
    home.until("they do not go on", |home| {
        (home.number("SELECT count(*) FROM attempts WHERE first_step = 100") == 2).then_some(())
    });
    // Twice: at once, whatever the programs think of it.
    home.write("train.sh", "");
    home.signal("-TERM");
    home.signal("-TERM");
    let asked = Instant::now();
    assert!(home.ended().success());
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    home.assert_nothing_runs();
}

/// A home whose daemon runs two programs that ignore everything but KILL, each with a child that does so too, in a session
/// of its own, and has cut all ties.
fn stubborn() -> Home {
    let mut home = prepared();
    home.write("train.sh", r#"
trap '' TERM HUP INT
echo '{"step": 100, "test/accuracy": 0.5}' >&$SWEEP_REPORT_FD
setsid bash -c "trap '' TERM HUP INT; exec {SWEEP_REPORT_FD}>&- </dev/null >/dev/null 2>&1; while :; do sleep 0.1; done" &
until [ -e go ]; do sleep 0.02; done
"#);
    home.write("spec.yaml", &SPEC.replace("seeds: 12", "seeds: 2"));
    home.start();
    home.ok(&["submit", "spec.yaml"]);
    // Two workers, two programs, two that went away, and their pauses.
    home.until("they do not run", |home| (home.workers().len() >= 8).then_some(()));
    home
}

#[test]
fn what_a_killed_daemon_leaves_ends_by_itself() {
    let mut home = stubborn();
    home.kill();
    home.assert_nothing_runs();
}

#[test]
fn what_a_killed_daemon_leaves_is_ended_before_the_next_one_starts_anything() {
    let mut home = stubborn();
    let before = home.workers();
    home.kill();
    home.write("go", "");
    home.start();
    home.ok(&["wait"]);
    home.until_trials("done 2");
    assert!(home.workers().iter().all(|pid| !before.contains(pid)), "of the first daemon nobody is left");
    home.ok(&["daemon", "stop"]);
    home.assert_nothing_runs();
}
