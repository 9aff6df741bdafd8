//! The daemon as people use it, with real programs: killed, starved, lied to, flooded.

mod crowded;
mod faults;
mod gpus;
mod hostile;
mod kept;
mod life;
mod limits;
mod load;
mod models;
mod torture;

use std::{
    fs::{self, File},
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    time::{Duration, Instant},
};

use sweep::{
    daemon::{
        Client,
        protocol::{Reply, Request, Status},
    },
    process::{WORKER_OF, is_of},
    store::{QueryLimits, plain, query},
};

/// How long anything may take on a busy machine.
pub(super) const LIMIT: Duration = Duration::from_secs(60);

/// A home with a folder for specs beside it, and perhaps a daemon. What is left of it ends with it.
pub(super) struct Home {
    dir: tempfile::TempDir,
    home: PathBuf,
    daemon: Option<Child>,
    /// Variables for every command.
    environment: Vec<(String, String)>,
}

impl Home {
    pub(super) fn new() -> Self {
        Self::named("home")
    }

    /// With the home at this path below the folder of specs.
    pub(super) fn named(home: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().canonicalize().unwrap().join(home);
        Self { dir, home, daemon: None, environment: Vec::new() }
    }

    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    pub(super) fn home(&self) -> &Path {
        &self.home
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text.trim_start()).unwrap();
    }

    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sweep"));
        command
            .args(arguments)
            .current_dir(self.dir.path())
            .env("SWEEP_HOME", &self.home)
            .env("NO_COLOR", "1");
        // What runs this test may be a worker itself.
        command.env_remove(WORKER_OF).stdin(Stdio::null());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    pub(super) fn sweep(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// The standard output of a command that must succeed.
    pub(super) fn ok(&self, arguments: &[&str]) -> String {
        let output = self.sweep(arguments);
        assert!(output.status.success(), "{arguments:?}: {}{}", said(&output), self.log());
        String::from_utf8(output.stdout).unwrap()
    }

    /// Where the daemon of [`Self::start`] logs.
    pub(super) fn log(&self) -> String {
        fs::read_to_string(self.path("daemon.log")).unwrap_or_default()
    }

    /// Starts a daemon as a child, and does not wait for it.
    pub(super) fn spawn(&mut self) {
        assert!(self.daemon.is_none(), "it has a daemon");
        let log = File::options().create(true).append(true).open(self.path("daemon.log")).unwrap();
        let mut command = self.command(&["daemon", "start", "--foreground"]);
        self.daemon = Some(command.stderr(log).stdout(Stdio::null()).spawn().unwrap());
    }

    /// Starts a daemon and waits until it answers.
    pub(super) fn start(&mut self) {
        self.spawn();
        self.until("the daemon does not answer", |home| home.status());
    }

    /// What the daemon says of itself; none where it does not answer.
    pub(super) fn status(&self) -> Option<Status> {
        let client = Client::connect(&self.home).ok().flatten()?;
        match client.ask(Request::Status).ok()?.only() {
            Ok(Reply::Status(status)) => Some(*status),
            _ => None,
        }
    }

    pub(super) fn pid(&self) -> u32 {
        self.daemon.as_ref().unwrap().id()
    }

    /// KILL to the daemon alone.
    pub(super) fn kill(&mut self) {
        let mut daemon = self.daemon.take().unwrap();
        daemon.kill().unwrap();
        let status = daemon.wait().unwrap();
        assert_eq!(status.signal(), Some(9), "the daemon had ended by itself: {status}\n{}", self.log());
    }

    /// The most memory that the daemon ever had, in MiB.
    pub(super) fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        peak.split_whitespace().next().unwrap().parse::<u64>().unwrap() / 1024
    }

    pub(super) fn is_daemon_over(&mut self) -> Option<ExitStatus> {
        let status = self.daemon.as_mut()?.try_wait().unwrap();
        if status.is_some() {
            self.daemon = None;
        }
        status
    }

    /// Waits for the daemon's own end.
    pub(super) fn ended(&mut self) -> ExitStatus {
        let deadline = Instant::now() + LIMIT;
        loop {
            if let Some(status) = self.is_daemon_over() {
                return status;
            }
            assert!(Instant::now() < deadline, "the daemon does not end\n{}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Sends a signal to the daemon.
    pub(super) fn signal(&self, name: &str) {
        signal(name, self.pid());
    }

    /// Waits until `found` answers.
    pub(super) fn until<T>(&self, what: &str, mut found: impl FnMut(&Self) -> Option<T>) -> T {
        let deadline = Instant::now() + LIMIT;
        loop {
            if let Some(found) = found(self) {
                return found;
            }
            assert!(Instant::now() < deadline, "{what}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The rows of a query, each as its values in words; none where there is no store yet.
    pub(super) fn rows(&self, sql: &str) -> Vec<Vec<String>> {
        match query(&self.home, sql, QueryLimits::default()) {
            Ok(table) => table.rows.iter().map(|row| row.iter().map(plain).collect()).collect(),
            Err(sweep::store::StoreError::NothingHere(_)) => Vec::new(),
            Err(error) => panic!("{sql}: {error}\n{}", self.log()),
        }
    }

    /// The one number that a query answers.
    pub(super) fn number(&self, sql: &str) -> u64 {
        self.rows(sql).first().and_then(|row| row[0].parse().ok()).unwrap_or(0)
    }

    /// Waits until the trials have these states, each with how many are in it.
    pub(super) fn until_trials(&self, wanted: &str) {
        let sql = "SELECT group_concat(status || ' ' || n, ', ') FROM
                   (SELECT status, count(*) AS n FROM (SELECT DISTINCT trial, status FROM trials) GROUP BY status ORDER BY status)";
        let mut last = String::new();
        let deadline = Instant::now() + LIMIT;
        while last != wanted {
            assert!(Instant::now() < deadline, "`{last}`, not `{wanted}`\n{}", self.log());
            std::thread::sleep(Duration::from_millis(5));
            last = self.rows(sql).first().map_or(String::new(), |row| row[0].clone());
        }
    }

    /// Processes that workers of this home started.
    pub(super) fn workers(&self) -> Vec<u32> {
        let entries = fs::read_dir("/proc").unwrap().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        // A zombie's environment is gone.
        pids.filter(|pid| is_of(*pid, &self.home)).collect()
    }

    /// Nothing of this home runs, soon.
    pub(super) fn assert_nothing_runs(&self) {
        self.until("workers are left", |home| home.workers().is_empty().then_some(()));
    }

    /// What trials have left in the home, as paths from it.
    pub(super) fn leavings(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut folders = vec![self.home.join("checkpoints")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                found.push(entry.path().strip_prefix(&self.home).unwrap().display().to_string());
                if entry.path().is_dir() {
                    folders.push(entry.path());
                }
            }
        }
        found.sort();
        found
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
        for pid in self.workers() {
            let _ = Command::new("kill").args(["-9", &pid.to_string()]).stderr(Stdio::null()).status();
        }
    }
}

/// Signals a process that is there.
pub(super) fn signal(name: &str, pid: u32) {
    assert!(Command::new("kill").args([name, &pid.to_string()]).status().unwrap().success());
}

/// What a command wrote to standard error.
pub(super) fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
