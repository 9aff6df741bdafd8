//! What the tests of processes share.

use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use sweep::process::{Output, Process, Setup};
use tokio::sync::mpsc;

/// How long anything may take.
pub(super) const LIMIT: Duration = Duration::from_secs(20);

pub(super) fn start_with(script: &str, setup: &Setup) -> (Process, mpsc::Receiver<Output>) {
    spawn(&["sh", "-c", script], setup)
}

pub(super) fn spawn(command: &[&str], setup: &Setup) -> (Process, mpsc::Receiver<Output>) {
    let (tell, outputs) = mpsc::channel(16);
    let command: Vec<_> = command.iter().map(Into::into).collect();
    let process = Process::spawn(&command, setup, move |output| {
        let tell = tell.clone();
        async move { drop(tell.send(output).await) }
    });
    (process.unwrap(), outputs)
}

/// Yields until `found` answers.
pub(super) async fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + LIMIT;
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}");
        // Real time has to pass for another process.
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// The number that a script writes, with a line feed, into a file.
pub(super) async fn number_in(path: &Path) -> u32 {
    until(&format!("{} has no number", path.display()), || {
        fs::read_to_string(path).ok()?.strip_suffix('\n')?.trim().parse().ok()
    })
    .await
}

pub(super) async fn gone(pid: u32) {
    until(&format!("process {pid} lives"), || (!alive(pid)).then_some(())).await;
}

/// Whether a process exists and is not just waiting to be reaped by its parent.
pub(super) fn alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
}

const ALONE: &str = "SWEEP_TEST_ALONE";

/// Whether this process was started for one test alone; if not, it is now, and must pass. For tests that change the
/// process that they run in.
pub(super) fn alone(test: &str) -> bool {
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    let output = command.args(["--exact", test, "--nocapture"]).env(ALONE, "1").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("1 passed"), "{said}{}", String::from_utf8_lossy(&output.stderr));
    false
}
