//! SCSI Primary Commands 3 and Multi-Media Commands 5, as CD-ROM drives speak them.

/// Bytes of a CD-ROM block of user data.
pub const BLOCK_BYTES: u64 = 2048;
/// Blocks of a CD in one second of its addresses (MMC 4.2.3.9).
pub const FRAMES_PER_SECOND: u32 = 75;
/// Blocks before address 0.
pub const LEAD_IN_FRAMES: u32 = 150;
/// Number of the lead-out in tables of contents.
pub const LEAD_OUT_TRACK: u8 = 0xAA;

/// Operation codes.
pub mod operation {
    /// TEST UNIT READY.
    pub const TEST_UNIT_READY: u8 = 0x00;
    /// REQUEST SENSE.
    pub const REQUEST_SENSE: u8 = 0x03;
    /// INQUIRY.
    pub const INQUIRY: u8 = 0x12;
    /// MODE SELECT(6).
    pub const MODE_SELECT_6: u8 = 0x15;
    /// MODE SENSE(6).
    pub const MODE_SENSE_6: u8 = 0x1A;
    /// START STOP UNIT.
    pub const START_STOP_UNIT: u8 = 0x1B;
    /// PREVENT ALLOW MEDIUM REMOVAL.
    pub const PREVENT_ALLOW: u8 = 0x1E;
    /// READ CAPACITY.
    pub const READ_CAPACITY: u8 = 0x25;
    /// READ(10).
    pub const READ_10: u8 = 0x28;
    /// SEEK(10).
    pub const SEEK_10: u8 = 0x2B;
    /// SYNCHRONIZE CACHE.
    pub const SYNCHRONIZE_CACHE: u8 = 0x35;
    /// READ SUB-CHANNEL.
    pub const READ_SUBCHANNEL: u8 = 0x42;
    /// READ TOC/PMA/ATIP.
    pub const READ_TOC: u8 = 0x43;
    /// READ HEADER.
    pub const READ_HEADER: u8 = 0x44;
    /// GET CONFIGURATION.
    pub const GET_CONFIGURATION: u8 = 0x46;
    /// GET EVENT STATUS NOTIFICATION.
    pub const GET_EVENT_STATUS: u8 = 0x4A;
    /// READ DISC INFORMATION.
    pub const READ_DISC_INFORMATION: u8 = 0x51;
    /// READ TRACK INFORMATION.
    pub const READ_TRACK_INFORMATION: u8 = 0x52;
    /// MODE SELECT(10).
    pub const MODE_SELECT_10: u8 = 0x55;
    /// MODE SENSE(10).
    pub const MODE_SENSE_10: u8 = 0x5A;
    /// READ(12).
    pub const READ_12: u8 = 0xA8;
    /// SET CD SPEED.
    pub const SET_SPEED: u8 = 0xBB;
    /// MECHANISM STATUS.
    pub const MECHANISM_STATUS: u8 = 0xBD;
    /// READ CD.
    pub const READ_CD: u8 = 0xBE;
}

/// Sense keys (SPC 4.5.6).
pub mod sense_key {
    /// Nothing to report.
    pub const NONE: u8 = 0;
    /// The unit cannot be reached now.
    pub const NOT_READY: u8 = 2;
    /// The medium cannot be read.
    pub const MEDIUM_ERROR: u8 = 3;
    /// The command makes no sense.
    pub const ILLEGAL_REQUEST: u8 = 5;
    /// Something changed since the last command.
    pub const UNIT_ATTENTION: u8 = 6;
    /// The medium cannot be written.
    pub const DATA_PROTECT: u8 = 7;
}

/// Additional sense codes and their qualifiers: 0xCCQQ (SPC annex D).
pub mod sense_code {
    /// Nothing to add.
    pub const NONE: u16 = 0x0000;
    /// Unrecovered read error.
    pub const READ_ERROR: u16 = 0x1100;
    /// Invalid operation code.
    pub const INVALID_OPERATION: u16 = 0x2000;
    /// Block address out of range.
    pub const OUT_OF_RANGE: u16 = 0x2100;
    /// Invalid field in the packet.
    pub const INVALID_FIELD: u16 = 0x2400;
    /// The medium may have changed.
    pub const MEDIUM_CHANGED: u16 = 0x2800;
    /// Saving parameters is not supported.
    pub const SAVING_NOT_SUPPORTED: u16 = 0x3900;
    /// No medium.
    pub const NO_MEDIUM: u16 = 0x3A00;
    /// Removal of the medium is prevented.
    pub const REMOVAL_PREVENTED: u16 = 0x5302;
    /// Illegal mode for this track.
    pub const ILLEGAL_TRACK_MODE: u16 = 0x6400;
}

/// Mode page: error recovery (MMC 7.3).
pub const PAGE_ERROR_RECOVERY: u8 = 0x01;
/// Mode page: audio control.
pub const PAGE_AUDIO: u8 = 0x0E;
/// Mode page: capabilities and mechanical status.
pub const PAGE_CAPABILITIES: u8 = 0x2A;
/// Mode page: all of them.
pub const PAGE_ALL: u8 = 0x3F;
/// Profile: no medium (MMC 5.4).
pub const PROFILE_NONE: u16 = 0x0000;
/// Profile: CD-ROM.
pub const PROFILE_CD_ROM: u16 = 0x0008;
/// Profile: DVD-ROM.
pub const PROFILE_DVD_ROM: u16 = 0x0010;
