//! virtio 1.2, 5.7: the GPU device, as far as it shows pictures that the guest drew.

/// Device type.
pub const TYPE_GPU: u16 = 16;
/// Feature: [`GET_EDID`].
pub const FEATURE_EDID: u64 = 1 << 1;

/// Configuration: events, events to clear, number of scanouts, number of capability sets (4 bytes each).
pub const CONFIG_BYTES: usize = 16;
/// Bytes of the header of every command and answer: type, flags, fence (8), context, ring and padding (4).
pub const HEADER_BYTES: usize = 24;
/// Header flag: the answer carries the same fence.
pub const FLAG_FENCE: u32 = 1 << 0;
/// Scanouts that [`OK_DISPLAY_INFO`] tells of.
pub const SCANOUTS_MAX: usize = 16;
/// Bytes of a scanout there: rectangle, enabled, flags.
pub const DISPLAY_BYTES: usize = 24;
/// Bytes of EDID in [`OK_EDID`].
pub const EDID_BYTES_MAX: usize = 1024;
/// Bytes of an entry of [`RESOURCE_ATTACH_BACKING`]: address (8), length (4), padding (4).
pub const MEMORY_ENTRY_BYTES: usize = 16;

/// Command: which scanouts there are.
pub const GET_DISPLAY_INFO: u32 = 0x0100;
/// Command: makes a picture: id, format, width, height.
pub const RESOURCE_CREATE_2D: u32 = 0x0101;
/// Command: forgets a picture: id, padding.
pub const RESOURCE_UNREF: u32 = 0x0102;
/// Command: shows part of a picture: rectangle, scanout, id (0 = nothing).
pub const SET_SCANOUT: u32 = 0x0103;
/// Command: part of a picture changed: rectangle, id, padding.
pub const RESOURCE_FLUSH: u32 = 0x0104;
/// Command: copies from the guest's memory: rectangle, offset (8), id, padding.
pub const TRANSFER_TO_HOST_2D: u32 = 0x0105;
/// Command: which memory of the guest a picture is copied from: id, number of entries; entries follow.
pub const RESOURCE_ATTACH_BACKING: u32 = 0x0106;
/// Command: none any more: id, padding.
pub const RESOURCE_DETACH_BACKING: u32 = 0x0107;
/// Command: a scanout's EDID: scanout, padding.
pub const GET_EDID: u32 = 0x010A;
/// Command: another cursor: scanout, x, y, padding; id, hot x, hot y, padding.
pub const UPDATE_CURSOR: u32 = 0x0300;
/// Command: the cursor elsewhere: as [`UPDATE_CURSOR`].
pub const MOVE_CURSOR: u32 = 0x0301;

/// Answer: done.
pub const OK_NO_DATA: u32 = 0x1100;
/// Answer: [`SCANOUTS_MAX`] scanouts follow.
pub const OK_DISPLAY_INFO: u32 = 0x1101;
/// Answer: size, padding, [`EDID_BYTES_MAX`] bytes.
pub const OK_EDID: u32 = 0x1104;
/// Answer: the command is unknown or cut short.
pub const ERROR_UNSPECIFIED: u32 = 0x1200;
/// Answer: no memory.
pub const ERROR_OUT_OF_MEMORY: u32 = 0x1201;
/// Answer: no such scanout.
pub const ERROR_INVALID_SCANOUT: u32 = 0x1202;
/// Answer: no such picture.
pub const ERROR_INVALID_RESOURCE: u32 = 0x1203;
/// Answer: something else is wrong.
pub const ERROR_INVALID_PARAMETER: u32 = 0x1205;

/// Formats: the bytes of a pixel in memory, first to last.
pub const FORMAT_B8G8R8A8: u32 = 1;
/// See [`FORMAT_B8G8R8A8`].
pub const FORMAT_B8G8R8X8: u32 = 2;
/// See [`FORMAT_B8G8R8A8`].
pub const FORMAT_A8R8G8B8: u32 = 3;
/// See [`FORMAT_B8G8R8A8`].
pub const FORMAT_X8R8G8B8: u32 = 4;
/// See [`FORMAT_B8G8R8A8`].
pub const FORMAT_R8G8B8A8: u32 = 67;
/// See [`FORMAT_B8G8R8A8`].
pub const FORMAT_X8B8G8R8: u32 = 68;
/// See [`FORMAT_B8G8R8A8`].
pub const FORMAT_A8B8G8R8: u32 = 121;
/// See [`FORMAT_B8G8R8A8`].
pub const FORMAT_R8G8B8X8: u32 = 134;
