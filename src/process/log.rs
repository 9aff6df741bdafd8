//! A worker's standard error: kept in a file that can be changed, up to a limit, and its end in memory.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::PathBuf,
    sync::{Mutex, MutexGuard},
};

use tokio::{net::unix::pipe, process::ChildStderr};

/// The most that one file keeps of the beginning, in bytes; the rest is read and dropped.
const MAX_LOG: usize = 4 << 20;
/// The most that it keeps of the end, where most programs say what went wrong; in memory until then.
const TAIL: usize = 64 << 10;
/// How much of that is looked at for words about memory.
const LAST_WORDS: usize = 4 << 10;
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
    /// What the file may still take.
    room: usize,
    /// What it did not take.
    dropped: usize,
    tail: Vec<u8>,
    buffer: Vec<u8>,
}

impl Log {
    pub(super) fn new(stderr: ChildStderr, path: PathBuf) -> io::Result<Self> {
        let pipe = pipe::Receiver::from_owned_fd(stderr.into_owned_fd()?)?;
        let (tail, buffer) = (Vec::new(), vec![0; CHUNK]);
        let kept = Kept { path, file: None, room: MAX_LOG, dropped: 0, tail, buffer };
        Ok(Self { pipe, kept: Mutex::new(kept) })
    }

    /// Keeps what is written until nobody can write any more.
    pub(super) async fn run(&self) {
        while self.pipe.readable().await.is_ok() {
            let mut kept = self.kept();
            let Kept { buffer, .. } = &mut *kept;
            match self.pipe.try_read(buffer) {
                Ok(0) => return kept.finish(),
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
            kept.finish();
            (kept.path, kept.file, kept.room) = (path, None, MAX_LOG);
        }
        kept.tail.clear();
    }

    /// The end of what was written since the last switch.
    pub(super) fn tail(&self) -> String {
        let kept = self.drain();
        String::from_utf8_lossy(&kept.tail[kept.tail.len().saturating_sub(LAST_WORDS)..]).into_owned()
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
        // A full disk drops too: go on reading, so that the worker does not block.
        let written = self.write(count).unwrap_or(0);
        self.dropped += count - written;
    }

    /// Writes of the first bytes of the buffer what the file may take, and returns how much that was.
    fn write(&mut self, count: usize) -> io::Result<usize> {
        if self.dropped > 0 {
            return Ok(0);
        }
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let file = fs::OpenOptions::new().create(true).append(true).open(&self.path)?;
                let held = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
                self.room = self.room.saturating_sub(held);
                self.file.insert(file)
            }
        };
        let taken = count.min(self.room);
        file.write_all(&self.buffer[..taken])?;
        self.room -= taken;
        Ok(taken)
    }

    /// Writes the end of what was dropped, and how much is missing before it.
    fn finish(&mut self) {
        let dropped = std::mem::take(&mut self.dropped);
        let tail = &self.tail[self.tail.len().saturating_sub(dropped)..];
        if let (Some(file), 1..) = (&mut self.file, dropped) {
            let missing = format!("\n[{} bytes are missing here]\n", dropped - tail.len());
            // A full disk has no room for it either.
            let _ = file.write_all(missing.as_bytes()).and_then(|()| file.write_all(tail));
        }
    }
}
