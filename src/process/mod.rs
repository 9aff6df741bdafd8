//! Worker processes: started in a process group of their own, read line by line, killed as a group, always
//! reaped. Enter at [`Process::spawn`]. What lines mean is not known here.

mod lines;
mod machine;

use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use nix::{
    sys::signal::{SigSet, Signal, kill, killpg},
    unistd::{Pid, getpgrp},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    process::{Child, ChildStdin, Command},
    sync::mpsc,
};

use sweep_wire::{FromWorker, ToWorker};

pub use machine::{Limits, Running, allowed_cores, free_space, is_alive, limits, running, user};

/// The most of a worker's standard error that is kept, in bytes; the rest is read and dropped.
const MAX_LOG: u64 = 4 << 20;
/// How long output may stay open after its process ended: a grandchild holds it.
const AFTER_EXIT: Duration = Duration::from_millis(500);

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
    /// The last output of a process, after everything it said; the text says how it ended.
    Exited(String),
}

/// A running process. Dropping it closes its standard input and leaves it to end by itself.
#[derive(Debug)]
pub struct Process {
    pub pid: u32,
    inbox: Option<mpsc::UnboundedSender<ToWorker>>,
}

impl Process {
    /// Starts a program; `tell` gets its output and, last, its end. Its standard error goes to the file `log`.
    ///
    /// # Errors
    /// The program cannot be started or the log not be written.
    pub fn spawn<F>(
        command: &[OsString],
        log: &Path,
        mut tell: impl FnMut(Output) -> F + Send + 'static,
    ) -> io::Result<Self>
    where
        F: Future<Output = ()> + Send,
    {
        let (program, arguments) = command.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let file = LogFile { path: log.to_path_buf(), file: None };
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let pid = child.id().ok_or(io::ErrorKind::NotFound)?;
        let missing = || io::Error::from(io::ErrorKind::BrokenPipe);
        let stdin = child.stdin.take().ok_or_else(missing)?;
        let stdout = child.stdout.take().ok_or_else(missing)?;
        let stderr = child.stderr.take().ok_or_else(missing)?;
        let (inbox, outbox) = mpsc::unbounded_channel();
        tokio::spawn(write_messages(stdin, outbox));
        tokio::spawn(async move {
            let how = {
                let reading = async {
                    tokio::join!(lines::read(stdout, &mut tell), keep_log(stderr, file));
                };
                reap(&mut child, pid, reading).await
            };
            tell(Output::Exited(how)).await;
        });
        Ok(Self { pid, inbox: Some(inbox) })
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

/// Waits for the process and for its output to close; whoever of its group is left then is killed.
async fn reap(child: &mut Child, pid: u32, reading: impl Future<Output = ()>) -> String {
    tokio::pin!(reading);
    let (status, leaked) = tokio::select! {
        () = &mut reading => (child.wait().await, false),
        status = child.wait() => (status, tokio::time::timeout(AFTER_EXIT, &mut reading).await.is_err()),
    };
    kill_group(pid);
    let how = match status {
        Ok(status) => describe(status),
        Err(error) => format!("it could not be waited for: {error}"),
    };
    if leaked { format!("{how}, leaving a process of its own behind") } else { how }
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

/// A log that exists once something was written to it.
struct LogFile {
    path: PathBuf,
    file: Option<tokio::fs::File>,
}

impl LogFile {
    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.file.is_none() {
            self.file = Some(tokio::fs::File::create(&self.path).await?);
        }
        match &mut self.file {
            Some(file) => file.write_all(bytes).await,
            None => Ok(()),
        }
    }
}

async fn keep_log(mut stderr: impl AsyncRead + Unpin, mut log: LogFile) {
    let mut room = MAX_LOG;
    let mut buffer = vec![0; 16 << 10];
    while let Ok(count @ 1..) = stderr.read(&mut buffer).await {
        let kept = count.min(usize::try_from(room).unwrap_or(usize::MAX));
        room -= kept as u64;
        if kept > 0 && log.write(&buffer[..kept]).await.is_err() {
            room = 0; // a full disk: go on draining, so that the worker does not block
        }
    }
    if let Some(file) = &mut log.file {
        let _ = file.flush().await;
    }
}
