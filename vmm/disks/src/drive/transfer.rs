//! Data that a command moves.

use serde::{Deserialize, Serialize};

/// Where data goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Direction {
    /// From the drive to the host.
    ToHost,
    /// From the host to the drive.
    ToDrive,
}

/// How data goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Mode {
    /// Through the data register, or as if so.
    Pio,
    /// By the controller.
    Dma,
    /// By the controller, for a queued command with this tag.
    Queued(u8),
}

/// What data is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Content {
    /// Bytes of the volume, from this offset on.
    Volume(u64),
    /// The drive's own answer, or an argument for it, from this position on.
    Answer(u32),
}

/// A transfer under way.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Transfer {
    pub(crate) direction: Direction,
    pub(crate) mode: Mode,
    pub(crate) content: Content,
    /// Bytes still to move.
    pub(crate) left: u64,
    /// Bytes that move through the data register between two interrupts.
    pub(crate) block: u32,
}

/// What a command asks for once it was understood.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reply {
    /// It is done.
    Done,
    /// Data moves.
    Data(Transfer),
    /// The drive wants the command packet.
    Packet,
}

/// A reply, or what the error register says.
pub(crate) type Outcome = Result<Reply, u8>;

impl Transfer {
    /// Moves on by `bytes`, which are no more than what is left.
    pub(crate) fn advance(&mut self, bytes: u64) {
        self.left = self.left.saturating_sub(bytes);
        self.content = match self.content {
            Content::Volume(offset) => Content::Volume(offset.saturating_add(bytes)),
            Content::Answer(position) => {
                Content::Answer(position.saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX)))
            }
        };
    }
}
