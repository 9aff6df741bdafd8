//! All that a worker without threads waits for: its input, a pipe, its children and SIGTERM.

use std::{
    io,
    os::{
        fd::{AsFd, BorrowedFd},
        unix::process::ExitStatusExt,
    },
    process::ExitStatus,
    time::Duration,
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        signal::{SigSet, Signal, killpg},
        signalfd::{SfdFlags, SignalFd},
    },
    unistd::{Pid, getpgrp, setpgid},
};
use rustix::process::{WaitOptions, wait};

use super::{
    proc,
    survivors::{Stray, end, subreaper},
};

/// What ended a wait; nothing where time did, or a child.
#[derive(Debug, Clone, Copy, Default)]
pub struct Woken {
    pub input: bool,
    pub pipe: bool,
    /// Somebody else sent SIGTERM.
    pub terminate: bool,
}

/// The children that have ended.
#[derive(Debug, Default)]
pub struct Reaped {
    pub ended: Vec<(u32, ExitStatus)>,
    /// There are no others.
    pub none_left: bool,
}

/// Waits for a process that has one thread. It leads its process group and inherits all that its descendants
/// leave behind.
#[derive(Debug)]
pub struct Watch {
    signals: SignalFd,
}

impl Watch {
    /// Takes over SIGCHLD and SIGTERM. To be called before other threads or programs are started.
    ///
    /// # Errors
    /// The system refuses.
    pub fn new() -> io::Result<Self> {
        if getpgrp() != Pid::this() {
            setpgid(Pid::from_raw(0), Pid::from_raw(0))?;
        }
        subreaper()?;
        let mut signals = SigSet::empty();
        signals.add(Signal::SIGCHLD);
        signals.add(Signal::SIGTERM);
        signals.thread_block()?;
        let signals = SignalFd::with_flags(&signals, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        Ok(Self { signals })
    }

    /// Waits until something can be read, a child ends, SIGTERM arrives or the time is over.
    ///
    /// # Errors
    /// The system refuses.
    pub fn wait(
        &self,
        input: Option<BorrowedFd<'_>>,
        pipe: Option<BorrowedFd<'_>>,
        time: Duration,
    ) -> io::Result<Woken> {
        let signals = self.signals.as_fd();
        let mut polled: Vec<_> = [Some(signals), input, pipe]
            .into_iter()
            .flatten()
            .map(|fd| PollFd::new(fd, PollFlags::POLLIN))
            .collect();
        // Rounded up, so that a wait does not end just before its time.
        let time = PollTimeout::try_from(time + Duration::from_micros(999)).unwrap_or(PollTimeout::MAX);
        match poll(&mut polled, time) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        let mut ready = polled.iter().map(|fd| fd.any().unwrap_or(false));
        let signalled = ready.next().unwrap_or(false);
        let input = input.is_some() && ready.next().unwrap_or(false);
        let pipe = pipe.is_some() && ready.next().unwrap_or(false);
        Ok(Woken { input, pipe, terminate: signalled && self.terminated()? })
    }

    /// TERM to all of the group but this process. Answers whether somebody else's TERM to this one came with it.
    ///
    /// # Errors
    /// The system refuses.
    pub fn terminate_others(&self) -> io::Result<bool> {
        // It cannot fail for one's own group.
        let _ = killpg(getpgrp(), Signal::SIGTERM);
        self.terminated()
    }

    /// Takes the signals that wait; whether one was a TERM of somebody else. This process's own reaches it too,
    /// through its group.
    fn terminated(&self) -> io::Result<bool> {
        let mut terminated = false;
        while let Some(signal) = self.signals.read_signal()? {
            let own = signal.ssi_pid == std::process::id();
            terminated |= signal.ssi_signo == Signal::SIGTERM as u32 && !own;
        }
        Ok(terminated)
    }

    /// Takes note of the children that have ended, without waiting.
    #[must_use]
    pub fn reap(&self) -> Reaped {
        let mut reaped = Reaped::default();
        loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) => {
                    let status = ExitStatus::from_raw(status.as_raw());
                    reaped.ended.push((pid.as_raw_nonzero().get().cast_unsigned(), status));
                }
                Ok(None) => return reaped,
                Err(_) => {
                    reaped.none_left = true;
                    return reaped;
                }
            }
        }
    }

    /// KILL to all descendants that still run; to be repeated until none is left, since they may start others.
    pub fn kill_descendants(&self) -> Vec<Stray> {
        let processes = proc::all();
        let descendants = proc::descendants(&processes, std::process::id());
        let running = descendants.into_iter().filter(|descendant| !descendant.zombie);
        running
            .map(|descendant| {
                end(descendant);
                Stray::from(descendant)
            })
            .collect()
    }
}
