//! What a worker is held to, and what happens where there is no room for it.

use std::process::{Command, Stdio};

use sweep::process::Limits;

use super::{
    support::{spawn, until},
    *,
};

const SWEEP: &str = env!("CARGO_BIN_EXE_sweep");

#[tokio::test]
async fn a_worker_holds_itself_to_its_limits() {
    let dir = tempfile::tempdir().unwrap();
    let limits = Limits { cores: vec![0], nice: 3, memory: Some(8 << 30) };
    let setup = Setup { log: dir.path().join("log"), limits, ..Setup::default() };
    let (process, mut outputs) = spawn(&[SWEEP, "worker", "--programs"], &setup);
    assert!(matches!(outputs.recv().await, Some(Output::Said(FromWorker::Hello { .. }))));
    let read = |name: &str| fs::read_to_string(format!("/proc/{}/{name}", process.pid)).unwrap();
    assert!(read("status").lines().any(|line| line == "Cpus_allowed_list:\t0"), "{}", read("status"));
    let own = fs::read_to_string("/proc/self/stat").unwrap();
    let nice =
        |stat: &str| stat.rsplit_once(") ").unwrap().1.split(' ').nth(16).unwrap().parse::<i32>().unwrap();
    assert_eq!(nice(&read("stat")), (nice(&own) + 3).min(19));
    let limited = |name: &str, value: &str| {
        let limits = read("limits");
        let line = limits.lines().find(|line| line.starts_with(name)).unwrap();
        assert!(line[name.len()..].split_whitespace().take(2).all(|limit| limit == value), "{line}");
    };
    limited("Max address space", "8589934592");
    limited("Max core file size", "0");
}

#[tokio::test]
async fn a_core_that_is_not_there_is_only_a_warning() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    let limits = Limits { cores: vec![1000], ..Limits::default() };
    let (process, mut outputs) =
        spawn(&[SWEEP, "worker", "--programs"], &Setup { log: log.clone(), limits, ..Setup::default() });
    assert!(matches!(outputs.recv().await, Some(Output::Said(FromWorker::Hello { .. }))));
    let warning =
        until("no warning", || fs::read_to_string(&log).ok().filter(|text| text.ends_with('\n'))).await;
    assert!(warning.contains("cannot keep this worker on the cores [1000]"), "{warning}");
    drop(process);
}

#[test]
fn limits_that_cannot_be_read_or_a_scheduler_that_is_gone_end_the_worker() {
    for (limits, problem) in [
        ("{", "`SWEEP_LIMITS` is not what a scheduler writes there"),
        (
            r#"{"limits":{"cores":[],"nice":0,"memory":null},"parent":1}"#,
            "the scheduler, process 1, has ended",
        ),
    ] {
        let mut command = Command::new(SWEEP);
        command.args(["worker", "--programs"]).env("SWEEP_LIMITS", limits).stdin(Stdio::null());
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{said}");
        assert!(said.contains(problem) && said.lines().count() == 1, "{said}");
    }
}

/// The scheduler is a process of its own here: a shell that is killed.
#[tokio::test]
async fn a_worker_ends_with_its_scheduler_even_if_its_input_stays_open() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    let script = format!(
        r#"mkfifo {fifo}; sleep 60 > {fifo} & echo $! > {holder}
export SWEEP_LIMITS='{{"limits":{{"cores":[],"nice":0,"memory":null}},"parent":'$$'}}'
{SWEEP} worker --programs < {fifo} > {said} & echo $! > {worker}; wait"#,
        fifo = path("fifo"),
        holder = path("holder"),
        said = path("said"),
        worker = path("worker"),
    );
    let mut scheduler = Command::new("sh").args(["-c", &script]).spawn().unwrap();
    let worker = number_in(Path::new(&path("worker"))).await;
    until("no hello", || fs::read_to_string(path("said")).ok().filter(|said| said.contains("hello"))).await;
    scheduler.kill().unwrap();
    scheduler.wait().unwrap();
    gone(worker).await;
    let holder = number_in(Path::new(&path("holder"))).await;
    assert!(Command::new("kill").args(["-9", &holder.to_string()]).status().unwrap().success());
}

const FEW: &str = "SWEEP_TEST_FEW_PROCESSES";

/// Root is above this limit, so the test runs itself again as another user.
#[tokio::test]
async fn a_full_process_table_is_said_clearly() {
    if std::env::var_os(FEW).is_some() {
        nix::sys::resource::setrlimit(nix::sys::resource::Resource::RLIMIT_NPROC, 0, 0).unwrap();
        let error = Process::spawn(&["true".into()], &Setup::default(), |_| async {}).unwrap_err();
        println!("the error: {error}");
        return;
    }
    let dir =
        tempfile::Builder::new().permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755)).tempdir();
    let dir = dir.unwrap();
    let copy = dir.path().join("test");
    let this = std::env::current_exe().unwrap();
    fs::hard_link(&this, &copy).or_else(|_| fs::copy(&this, &copy).map(drop)).unwrap();
    let user = ["--reuid=65534", "--regid=65534", "--clear-groups"];
    let mut command = Command::new("setpriv");
    command.args(user).arg(copy).args(["--exact", "process::limits::a_full_process_table_is_said_clearly"]);
    match command.arg("--nocapture").env(FEW, "1").current_dir("/").output() {
        Ok(output) if output.status.success() => {
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(said.contains("the error: there are as many processes as are allowed"), "{said}");
        }
        other => println!("not checked: no other user can be had here: {other:?}"),
    }
}
