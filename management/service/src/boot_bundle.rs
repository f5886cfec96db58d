//! The boot bundle in its memory object.

use alloc::{collections::BTreeSet, string::String, vec, vec::Vec};
use core::cell::RefCell;
use loader_bundle::{Bundle, Checksum, Entry, HEADER_BYTES, Refusal};
use user_rt::{Error, Group, Memory, Object, ProgramFile};

/// Bytes verified at once: a compromise between system calls and heap.
const PIECE_BYTES: usize = 64 * 1024;
/// Bytes of a manifest or definition file at the most.
const TEXT_BYTES_MAX: u64 = management_config::TEXT_BYTES_MAX as u64;

/// Why a file of the bundle cannot be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum BundleFailure {
    /// The bundle's table is not good.
    Table(Refusal),
    /// The file is not there, or not as it was packed.
    File { name: String, refusal: Refusal },
    /// The file has no bytes, so that there is no medium or program in it.
    Empty(String),
    /// The file is longer than a text of its kind may be.
    TooLong(String),
    /// The kernel refused to read or copy.
    Kernel(Error),
}

impl From<Error> for BundleFailure {
    fn from(error: Error) -> Self {
        BundleFailure::Kernel(error)
    }
}

impl core::fmt::Display for BundleFailure {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            BundleFailure::Table(refusal) => write!(out, "boot bundle: {refusal}; build the image again"),
            BundleFailure::File { name, refusal: Refusal::NotFound } => {
                write!(out, "the file {name} is missing in the boot bundle; build the image again")
            }
            BundleFailure::File { name, refusal: Refusal::FileDamaged } => {
                write!(out, "the file {name} in the boot bundle is damaged; build the image again")
            }
            BundleFailure::File { name, refusal } => {
                write!(out, "the file {name}: {refusal}; build the image again")
            }
            BundleFailure::Empty(name) => write!(out, "the file {name} is empty"),
            BundleFailure::TooLong(name) => write!(out, "the file {name} in the boot bundle is too long"),
            BundleFailure::Kernel(error) => {
                write!(out, "the kernel refused to read the boot bundle: {error:?}")
            }
        }
    }
}

/// A file of the bundle by its place in it. Having one proves that its content was verified.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct BundleFile {
    offset: u64,
    /// Bytes of the file.
    pub(crate) bytes: u64,
    padded_bytes: u64,
}

/// The bundle. Having one proves that its table was verified.
pub(crate) struct BootBundle {
    memory: Memory,
    table: Vec<u8>,
    present_bytes: u64,
    /// Offsets of the files whose content was verified.
    verified: RefCell<BTreeSet<u64>>,
}

impl BootBundle {
    /// Reads and checks header and table.
    pub(crate) fn open(memory: &Memory) -> Result<Self, BundleFailure> {
        let present_bytes = memory.info()?.bytes;
        let mut header = vec![0; HEADER_BYTES];
        memory.read(0, &mut header)?;
        let mut table = vec![0; Bundle::table_end(&header).map_err(BundleFailure::Table)?];
        memory.read(0, &mut table)?;
        Bundle::parse(&table, present_bytes).map_err(BundleFailure::Table)?;
        let memory = memory.duplicate_all()?;
        Ok(Self { memory, table, present_bytes, verified: RefCell::default() })
    }

    /// Whether the bundle has a file of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.entry(name).is_ok()
    }

    /// The text file of this name, verified.
    pub(crate) fn read(&self, name: &str) -> Result<Vec<u8>, BundleFailure> {
        let entry = self.entry(name)?;
        if entry.bytes > TEXT_BYTES_MAX {
            return Err(BundleFailure::TooLong(name.into()));
        }
        let mut content = vec![0; usize::try_from(entry.bytes).unwrap_or(0)];
        self.memory.read(entry.offset, &mut content)?;
        entry.verify(&content).map_err(|refusal| BundleFailure::File { name: name.into(), refusal })?;
        Ok(content)
    }

    /// The file of this name, verified the first time that somebody wants it.
    pub(crate) fn find(&self, name: &str) -> Result<BundleFile, BundleFailure> {
        let entry = self.entry(name)?;
        if !self.verified.borrow().contains(&entry.offset) {
            self.verify(&entry)?;
            self.verified.borrow_mut().insert(entry.offset);
        }
        Ok(BundleFile { offset: entry.offset, bytes: entry.bytes, padded_bytes: entry.padded_bytes() })
    }

    /// A copy-on-write copy of a file, paid for by `group`.
    pub(crate) fn clone_file(&self, file: BundleFile, group: &Group) -> Result<Memory, Error> {
        self.memory.clone_range(file.offset, file.padded_bytes, group)
    }

    /// A program file for the loader.
    pub(crate) fn program(&self, file: BundleFile) -> ProgramFile<'_> {
        ProgramFile { memory: &self.memory, offset: file.offset, bytes: file.bytes }
    }

    fn entry(&self, name: &str) -> Result<Entry<'_>, BundleFailure> {
        // Parsing again costs little: the table is short and asked for at starts only.
        let bundle = Bundle::parse(&self.table, self.present_bytes).map_err(BundleFailure::Table)?;
        bundle.find(name).map_err(|refusal| BundleFailure::File { name: name.into(), refusal })
    }

    fn verify(&self, entry: &Entry<'_>) -> Result<(), BundleFailure> {
        let mut checksum = Checksum::new();
        let mut piece = vec![0; PIECE_BYTES.min(usize::try_from(entry.bytes).unwrap_or(PIECE_BYTES))];
        let mut done = 0u64;
        while done < entry.bytes {
            let left = usize::try_from(entry.bytes - done).unwrap_or(PIECE_BYTES);
            let length = left.min(PIECE_BYTES);
            let Some(target) = piece.get_mut(..length) else { break };
            self.memory.read(entry.offset.saturating_add(done), target)?;
            checksum.update(target);
            done = done.saturating_add(length as u64);
        }
        if checksum.value() == entry.checksum {
            return Ok(());
        }
        Err(BundleFailure::File { name: entry.name.into(), refusal: Refusal::FileDamaged })
    }
}
