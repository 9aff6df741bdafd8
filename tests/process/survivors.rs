//! Processes that outlive whoever answered for them.

use std::process::{Command, Stdio};

use sweep::process::{Stray, WORKER_OF, end_strays, end_survivors, start_time};

use super::{
    support::{alive, alone},
    *,
};

#[tokio::test]
async fn a_worker_is_known_again_by_its_start() {
    let dir = tempfile::tempdir().unwrap();
    let (process, mut outputs) = start("sleep 60", &dir.path().join("log"));
    let started = start_time(process.pid).unwrap();
    assert_eq!(start_time(process.pid).as_deref(), Some(started.as_str()));
    assert!(!end_survivors(process.pid, "00000000:1"), "another process of that number");
    assert!(alive(process.pid));
    assert!(end_survivors(process.pid, &started));
    assert_eq!(exited(&outputs.recv().await.unwrap()), "killed by SIGKILL");
    assert!(!end_survivors(process.pid, &started), "it is gone");
    assert_eq!(start_time(process.pid), None);
}

/// A shell between this process and the stray, which is killed so that nobody answers for it.
#[tokio::test]
async fn strays_of_a_home_are_ended_whatever_session_they_made() {
    if !alone("process::survivors::strays_of_a_home_are_ended_whatever_session_they_made") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().canonicalize().unwrap();
    let file = home.join("pid");
    let script = "setsid sh -c 'echo $$ > pid; exec sleep 60' & exit 0";
    let start = |of: &str| {
        let _ = fs::remove_file(&file);
        let mut command = Command::new("sh");
        command.args(["-c", script]).current_dir(&home).env(WORKER_OF, of).stdin(Stdio::null());
        assert!(command.status().unwrap().success());
    };
    let (ours, other) = (home.to_str().unwrap(), format!("{}x", home.display()));
    start(&other);
    let spared = number_in(&file).await;
    start(ours);
    let stray = number_in(&file).await;
    until_named(stray, "sleep").await;
    assert_eq!(end_strays(&home), [Stray { pid: stray, name: "sleep".into() }]);
    assert!(!alive(stray));
    assert!(alive(spared), "it belongs to another home");
    assert_eq!(end_strays(Path::new(&other)).len(), 1);
    assert!(!alive(spared));
    assert_eq!(end_strays(&home), []);
}

#[tokio::test]
async fn what_a_live_scheduler_started_is_no_stray() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().canonicalize().unwrap();
    let environment = vec![(WORKER_OF.to_owned(), home.clone().into_os_string())];
    let setup = Setup { log: home.join("log"), environment, ..Setup::default() };
    let (process, mut outputs) = start_with("echo '{\"type\":\"heartbeat\"}'; sleep 60", &setup);
    assert!(matches!(outputs.recv().await, Some(Output::Said(_))));
    assert_eq!(end_strays(&home), []);
    assert!(alive(process.pid));
    process.kill();
    assert_eq!(exited(&outputs.recv().await.unwrap()), "killed by SIGKILL");
}

/// `orphans` is for a process that inherits what its descendants leave, which this one becomes here. Orphans of
/// other homes are not its business.
#[tokio::test]
async fn orphans_of_a_home_are_ended_and_reaped() {
    if !alone("process::survivors::orphans_of_a_home_are_ended_and_reaped") {
        return;
    }
    sweep::process::subreaper().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().canonicalize().unwrap();
    let environment = vec![(WORKER_OF.to_owned(), home.clone().into_os_string())];
    let setup = Setup { log: home.join("log"), environment, ..Setup::default() };
    // The first leaves a process with a child of its own; the second goes on.
    let script = format!(
        "cd {}; setsid sh -c 'sleep 61 & echo $$ > pid; wait' > /dev/null 2>&1 & while ! [ -s pid ]; do sleep 0.01; done",
        home.display()
    );
    let (_first, mut ends) = start_with(&script, &setup);
    let (second, mut outputs) = start_with("sleep 60", &setup);
    assert_eq!(exited(&ends.recv().await.unwrap()), "exit code 0");
    let orphan = number_in(&home.join("pid")).await;
    assert_eq!(sweep::process::orphans(&home.join("x")), []);
    let ended = sweep::process::orphans(&home);
    assert!(ended.iter().any(|stray| stray.pid == orphan), "{ended:?}");
    assert!(!Path::new(&format!("/proc/{orphan}")).exists(), "it is reaped");
    assert!(alive(second.pid), "a worker is no orphan");
    second.kill();
    assert_eq!(exited(&outputs.recv().await.unwrap()), "killed by SIGKILL");
}

async fn until_named(pid: u32, name: &str) {
    let path = format!("/proc/{pid}/comm");
    support::until("it runs something else", || {
        (fs::read_to_string(&path).ok()?.trim() == name).then_some(())
    })
    .await;
}
