//! The guest's commands, copied out of its memory and understood.

use super::resource::Rectangle;
use alloc::vec::Vec;
use spec::virtio_gpu::{
    FLAG_FENCE, GET_DISPLAY_INFO, GET_EDID, HEADER_BYTES, MOVE_CURSOR, RESOURCE_ATTACH_BACKING,
    RESOURCE_CREATE_2D, RESOURCE_DETACH_BACKING, RESOURCE_FLUSH, RESOURCE_UNREF, SET_SCANOUT,
    TRANSFER_TO_HOST_2D, UPDATE_CURSOR,
};

/// Bytes of a command at the most, without what follows it.
pub(super) const COMMAND_BYTES: usize = 56;

/// Words that come before every command.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Header {
    pub(super) kind: u32,
    flags: u32,
    fence: u64,
    context: u32,
    ring: u32,
}

/// A command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Command {
    DisplayInfo,
    Edid { scanout: u32 },
    Create { id: u32, format: u32, width: u32, height: u32 },
    Unref { id: u32 },
    SetScanout { rectangle: Rectangle, scanout: u32, id: u32 },
    Flush { rectangle: Rectangle, id: u32 },
    Transfer { rectangle: Rectangle, offset: u64, id: u32 },
    Attach { id: u32, entries: u32 },
    Detach { id: u32 },
    UpdateCursor { cursor: CursorPlace, id: u32, hot: (u32, u32) },
    MoveCursor { cursor: CursorPlace },
    Unknown,
}

/// Where the cursor is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct CursorPlace {
    pub(super) scanout: u32,
    pub(super) x: u32,
    pub(super) y: u32,
}

/// The words of a command, in their order.
struct Words<'a>(&'a [u8]);

impl Words<'_> {
    fn u32(&mut self) -> Option<u32> {
        let (bytes, rest) = self.0.split_first_chunk::<4>()?;
        self.0 = rest;
        Some(u32::from_le_bytes(*bytes))
    }

    fn u64(&mut self) -> Option<u64> {
        let (bytes, rest) = self.0.split_first_chunk::<8>()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*bytes))
    }

    fn rectangle(&mut self) -> Option<Rectangle> {
        Some(Rectangle { x: self.u32()?, y: self.u32()?, width: self.u32()?, height: self.u32()? })
    }

    fn cursor(&mut self) -> Option<CursorPlace> {
        let cursor = CursorPlace { scanout: self.u32()?, x: self.u32()?, y: self.u32()? };
        self.u32()?;
        Some(cursor)
    }
}

impl Header {
    /// Reads the header; `None` if the command is shorter.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut words = Words(bytes);
        Some(Self {
            kind: words.u32()?,
            flags: words.u32()?,
            fence: words.u64()?,
            context: words.u32()?,
            ring: words.u32()?,
        })
    }

    /// The header of the answer to this one.
    pub(super) fn answer(&self, kind: u32) -> Vec<u8> {
        let fenced = self.flags & FLAG_FENCE != 0;
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        bytes.extend(kind.to_le_bytes());
        bytes.extend((self.flags & FLAG_FENCE).to_le_bytes());
        bytes.extend(if fenced { self.fence } else { 0 }.to_le_bytes());
        bytes.extend(if fenced { self.context } else { 0 }.to_le_bytes());
        bytes.extend(if fenced { self.ring } else { 0 }.to_le_bytes());
        bytes
    }
}

impl Command {
    /// Understands a command; `None` if it is cut short.
    pub(super) fn parse(kind: u32, bytes: &[u8]) -> Option<Self> {
        let mut words = Words(bytes.get(HEADER_BYTES..)?);
        Some(match kind {
            GET_DISPLAY_INFO => Self::DisplayInfo,
            GET_EDID => Self::Edid { scanout: words.u32()? },
            RESOURCE_CREATE_2D => Self::Create {
                id: words.u32()?,
                format: words.u32()?,
                width: words.u32()?,
                height: words.u32()?,
            },
            RESOURCE_UNREF => Self::Unref { id: words.u32()? },
            SET_SCANOUT => {
                Self::SetScanout { rectangle: words.rectangle()?, scanout: words.u32()?, id: words.u32()? }
            }
            RESOURCE_FLUSH => Self::Flush { rectangle: words.rectangle()?, id: words.u32()? },
            TRANSFER_TO_HOST_2D => {
                Self::Transfer { rectangle: words.rectangle()?, offset: words.u64()?, id: words.u32()? }
            }
            RESOURCE_ATTACH_BACKING => Self::Attach { id: words.u32()?, entries: words.u32()? },
            RESOURCE_DETACH_BACKING => Self::Detach { id: words.u32()? },
            UPDATE_CURSOR => {
                let cursor = words.cursor()?;
                Self::UpdateCursor { cursor, id: words.u32()?, hot: (words.u32()?, words.u32()?) }
            }
            MOVE_CURSOR => Self::MoveCursor { cursor: words.cursor()? },
            _ => Self::Unknown,
        })
    }
}
