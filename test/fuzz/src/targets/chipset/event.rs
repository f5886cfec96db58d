//! What a guest or the outside does.

use super::board::{FLOPPY_PORTS, NVME_START};
use crate::Input;
use vmm_bus::AccessSize;
use vmm_chipset::i8042::{Key, Motion, Stroke};

/// One thing that happens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Event {
    PortRead(u16, AccessSize),
    PortWrite(u16, AccessSize, u32),
    Read(u64, AccessSize),
    Write(u64, AccessSize, u64),
    /// Configuration space through the ports: address, value.
    Configure(u32, u32),
    /// Time passes, in nanoseconds.
    Advance(u64),
    /// Time passes until somebody wants to be woken.
    AdvanceToDeadline,
    /// A processor acknowledges the 8259s.
    Acknowledge,
    EndOfInterrupt(u8),
    Stroke(Key, Stroke),
    Move(Motion),
    PowerButton,
    /// The outside reads the debug log.
    TakeLog,
    /// Firmware sets up timers and interrupt controllers.
    SetUp,
    Reset,
    SaveAndRestore,
}

/// Ports with something behind, and some neighbours; the floppy's come on top.
const PORTS: [u16; 44] = [
    0x20, 0x21, 0xA0, 0xA1, 0x4D0, 0x4D1, 0x40, 0x41, 0x42, 0x43, 0x61, 0x60, 0x64, 0x92, 0x70, 0x71, 0x72,
    0x73, 0x600, 0x601, 0x602, 0x603, 0x604, 0x605, 0x608, 0x609, 0x620, 0x628, 0x62C, 0x630, 0x634, 0x67F,
    0xB2, 0xB3, 0xCF9, 0xCF8, 0xCFC, 0x402, 0xE9, 0x80, 0x3F6, 0x5F, 0x65, 0xFFFF,
];
/// Ports that take whole commands: more of what is written goes there.
const BUSY_PORTS: [u16; 12] = [0x3F5, 0x3F5, 0x3F5, 0x60, 0x64, 0x20, 0x21, 0x43, 0x40, 0x71, 0x3F2, 0x0B];
/// Functions of the board as the configuration address names them.
const FUNCTIONS: [u32; 5] = [0x8000_0000, 0x8000_F800, 0x8000_1000, 0x8001_0000, 0x8005_0000];

impl Event {
    /// Takes the next event.
    // tidy: table
    pub(super) fn take(input: &mut Input<'_>) -> Self {
        match input.u8() % 24 {
            0 | 1 => Self::PortRead(port(input), size(input)),
            2 | 3 => Self::PortWrite(port(input), size(input), input.u32()),
            4..=6 => Self::PortWrite(input.choose(&BUSY_PORTS), AccessSize::Byte, u32::from(input.u8())),
            7 => Self::PortRead(input.choose(&BUSY_PORTS), AccessSize::Byte),
            8 => Self::Read(address(input), size(input)),
            9 | 10 => Self::Write(address(input), size(input), input.u64()),
            11 | 12 => {
                let function = input.choose(&FUNCTIONS);
                Self::Configure(function | u32::from(input.u8() & 0xFC), input.u32())
            }
            13 => Self::Advance(u64::from(input.u16()) << (input.u8() % 32)),
            14 | 15 => Self::AdvanceToDeadline,
            16 => Self::Acknowledge,
            17 => Self::EndOfInterrupt(input.u8()),
            18 => Self::Stroke(
                Key(input.u8()),
                if input.u8() & 1 == 0 { Stroke::Press } else { Stroke::Release },
            ),
            19 => Self::Move(Motion {
                right: input.u16() as i16,
                down: input.u16() as i16,
                wheel: i16::from(input.u8() as i8),
                buttons: input.u8(),
            }),
            20 => Self::PowerButton,
            21 => match input.u8() % 8 {
                0 => Self::Reset,
                1 | 2 => Self::TakeLog,
                _ => Self::SetUp,
            },
            _ => Self::SaveAndRestore,
        }
    }
}

fn port(input: &mut Input<'_>) -> u16 {
    let choice = usize::from(input.u8());
    match PORTS.get(choice % 64) {
        Some(port) => *port,
        None => FLOPPY_PORTS[choice % FLOPPY_PORTS.len()],
    }
}

fn size(input: &mut Input<'_>) -> AccessSize {
    input.choose(&[
        AccessSize::Byte,
        AccessSize::Byte,
        AccessSize::Word,
        AccessSize::Dword,
        AccessSize::Qword,
    ])
}

/// An address of the I/O APIC, the timers, the root complex, configuration space, the memory below 1 MiB, or the
/// registers and doorbells of the disk behind the root port.
fn address(input: &mut Input<'_>) -> u64 {
    let low = u64::from(input.u16());
    match input.u8() % 8 {
        5 => 0xC_0000 + (low << 2),
        0 => 0xFEC0_0000 + low % 0x50,
        1 | 2 => 0xFED0_0000 + low % 0x180,
        3 => 0xFED1_C000 + low % 0x4000,
        6 => NVME_START + low % 0x40,
        7 => NVME_START + 0x1000 + low % 0x10,
        _ => 0xB000_0000 + ((low & 0xF000) << 3) + (low & 0xFFF),
    }
}
