//! Writing files of which large parts are zeros: those take no room on the disk, whatever sent them.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};

/// File systems give room in blocks of this size, or of a multiple.
const BLOCK: usize = 4096;

/// A new file. Blocks of zeros become holes; [`Sparse::finish`] must be called at its end.
#[derive(Debug)]
pub(crate) struct Sparse {
    file: File,
    /// Zeros that were not written yet.
    hole: u64,
}

impl Sparse {
    /// `file` is empty.
    pub(crate) fn new(file: File) -> Sparse {
        Sparse { file, hole: 0 }
    }

    /// Gives the file its size.
    ///
    /// # Errors
    /// As of writing.
    pub(crate) fn finish(mut self) -> io::Result<File> {
        if self.hole > 0 {
            let end = self.file.stream_position()? + self.hole;
            self.file.set_len(end)?;
            self.file.seek(SeekFrom::Start(end))?;
        }
        Ok(self.file)
    }
}

fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

impl Write for Sparse {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Runs of blocks that are alike are written, or left out, at once.
        let mut at = 0;
        while at < bytes.len() {
            let block = |from: usize| &bytes[from..(from + BLOCK).min(bytes.len())];
            let first = block(at);
            let leave_out = |part: &[u8]| part.len() == BLOCK && is_zero(part);
            let is_hole = leave_out(first);
            let mut end = at + first.len();
            while end < bytes.len() && leave_out(block(end)) == is_hole {
                end += block(end).len();
            }
            if is_hole {
                self.hole += (end - at) as u64;
            } else {
                if self.hole > 0 {
                    self.file.seek(SeekFrom::Current(i64::try_from(self.hole).map_err(io::Error::other)?))?;
                    self.hole = 0;
                }
                self.file.write_all(&bytes[at..end])?;
            }
            at = end;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::fs::MetadataExt;

    use proptest::prelude::*;

    use super::*;

    fn written(pieces: &[Vec<u8>]) -> (File, Vec<u8>) {
        let mut sparse = Sparse::new(tempfile::tempfile().unwrap());
        for piece in pieces {
            sparse.write_all(piece).unwrap();
        }
        let mut file = sparse.finish().unwrap();
        file.seek(SeekFrom::Start(0)).unwrap();
        let mut content = Vec::new();
        file.read_to_end(&mut content).unwrap();
        (file, content)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn what_is_written_is_read(pieces in prop::collection::vec((0_u8..3, 0_usize..20_000), 0..12)) {
            let pieces: Vec<Vec<u8>> = pieces.iter().map(|(byte, size)| vec![byte.saturating_sub(1); *size]).collect();
            let (_, content) = written(&pieces);
            prop_assert_eq!(content, pieces.concat());
        }
    }

    #[test]
    fn zeros_take_no_room() {
        let (file, content) = written(&[vec![0; 8 << 20], b"end".to_vec(), vec![0; 8 << 20]]);
        assert_eq!(content.len(), (16 << 20) + 3);
        let room = file.metadata().unwrap().blocks() * 512;
        assert!(room < 1 << 20, "{room}");
    }
}
