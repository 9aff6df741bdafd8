//! Bytes → lines, none longer than the wire allows.

use std::io::{self, Read};

use sweep_wire::MAX_LINE;

const CHUNK: usize = 64 << 10;

/// What was read and is not yet taken.
#[derive(Debug, Default)]
pub(super) struct Lines {
    held: Vec<u8>,
    /// Where the next line starts, and how far there is no line feed.
    start: usize,
    seen: usize,
}

impl Lines {
    /// Reads once; how many bytes came.
    ///
    /// # Errors
    /// Those of reading.
    pub(super) fn fill(&mut self, from: &mut impl Read) -> io::Result<usize> {
        self.held.drain(..self.start);
        self.seen -= self.start;
        self.start = 0;
        let before = self.held.len();
        self.held.resize(before + CHUNK, 0);
        let count = from.read(&mut self.held[before..]);
        self.held.truncate(before + *count.as_ref().unwrap_or(&0));
        count
    }

    /// The next whole line, without its line feed.
    pub(super) fn next(&mut self) -> Option<&[u8]> {
        let start = self.start;
        match self.held[self.seen..].iter().position(|byte| *byte == b'\n') {
            Some(length) => {
                let end = self.seen + length;
                (self.start, self.seen) = (end + 1, end + 1);
                Some(&self.held[start..end])
            }
            None => {
                self.seen = self.held.len();
                None
            }
        }
    }

    /// What follows the last whole line.
    pub(super) fn rest(&self) -> &[u8] {
        &self.held[self.start..]
    }
}

/// Whether a line, without its line feed, is longer than the wire allows, or will be once it ends.
pub(super) fn too_long(line: &[u8]) -> bool {
    line.len() >= MAX_LINE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_whole_whatever_the_pieces() {
        let mut lines = Lines::default();
        let mut taken = Vec::new();
        for piece in ["a", "b\n\nc", "", "d\ne", "f"] {
            lines.fill(&mut piece.as_bytes()).unwrap();
            while let Some(line) = lines.next() {
                taken.push(String::from_utf8(line.to_vec()).unwrap());
            }
        }
        assert_eq!(taken, ["ab", "", "cd"]);
        assert_eq!(lines.rest(), b"ef");
    }
}
