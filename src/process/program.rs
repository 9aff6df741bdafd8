//! A program that a worker starts for itself: it stays in the worker's process group, ends with it, and reports
//! through a pipe of its own.

use std::{
    ffi::OsString,
    fs::File,
    io,
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::process::{CommandExt, ExitStatusExt},
    },
    path::Path,
    process::{Command, ExitStatus, Stdio},
};

use nix::{
    errno::Errno,
    fcntl::{FcntlArg, FdFlag, OFlag, fcntl},
    sys::{
        prctl,
        signal::{SigSet, Signal, kill},
    },
    unistd::{Pid, getppid, pipe2},
};

use super::{Exit, Oom, describe, limits, memory, start_error};

/// What is started.
#[derive(Debug)]
pub struct Launch<'a> {
    /// The program and its arguments; never empty.
    pub command: &'a [String],
    pub folder: &'a Path,
    /// Variables beside those of this process.
    pub environment: Vec<(&'a str, OsString)>,
    /// The variable that gets the number of the pipe for reports.
    pub reports: &'a str,
}

/// A running program. [`super::Watch`] tells of its end.
#[derive(Debug)]
pub struct Program {
    pub pid: u32,
    /// What it reports; reading does not wait.
    pub reports: File,
    /// The kernel's counter when it was started.
    kills: Option<u64>,
}

impl Program {
    /// Starts it without standard input; what it prints goes to this process's standard error. It is killed when
    /// the calling thread ends, so that should be the main one.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(launch: Launch<'_>) -> io::Result<Self> {
        let (program, arguments) = launch.command.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let (reports, write) = pipe2(OFlag::O_CLOEXEC)?;
        fcntl(&reports, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(launch.folder)
            .env_remove(limits::VARIABLE)
            .envs(launch.environment)
            .env(launch.reports, write.as_raw_fd().to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::from(io::stderr()))
            .stderr(Stdio::inherit());
        bind(&mut command, write);
        let kills = memory::kills();
        // It is reaped together with whatever it leaves behind.
        let child = command.spawn().map_err(start_error)?;
        Ok(Self { pid: child.id(), reports: reports.into(), kills })
    }

    /// KILL to the program alone.
    pub fn kill(&self) {
        // It is not reaped before this process asks, so the number is still its own.
        let _ = kill(Pid::from_raw(self.pid.cast_signed()), Signal::SIGKILL);
    }

    /// How it ended, for one that nobody here killed.
    #[must_use]
    pub fn exit(&self, status: ExitStatus) -> Exit {
        Exit { how: describe(status), oom: killed_for_memory(status, self.kills).then_some(Oom::Host) }
    }
}

/// Whether the kernel killed a process, and has killed for want of memory since it counted `before`.
pub(super) fn killed_for_memory(status: ExitStatus, before: Option<u64>) -> bool {
    let killed = status.signal() == Some(Signal::SIGKILL as i32);
    killed && before.zip(memory::kills()).is_some_and(|(before, now)| now > before)
}

/// Lets the child keep the pipe, end with this thread and take all signals, which this process may have blocked.
fn bind(command: &mut Command, pipe: OwnedFd) {
    let parent = Pid::this();
    let prepare = move || {
        fcntl(&pipe, FcntlArg::F_SETFD(FdFlag::empty()))?;
        prctl::set_pdeathsig(Signal::SIGKILL)?;
        SigSet::empty().thread_set_mask()?;
        // A parent that ended before it was set sends no signal.
        if getppid() == parent { Ok(()) } else { Err(Errno::ESRCH.into()) }
    };
    #[expect(
        unsafe_code,
        reason = "only the child can ask for this, and the four calls are async-signal-safe"
    )]
    unsafe {
        command.pre_exec(prepare);
    }
}
