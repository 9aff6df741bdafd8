//! A command's side of the socket.

use std::{
    io::{self, BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use super::{
    protocol::{Question, Reply, Request, VERSION},
    socket,
};

/// How long a scheduler may take to answer; it may be busy with a large commit.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection to the scheduler of a home.
#[derive(Debug)]
pub struct Client {
    stream: BufReader<UnixStream>,
}

impl Client {
    /// None where no scheduler listens.
    ///
    /// # Errors
    /// The socket is there and cannot be used.
    pub fn connect(home: &Path) -> io::Result<Option<Self>> {
        let Ok((_folder, path)) = socket(home) else { return Ok(None) };
        let stream = match UnixStream::connect(path) {
            Ok(stream) => stream,
            Err(error)
                if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Some(Self { stream: BufReader::new(stream) }))
    }

    /// Sends the one request of this connection; the replies follow.
    ///
    /// # Errors
    /// The scheduler went away.
    pub fn ask(mut self, request: Request) -> io::Result<Replies> {
        let mut line = serde_json::to_vec(&Question { version: VERSION, request })?;
        line.push(b'\n');
        self.stream.get_mut().write_all(&line)?;
        Ok(Replies { stream: self.stream, line: Vec::new() })
    }
}

/// What the scheduler answers, until it ends the connection.
#[derive(Debug)]
pub struct Replies {
    stream: BufReader<UnixStream>,
    /// The part of a line that came before the patience ended.
    line: Vec<u8>,
}

impl Replies {
    /// The first and only reply.
    ///
    /// # Errors
    /// The scheduler went away without one.
    pub fn only(mut self) -> io::Result<Reply> {
        self.next().unwrap_or_else(|| Err(io::ErrorKind::UnexpectedEof.into()))
    }
}

impl Replies {
    /// How long the next reply may take; for ever, if that is nothing.
    ///
    /// # Errors
    /// The system refuses.
    pub fn patience(&self, time: Option<Duration>) -> io::Result<()> {
        // Zero would mean for ever.
        self.stream.get_ref().set_read_timeout(time.map(|time| time.max(Duration::from_millis(1))))
    }
}

impl Iterator for Replies {
    type Item = io::Result<Reply>;

    fn next(&mut self) -> Option<io::Result<Reply>> {
        match self.stream.read_until(b'\n', &mut self.line) {
            Ok(0) => None,
            Ok(_) => {
                let line = std::mem::take(&mut self.line);
                Some(serde_json::from_slice(&line).map_err(io::Error::other))
            }
            Err(error) => Some(Err(error)),
        }
    }
}
