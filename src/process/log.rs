//! A worker's standard error: kept in a file that can be changed, up to a limit, and its end in memory.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::PathBuf,
    sync::{Mutex, MutexGuard},
};

use tokio::{net::unix::pipe, process::ChildStderr};

/// The most that one file keeps, in bytes; the rest is read and dropped.
const MAX_LOG: usize = 4 << 20;
/// The last line of a file that holds that much.
const DROPPED: &str = "\n[the rest was dropped: a log keeps 4 MiB]\n";
/// How much of its end is kept in memory, in bytes.
const TAIL: usize = 4 << 10;
const CHUNK: usize = 16 << 10;
/// The most that a pipe holds, in bytes, unless root made it larger.
const MAX_PIPE: usize = 1 << 20;

/// A worker's standard error and where it goes.
#[derive(Debug)]
pub(super) struct Log {
    pipe: pipe::Receiver,
    kept: Mutex<Kept>,
}

#[derive(Debug)]
struct Kept {
    path: PathBuf,
    /// There once something was written.
    file: Option<File>,
    /// What the file may still take; none once something was dropped.
    room: Option<usize>,
    tail: Vec<u8>,
    buffer: Vec<u8>,
}

impl Log {
    pub(super) fn new(stderr: ChildStderr, path: PathBuf) -> io::Result<Self> {
        let pipe = pipe::Receiver::from_owned_fd(stderr.into_owned_fd()?)?;
        let kept = Kept { path, file: None, room: Some(MAX_LOG), tail: Vec::new(), buffer: vec![0; CHUNK] };
        Ok(Self { pipe, kept: Mutex::new(kept) })
    }

    /// Keeps what is written until nobody can write any more.
    pub(super) async fn run(&self) {
        while self.pipe.readable().await.is_ok() {
            let mut kept = self.kept();
            let Kept { buffer, .. } = &mut *kept;
            match self.pipe.try_read(buffer) {
                Ok(0) => return,
                Ok(count) => kept.keep(count),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return,
            }
        }
    }

    /// Goes on in another file; all that was written until now is in the old one.
    pub(super) fn switch(&self, path: PathBuf) {
        let mut kept = self.drain();
        if kept.path != path {
            (kept.path, kept.file, kept.room) = (path, None, Some(MAX_LOG));
        }
        kept.tail.clear();
    }

    /// The end of what was written since the last switch.
    pub(super) fn tail(&self) -> String {
        String::from_utf8_lossy(&self.drain().tail).into_owned()
    }

    /// Reads what is in the pipe now. The pipe itself is asked, since the runtime may not have looked yet.
    fn drain(&self) -> MutexGuard<'_, Kept> {
        let mut kept = self.kept();
        for _ in 0..MAX_PIPE / CHUNK {
            let Kept { buffer, .. } = &mut *kept;
            match nix::unistd::read(&self.pipe, buffer) {
                Ok(count @ 1..) => kept.keep(count),
                _ => break,
            }
        }
        kept
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Kept {
    /// Keeps the first bytes of the buffer.
    fn keep(&mut self, count: usize) {
        let bytes = &self.buffer[..count];
        self.tail.extend_from_slice(&bytes[count.saturating_sub(TAIL)..]);
        self.tail.drain(..self.tail.len().saturating_sub(TAIL));
        if let Some(room) = self.room {
            // A full disk drops too: go on reading, so that the worker does not block.
            self.room = self.write(count, room).ok().flatten();
        }
    }

    /// Writes the first bytes of the buffer and returns what the file may take after that.
    fn write(&mut self, count: usize, mut room: usize) -> io::Result<Option<usize>> {
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let file = fs::OpenOptions::new().create(true).append(true).open(&self.path)?;
                let held = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
                room = room.saturating_sub(held);
                self.file.insert(file)
            }
        };
        file.write_all(&self.buffer[..count.min(room)])?;
        let left = room.checked_sub(count);
        if left.is_none() {
            file.write_all(DROPPED.as_bytes())?;
        }
        Ok(left)
    }
}
