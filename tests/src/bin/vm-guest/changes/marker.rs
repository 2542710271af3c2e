//! A number on the disk that the disk was not told to keep: what a power cut may take, and so shows that it takes something.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;

use anyhow::{Context as _, Result};
use nix::libc::O_DIRECT;

const PATH: &str = "/var/lib/vm-test-marker";
/// What a disk writes at once; `O_DIRECT` wants memory and length in multiples of it.
const BLOCK: usize = 4096;

/// The number.
pub(super) struct Marker {
    file: File,
    memory: Vec<u8>,
    found: u64,
    now: u64,
}

impl Marker {
    /// Reads the number, or begins with 0 in a file that was kept.
    pub(super) fn open() -> Result<Self> {
        let mut file = File::options().read(true).write(true).create(true).truncate(false).open(PATH)?;
        let mut bytes = [0; 8];
        let found = if file.metadata()?.len() < BLOCK as u64 {
            file.write_all(&[0; BLOCK])?;
            file.sync_all()?;
            0
        } else {
            file.read_exact(&mut bytes)?;
            u64::from_le_bytes(bytes)
        };
        let file = File::options().write(true).custom_flags(O_DIRECT).open(PATH).context("opening the marker")?;
        Ok(Self { file, memory: vec![0; 2 * BLOCK], found, now: found })
    }

    /// The number that was there at first.
    pub(super) const fn found(&self) -> u64 {
        self.found
    }

    /// Hands the next number to the disk, and returns it.
    pub(super) fn write(&mut self) -> Result<u64> {
        self.now += 1;
        let first = self.memory.as_ptr().align_offset(BLOCK);
        let block = self.memory.get_mut(first..first + BLOCK).context("no block in two")?;
        block[..8].copy_from_slice(&self.now.to_le_bytes());
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(block).context("writing the marker")?;
        Ok(self.now)
    }
}
