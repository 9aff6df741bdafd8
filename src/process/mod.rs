//! Worker processes: started in a process group of their own, read line by line, killed as a group, always
//! reaped. Enter at [`Process::spawn`]. What lines mean is not known here.

mod limits;
mod lines;
mod log;
mod machine;
mod memory;
mod proc;
mod program;
mod survivors;
mod watch;

use std::{
    ffi::OsString,
    fmt, io,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use nix::{
    sys::signal::{SigSet, Signal, kill, killpg},
    unistd::{Pid, getpgrp},
};
use tokio::{
    io::AsyncWriteExt,
    process::{Child, ChildStdin, Command},
    sync::mpsc,
};

use sweep_wire::{FromWorker, ToWorker};

pub use limits::{Limits, settle};
pub use machine::{Running, SystemLimits, allowed_cores, free_space, is_alive, running, system_limits, user};
pub use memory::{Oom, oom_in};
pub use proc::{is_of, lineage, start_time};
pub use program::{Launch, Program};
pub use survivors::{Stray, WORKER_OF, end_strays, end_survivors, orphans, subreaper};
pub use watch::{Reaped, Watch, Woken};

use log::Log;

/// How much of a line is quoted, in characters.
const MAX_QUOTED: usize = 200;
/// How long output may stay open after its process ended: a grandchild holds it.
const AFTER_EXIT: Duration = Duration::from_millis(500);

/// Runs something whose files and sockets only this user may use. To be called while no other thread makes files.
pub fn privately<T>(make: impl FnOnce() -> T) -> T {
    use nix::sys::stat::{Mode, umask};
    let before = umask(Mode::S_IRWXG | Mode::S_IRWXO | Mode::S_IXUSR);
    let made = make();
    umask(before);
    made
}

/// Leaves the terminal's session, so that its end is not this process's.
///
/// # Errors
/// This process leads a group already.
pub fn detach() -> io::Result<()> {
    nix::unistd::setsid()?;
    Ok(())
}

/// The name of a user, or the number of one without a name.
#[must_use]
pub fn user_name(uid: u32) -> String {
    let user = nix::unistd::User::from_uid(nix::unistd::Uid::from_raw(uid));
    user.ok().flatten().map_or_else(|| format!("user {uid}"), |user| user.name)
}

/// The type of the file system that holds a path, as `statfs` gives it in `f_type`.
///
/// # Errors
/// The path cannot be asked about.
pub fn file_system(path: &Path) -> io::Result<i64> {
    Ok(nix::sys::statfs::statfs(path)?.filesystem_type().0)
}

/// What a process does.
#[derive(Debug)]
pub enum Output {
    Said(FromWorker),
    /// A line that is no message, or too long.
    Nonsense(String),
    /// The last output of a process, after everything it said.
    Exited(Exit),
}

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exit {
    /// Such as `exit code 3` or `killed by SIGSEGV`.
    pub how: String,
    /// The memory that ran out, where that is known to have ended it.
    pub oom: Option<Oom>,
}

impl fmt::Display for Exit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.how)?;
        self.oom.map_or(Ok(()), |oom| write!(formatter, ", {}", oom.name()))
    }
}

/// How a process is started.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// Where its standard error goes until [`Process::log_to`] says otherwise; made once there is something to keep.
    pub log: PathBuf,
    /// Variables beside those of this process.
    pub environment: Vec<(String, OsString)>,
    /// What `sweep worker` holds itself to; another program finds them in its environment.
    pub limits: Limits,
}

/// A running process. Dropping it closes its standard input and leaves it to end by itself.
#[derive(Debug)]
pub struct Process {
    pub pid: u32,
    inbox: Option<mpsc::UnboundedSender<ToWorker>>,
    log: Arc<Log>,
    /// This process killed it.
    killed: Arc<AtomicBool>,
}

impl Process {
    /// Starts a program; `tell` gets its output and, last, its end. A worker ends with the thread that calls this, so
    /// that should be one that lives as long as the scheduler.
    ///
    /// # Errors
    /// The program cannot be started.
    pub fn spawn<F>(
        command: &[OsString],
        setup: &Setup,
        mut tell: impl FnMut(Output) -> F + Send + 'static,
    ) -> io::Result<Self>
    where
        F: Future<Output = ()> + Send,
    {
        let (program, arguments) = command.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .envs(setup.environment.iter().map(|(name, value)| (name, value)))
            .env(limits::VARIABLE, setup.limits.told()?)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        let kills = memory::kills();
        let mut child = start(&mut command)?;
        let pid = child.id().ok_or(io::ErrorKind::NotFound)?;
        let missing = || io::Error::from(io::ErrorKind::BrokenPipe);
        let stdin = child.stdin.take().ok_or_else(missing)?;
        let stdout = child.stdout.take().ok_or_else(missing)?;
        let stderr = child.stderr.take().ok_or_else(missing)?;
        let log = Arc::new(Log::new(stderr, setup.log.clone())?);
        let killed = Arc::new(AtomicBool::new(false));
        let (inbox, outbox) = mpsc::unbounded_channel();
        tokio::spawn(write_messages(stdin, outbox));
        let process = Self { pid, inbox: Some(inbox), log: log.clone(), killed: killed.clone() };
        tokio::spawn(async move {
            let (status, leaked) = {
                let reading = async {
                    tokio::join!(lines::read(stdout, &mut tell), log.run());
                };
                reap(&mut child, pid, reading).await
            };
            let last_words = || oom_in(&log.tail());
            let oom = match &status {
                Ok(status) if !status.success() && !killed.load(Ordering::SeqCst) => {
                    if program::killed_for_memory(*status, kills) {
                        Some(Oom::Host)
                    } else {
                        last_words()
                    }
                }
                _ => None,
            };
            let how = match status {
                Ok(status) => describe(status),
                Err(error) => format!("it could not be waited for: {error}"),
            };
            let how = if leaked { format!("{how}, leaving a process of its own behind") } else { how };
            tell(Output::Exited(Exit { how, oom })).await;
        });
        Ok(process)
    }

    /// Keeps its standard error in another file from here on. What was written before is in the old one, so this is
    /// to be called between an answer and the next question.
    pub fn log_to(&self, path: &Path) {
        self.log.switch(path.to_path_buf());
    }

    /// What the end of its standard error, since the last [`Self::log_to`], says about memory.
    #[must_use]
    pub fn oom_in_log(&self) -> Option<Oom> {
        oom_in(&self.log.tail())
    }

    /// The last line of its standard error since the last [`Self::log_to`] that says anything, shortened, without what
    /// would move a terminal's cursor.
    #[must_use]
    pub fn last_line(&self) -> Option<String> {
        let tail = self.log.tail();
        let line = tail.lines().map(str::trim).rfind(|line| !line.is_empty())?;
        Some(line.chars().filter(|character| !character.is_control()).take(MAX_QUOTED).collect())
    }

    /// Queues a message; one to a process that has ended is lost, and its end is told anyway.
    pub fn send(&self, message: ToWorker) {
        if let Some(inbox) = &self.inbox {
            // A closed channel means that the process no longer reads.
            let _ = inbox.send(message);
        }
    }

    /// Closes the process's standard input.
    pub fn close(&mut self) {
        self.inbox = None;
    }

    /// KILL to the whole group.
    pub fn kill(&self) {
        self.killed.store(true, Ordering::SeqCst);
        kill_group(self.pid);
    }
}

/// Calls `act` on each SIGTERM, on a thread of its own. To be called before other threads are started.
///
/// # Errors
/// The system refuses to block the signal.
pub fn on_terminate(mut act: impl FnMut() + Send + 'static) -> io::Result<()> {
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGTERM);
    signals.thread_block()?;
    std::thread::spawn(move || {
        while signals.wait().is_ok() {
            act();
        }
    });
    Ok(())
}

/// Ends this process at once, and its process group where it leads one.
pub fn end_this() {
    let this = Pid::this();
    // Neither can fail for a process and its own group.
    let _ = if getpgrp() == this { killpg(this, Signal::SIGKILL) } else { kill(this, Signal::SIGKILL) };
}

fn kill_group(pid: u32) {
    // ESRCH is the aim: nobody is left.
    let _ = killpg(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL);
}

/// Starts a child that [`orphans`] is not to reap.
fn start(command: &mut Command) -> io::Result<Child> {
    let mut awaited = survivors::awaited();
    let child = command.spawn().map_err(start_error)?;
    awaited.extend(child.id());
    Ok(child)
}

/// Says what the system means where it has no room for another process.
fn start_error(error: io::Error) -> io::Error {
    if error.kind() != io::ErrorKind::WouldBlock {
        return error;
    }
    let limits = "`ulimit -u`, the cgroup's `pids.max` and `kernel.pid_max` are what can be raised";
    io::Error::new(error.kind(), format!("there are as many processes as are allowed: {limits}"))
}

/// Waits for the process and for its output to close; whoever of its group is left then is killed. Says whether
/// somebody else kept the output open.
async fn reap(
    child: &mut Child,
    pid: u32,
    reading: impl Future<Output = ()>,
) -> (io::Result<ExitStatus>, bool) {
    tokio::pin!(reading);
    let (status, leaked) = tokio::select! {
        () = &mut reading => (child.wait().await, false),
        status = child.wait() => (status, tokio::time::timeout(AFTER_EXIT, &mut reading).await.is_err()),
    };
    survivors::awaited().remove(&pid);
    kill_group(pid);
    (status, leaked)
}

fn describe(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(number)) => match Signal::try_from(number) {
            Ok(signal) => format!("killed by {signal}"),
            Err(_) => format!("killed by signal {number}"),
        },
        (None, None) => "ended in an unknown way".to_owned(),
    }
}

async fn write_messages(mut stdin: ChildStdin, mut outbox: mpsc::UnboundedReceiver<ToWorker>) {
    while let Some(message) = outbox.recv().await {
        let Ok(mut line) = serde_json::to_vec(&message) else { return };
        line.push(b'\n');
        if stdin.write_all(&line).await.is_err() {
            return; // it reads no more; its end will be told
        }
    }
}
