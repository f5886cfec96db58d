//! What belongs where in guest memory.

use crate::StartRegisters;
use alloc::vec::Vec;
use base_units::Gpa;

/// What a piece of the image holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Content {
    /// These bytes.
    Bytes(Vec<u8>),
    /// Part of the kernel file.
    Kernel {
        /// Where it starts in the file.
        offset: u64,
        /// Bytes.
        bytes: u64,
    },
    /// The whole initial RAM disk.
    Initrd {
        /// Bytes.
        bytes: u64,
    },
    /// Zeros.
    Zero {
        /// Bytes.
        bytes: u64,
    },
}

impl Content {
    /// Bytes of it.
    pub fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Kernel { bytes, .. } | Self::Initrd { bytes } | Self::Zero { bytes } => *bytes,
        }
    }

    /// Whether there is nothing to copy.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One run of bytes with its place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Piece {
    /// Where its first byte belongs.
    pub to: Gpa,
    /// What it is.
    pub content: Content,
}

/// Everything that has to be in memory and in registers before the first instruction. Having one
/// proves that all pieces lie in the machine's RAM and do not overlap.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BootImage {
    /// What to copy.
    pub pieces: Vec<Piece>,
    /// The registers of the first vCPU.
    pub registers: StartRegisters,
}
