//! A daemon that may start no more processes.

use std::os::unix::fs::PermissionsExt;

use super::{
    faults::{SPEC, TRAIN},
    *,
};

/// Root is above this limit, so the daemon is another user's.
#[test]
fn a_full_process_table_ends_the_sweep_and_not_the_daemon() {
    let mut home = Home::new();
    home.write("train.sh", TRAIN);
    home.write("spec.yaml", SPEC);
    fs::create_dir_all(home.home()).unwrap();
    for (folder, mode) in [(home.path("."), 0o755), (home.home().to_owned(), 0o777)] {
        fs::set_permissions(folder, fs::Permissions::from_mode(mode)).unwrap();
    }
    let program = home.path("sweep");
    let built = env!("CARGO_BIN_EXE_sweep");
    fs::hard_link(built, &program).or_else(|_| fs::copy(built, &program).map(drop)).unwrap();
    let start = |home: &mut Home, limit: &str| {
        let mut command = home.command(&[]);
        let user = ["--reuid=64321", "--regid=64321", "--clear-groups", "prlimit", limit];
        let log = File::options().create(true).append(true).open(home.path("daemon.log")).unwrap();
        let mut wrapped = Command::new("setpriv");
        wrapped.args(user).arg(&program).args(["daemon", "start", "--foreground"]).current_dir("/");
        wrapped.envs(command.env_remove("HOME").get_envs().filter_map(|(name, value)| Some((name, value?))));
        home.daemon = Some(wrapped.stdin(Stdio::null()).stderr(log).spawn().unwrap());
        let answers = |home: &mut Home| home.status().is_some();
        let deadline = Instant::now() + LIMIT;
        while !answers(home) {
            if home.is_daemon_over().is_some() {
                println!("not checked: no other user can be had here: {}", home.log());
                return false;
            }
            assert!(Instant::now() < deadline, "{}", home.log());
            std::thread::sleep(Duration::from_millis(5));
        }
        true
    };
    if !start(&mut home, "--nproc=1") {
        return;
    }
    home.ok(&["submit", "spec.yaml"]);
    let output = home.sweep(&["wait"]);
    let told = said(&output);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("there are as many processes as are allowed"), "{told}");
    assert_eq!(home.number("SELECT count(*) FROM trials WHERE status = 'failed'"), 0, "no trial is blamed");
    assert!(home.status().is_some(), "the daemon stands");
    home.signal("-TERM");
    assert!(home.ended().success(), "{}", home.log());
    assert!(start(&mut home, "--nproc=500"));
    home.ok(&["run", "spec.yaml"]);
    home.until_trials("done 12");
    home.ok(&["daemon", "stop"]);
    assert!(home.ended().success());
}
