//! Status registers (82077AA data sheet, 2.1.5 and 6.0).

/// Main status: a byte can be moved.
pub(super) const READY: u8 = 1 << 7;
/// Main status: the guest reads.
pub(super) const TO_GUEST: u8 = 1 << 6;
/// Main status: data of a command without DMA.
pub(super) const WITHOUT_DMA: u8 = 1 << 5;
/// Main status: a command is under way.
pub(super) const BUSY: u8 = 1 << 4;

/// Status 0: a command ended because something is wrong.
pub(super) const ABNORMAL: u8 = 0b01 << 6;
/// Status 0: there is no such command.
pub(super) const INVALID: u8 = 0b10 << 6;
/// Status 0: the drive's ready line changed: after a reset.
pub(super) const POLLED: u8 = 0b11 << 6;
/// Status 0: a seek ended.
pub(super) const SEEK_END: u8 = 1 << 5;
/// Status 0: track 0 was not found.
pub(super) const EQUIPMENT_CHECK: u8 = 1 << 4;

/// Status 1: the last sector of the track passed and nobody said that it is enough.
pub(super) const END_OF_TRACK: u8 = 1 << 7;
/// Status 1: the medium failed.
pub(super) const DATA_ERROR: u8 = 1 << 5;
/// Status 1: there is no such sector.
pub(super) const NO_DATA: u8 = 1 << 2;
/// Status 1: the disk is write-protected.
pub(super) const NOT_WRITABLE: u8 = 1 << 1;
/// Status 1: there is no address mark.
pub(super) const NO_ADDRESS_MARK: u8 = 1 << 0;
/// Status 2: deleted data where others were wanted, or the other way round.
pub(super) const CONTROL_MARK: u8 = 1 << 6;
/// Status 2: the sector says that it is on another track.
pub(super) const WRONG_TRACK: u8 = 1 << 4;

/// Status 3: write-protected, ready, at track 0, two sides.
pub(super) const DRIVE_PROTECTED: u8 = 1 << 6;
pub(super) const DRIVE_READY: u8 = 1 << 5;
pub(super) const DRIVE_TRACK_0: u8 = 1 << 4;
pub(super) const DRIVE_TWO_SIDES: u8 = 1 << 3;

/// What went wrong with data: status 1 and status 2.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Fault {
    pub(super) status_1: u8,
    pub(super) status_2: u8,
}

impl Fault {
    /// A fault that status 1 tells alone.
    pub(super) const fn of(status_1: u8) -> Self {
        Self { status_1, status_2: 0 }
    }
}
