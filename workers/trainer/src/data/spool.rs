//! Bytes that stay in memory up to a limit and on disk beyond it.

use std::{
    fs::File,
    io::{self, BufWriter, Read, Write},
    path::Path,
};

use super::array::Bytes;

/// How much memory is left for samples, in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    pub(crate) left: u64,
}

impl Memory {
    /// A file that can be read in place: in memory if it fits, else where it is.
    ///
    /// # Errors
    /// The disk.
    pub(crate) fn file(&mut self, path: &Path) -> io::Result<Bytes> {
        let mut file = File::open(path)?;
        let size = file.metadata()?.len();
        if size > self.left {
            return Ok(Bytes::Disk(file));
        }
        let mut bytes = Vec::with_capacity(size as usize);
        // A file that grows meanwhile is cut off here.
        Read::by_ref(&mut file).take(size).read_to_end(&mut bytes)?;
        self.left -= size;
        Ok(Bytes::Memory(bytes))
    }

    /// Where decoded samples go.
    pub(crate) fn spool(&mut self) -> Spool<'_> {
        Spool { memory: self, bytes: Vec::new(), file: None }
    }
}

/// Decoded samples: in memory if they fit, else in a file without a name, which is gone when it is closed.
#[derive(Debug)]
pub(crate) struct Spool<'a> {
    memory: &'a mut Memory,
    bytes: Vec<u8>,
    file: Option<BufWriter<File>>,
}

impl Spool<'_> {
    /// What was written.
    ///
    /// # Errors
    /// The disk.
    pub(crate) fn finish(self) -> io::Result<Bytes> {
        match self.file {
            Some(file) => Ok(Bytes::Disk(file.into_inner().map_err(io::IntoInnerError::into_error)?)),
            None => {
                self.memory.left -= self.bytes.len() as u64;
                Ok(Bytes::Memory(self.bytes))
            }
        }
    }
}

impl Write for Spool<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(file) = &mut self.file {
            return file.write(bytes);
        }
        if (self.bytes.len() + bytes.len()) as u64 <= self.memory.left {
            self.bytes.extend_from_slice(bytes);
            return Ok(bytes.len());
        }
        let mut file = BufWriter::with_capacity(1 << 20, tempfile::tempfile()?);
        file.write_all(&std::mem::take(&mut self.bytes))?;
        self.file.insert(file).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), Write::flush)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_goes_to_disk_whole() {
        let mut memory = Memory { left: 10 };
        for (size, on_disk, left) in [(4, false, 6), (7, true, 6), (6, false, 0), (1, true, 0)] {
            let mut spool = memory.spool();
            (0..size).for_each(|byte: u8| spool.write_all(&[byte]).unwrap());
            let bytes = match spool.finish().unwrap() {
                Bytes::Memory(bytes) => {
                    assert!(!on_disk);
                    bytes
                }
                Bytes::Disk(mut file) => {
                    assert!(on_disk);
                    let mut bytes = vec![];
                    io::Seek::rewind(&mut file).unwrap();
                    file.read_to_end(&mut bytes).unwrap();
                    bytes
                }
            };
            assert_eq!(bytes, (0..size).collect::<Vec<u8>>());
            assert_eq!(memory.left, left);
        }
    }
}
