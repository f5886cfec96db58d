//! Commands and their parameters (82077AA data sheet, 5.0).

/// Bytes of a command at the most.
pub(super) const COMMAND_BYTES: usize = 9;

/// What the first byte asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Operation {
    ReadTrack,
    Specify,
    SenseDrive,
    Write,
    Read,
    Recalibrate,
    SenseInterrupt,
    WriteDeleted,
    ReadId,
    ReadDeleted,
    Format,
    DumpRegisters,
    Seek,
    Version,
    Perpendicular,
    Configure,
    Lock,
    Verify,
    RelativeSeek,
    Invalid,
}

impl Operation {
    /// Decodes the first byte. Upper bits are options of some commands.
    pub(super) fn decode(byte: u8) -> Self {
        match (byte & 0x1F, byte) {
            (_, 0x03) => Self::Specify,
            (_, 0x04) => Self::SenseDrive,
            (_, 0x07) => Self::Recalibrate,
            (_, 0x08) => Self::SenseInterrupt,
            (_, 0x0E) => Self::DumpRegisters,
            (_, 0x0F) => Self::Seek,
            (_, 0x8F | 0xCF) => Self::RelativeSeek,
            (_, 0x10) => Self::Version,
            (_, 0x12) => Self::Perpendicular,
            (_, 0x13) => Self::Configure,
            (_, 0x14 | 0x94) => Self::Lock,
            (0x02, _) => Self::ReadTrack,
            (0x05, _) => Self::Write,
            (0x06, _) => Self::Read,
            (0x09, _) => Self::WriteDeleted,
            (0x0A, _) => Self::ReadId,
            (0x0C, _) => Self::ReadDeleted,
            (0x0D, _) => Self::Format,
            (0x16, _) => Self::Verify,
            _ => Self::Invalid,
        }
    }

    /// Bytes of the whole command.
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::SenseInterrupt | Self::DumpRegisters | Self::Version | Self::Lock | Self::Invalid => 1,
            Self::SenseDrive | Self::Recalibrate | Self::ReadId | Self::Perpendicular => 2,
            Self::Specify | Self::Seek | Self::RelativeSeek => 3,
            Self::Configure => 4,
            Self::Format => 6,
            Self::ReadTrack
            | Self::Write
            | Self::Read
            | Self::WriteDeleted
            | Self::ReadDeleted
            | Self::Verify => COMMAND_BYTES,
        }
    }
}

/// First byte: both sides, one after the other.
pub(super) const MULTI_TRACK: u8 = 1 << 7;
/// First byte: double density.
pub(super) const DOUBLE_DENSITY: u8 = 1 << 6;
/// Second byte of "verify": the number of sectors is given.
pub(super) const VERIFY_COUNTS: u8 = 1 << 7;
/// First byte of "lock" and of "relative seek": lock; inwards.
pub(super) const LOCK: u8 = 1 << 7;
pub(super) const INWARDS: u8 = 1 << 6;
/// Size code of 512-byte sectors.
pub(super) const SIZE_512: u8 = 2;

/// A command as far as it has arrived.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Command {
    bytes: [u8; COMMAND_BYTES],
    count: usize,
}

impl Command {
    /// Adds a byte. Whether the command is complete.
    pub(super) fn push(&mut self, byte: u8) -> bool {
        if let Some(place) = self.bytes.get_mut(self.count) {
            *place = byte;
            self.count = self.count.saturating_add(1);
        }
        self.count >= self.operation().bytes()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.count).unwrap_or(&[])
    }

    pub(super) fn operation(&self) -> Operation {
        Operation::decode(self.byte(0))
    }

    pub(super) fn byte(&self, index: usize) -> u8 {
        self.bytes.get(index).copied().unwrap_or(0)
    }

    /// The drive that the second byte names, and the side.
    pub(super) fn drive(&self) -> usize {
        usize::from(self.byte(1) & 3)
    }

    pub(super) fn head(&self) -> u8 {
        self.byte(1) >> 2 & 1
    }

    /// Whether an option of the first byte is on.
    pub(super) fn has(&self, option: u8) -> bool {
        self.byte(0) & option != 0
    }
}
