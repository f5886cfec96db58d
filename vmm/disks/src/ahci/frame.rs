//! Frames (Serial ATA 10.3): the drive's registers on their way.

use crate::registers::Registers;
use spec::ahci::{
    FRAME_COMMAND, FRAME_INTERRUPT, FRAME_PIO_SETUP, FRAME_REGISTERS, FRAME_SET_BITS, FRAME_TO_DEVICE,
    FRAME_TO_HOST,
};
use spec::ata::{CONTROL_RESET, STATUS_DATA_REQUEST};

/// Bytes of a frame with registers, in either direction.
pub(super) const FRAME_BYTES: usize = 20;
/// Status bits that a set device bits frame carries.
const SET_BITS_STATUS: u8 = 0x77;

/// What the host sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum HostFrame {
    /// A command with its inputs.
    Command(Registers),
    /// Device control: whether the drive is held in reset.
    Control { is_reset: bool },
    /// Something else.
    Unknown,
}

impl HostFrame {
    /// The frame in the first bytes of a command table.
    pub(super) fn parse(frame: &[u8; FRAME_BYTES]) -> Self {
        let [kind, flags, command, feature, lba0, lba1, lba2, device, ..] = *frame;
        let [.., lba3, lba4, lba5, feature_before, count, count_before, _, control, _, _, _, _] = *frame;
        if kind != FRAME_TO_DEVICE {
            return HostFrame::Unknown;
        }
        if flags & FRAME_COMMAND == 0 {
            return HostFrame::Control { is_reset: control & CONTROL_RESET != 0 };
        }
        HostFrame::Command(Registers {
            command,
            feature: u16::from_le_bytes([feature, feature_before]),
            count: u16::from_le_bytes([count, count_before]),
            lba: u64::from_le_bytes([lba0, lba1, lba2, lba3, lba4, lba5, 0, 0]),
            device,
            error: 0,
            status: 0,
        })
    }
}

/// A register frame from the drive.
pub(super) fn register_frame(registers: &Registers, interrupt: bool) -> [u8; FRAME_BYTES] {
    let flags = if interrupt { FRAME_INTERRUPT } else { 0 };
    with_registers(FRAME_REGISTERS, flags, registers, registers.status)
}

/// A PIO setup frame: the status before the data, and behind the registers the one after it.
pub(super) fn pio_setup_frame(registers: &Registers, bytes: u32) -> [u8; FRAME_BYTES] {
    let flags = FRAME_INTERRUPT | FRAME_TO_HOST;
    let mut frame = with_registers(FRAME_PIO_SETUP, flags, registers, registers.status | STATUS_DATA_REQUEST);
    let [.., end_status, low, high, _, _] = &mut frame;
    *end_status = registers.status;
    [*low, *high] = (bytes as u16).to_le_bytes();
    frame
}

/// A set device bits frame: status, error and the queued commands that are done.
pub(super) fn set_bits_frame(registers: &Registers, done: u32) -> [u8; 8] {
    let [a, b, c, d] = done.to_le_bytes();
    let status = registers.status & SET_BITS_STATUS;
    [FRAME_SET_BITS, FRAME_INTERRUPT, status, registers.error, a, b, c, d]
}

fn with_registers(kind: u8, flags: u8, registers: &Registers, status: u8) -> [u8; FRAME_BYTES] {
    let [lba0, lba1, lba2, lba3, lba4, lba5, ..] = registers.lba.to_le_bytes();
    let [count, count_before] = registers.count.to_le_bytes();
    let Registers { error, device, .. } = *registers;
    [
        kind,
        flags,
        status,
        error,
        lba0,
        lba1,
        lba2,
        device,
        lba3,
        lba4,
        lba5,
        0,
        count,
        count_before,
        0,
        0,
        0,
        0,
        0,
        0,
    ]
}
