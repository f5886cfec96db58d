//! Commands and how they end (4.2, 4.6).

use spec::nvme::{COMMAND_BYTES, status};

/// A command as the host wrote it. Nothing in it has been checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Command {
    dwords: [u32; COMMAND_BYTES / 4],
}

impl Command {
    pub(crate) fn parse(raw: &[u8; COMMAND_BYTES]) -> Self {
        let mut dwords = [0; COMMAND_BYTES / 4];
        for (dword, bytes) in dwords.iter_mut().zip(raw.chunks_exact(4)) {
            *dword = u32::from_le_bytes(bytes.try_into().unwrap_or_default());
        }
        Self { dwords }
    }

    /// One of the sixteen dwords.
    pub(crate) fn dword(&self, index: usize) -> u32 {
        self.dwords.get(index).copied().unwrap_or(0)
    }

    fn qword(&self, index: usize) -> u64 {
        u64::from(self.dword(index)) | u64::from(self.dword(index.saturating_add(1))) << 32
    }

    pub(crate) fn opcode(&self) -> u8 {
        self.dword(0) as u8
    }

    /// The host's name for the command.
    pub(crate) fn id(&self) -> u16 {
        (self.dword(0) >> 16) as u16
    }

    /// Whether it is half of a pair, or describes its data otherwise than by pages: neither is supported.
    pub(crate) fn is_exotic(&self) -> bool {
        self.dword(0) & 0xC300 != 0
    }

    pub(crate) fn namespace(&self) -> u32 {
        self.dword(1)
    }

    /// The two entries that say where data lies.
    pub(crate) fn pages(&self) -> (u64, u64) {
        (self.qword(6), self.qword(8))
    }

    /// First block of a read or write.
    pub(crate) fn first_block(&self) -> u64 {
        self.qword(10)
    }

    /// Number of blocks of a read or write: it is written as one less.
    pub(crate) fn blocks(&self) -> u64 {
        u64::from(self.dword(12) & 0xFFFF).saturating_add(1)
    }
}

/// Why a command failed: code type and code, with "do not retry" if that makes no sense.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Failure(pub(crate) u16);

impl Failure {
    /// A failure that comes again however often the command is tried.
    pub(crate) const fn lasting(code: u16) -> Self {
        Self(code | status::DO_NOT_RETRY)
    }
}

/// How a command ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum End {
    /// With this in the first dword of the completion.
    Done(u32),
    /// Later.
    Later,
}

/// A command's end, or why it failed.
pub(crate) type Outcome = Result<End, Failure>;
