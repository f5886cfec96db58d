//! What can happen to a board.

use super::RAM_BYTES;
use crate::Input;
use vmm_bus::AccessSize;
use vmm_machine::layout;

/// One thing that a guest or the outside does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event<'a> {
    /// IN.
    PortRead(u16, AccessSize),
    /// OUT.
    PortWrite(u16, AccessSize, u32),
    /// A read of device memory.
    Read(u64, AccessSize),
    /// A write to device memory.
    Write(u64, AccessSize, u64),
    /// The guest writes its own memory.
    Poke(u64, [u8; 8]),
    /// The guest writes a descriptor: where, address, bytes, third and fourth half-word.
    Describe(u64, u64, u32, u16, u16),
    /// A driver sets a function up: slot, features, which it may mean well with.
    SetUp(u8, u64),
    /// A doorbell rings: device and queue.
    Notify(u16, u16),
    /// Time passes, in nanoseconds.
    Advance(u64),
    /// A processor acknowledges a level-triggered interrupt.
    EndOfInterrupt(u8),
    /// Somebody types on the serial line.
    Receive(&'a [u8]),
    /// Somebody types on the virtio console.
    Type(&'a [u8]),
    /// The outside takes what the guest wrote to both consoles.
    TakeOutput,
    /// The virtio console gets another size.
    Resize(u16, u16),
    /// The outside wants so many bytes of memory back, and to know how things are.
    Balloon(u64),
    /// Somebody presses the power button.
    PowerButton,
    /// Somebody presses the reset button.
    Reset,
    /// The board is saved and restored.
    SaveAndRestore,
}

/// Which events a target is after.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Choice {
    /// All.
    Everything,
    /// The registers of the chipset.
    Registers,
    /// Configuration space and what it moves.
    Pci,
}

/// Ports with something behind, and some neighbours.
const PORTS: [u16; 32] = [
    0x3F8, 0x3F9, 0x3FA, 0x3FB, 0x3FC, 0x3FD, 0x3FE, 0x3FF, 0x3F7, 0x70, 0x71, 0x72, 0x600, 0x601, 0x602,
    0x603, 0x604, 0x605, 0x606, 0x608, 0x609, 0x60B, 0x60C, 0xCF9, 0xCF8, 0xCFC, 0xCFD, 0xCFE, 0xCFF, 0x64,
    0x60, 0xFFFF,
];
/// Where a driver of ours has its queues: a page for each.
pub(super) const QUEUES_AT: u64 = 0x1000;
/// Bytes of memory that hold queues.
pub(super) const QUEUE_AREA: u64 = 0x8000;
/// Functions with a BAR.
const FUNCTIONS: u64 = 8;
/// Bytes from one window to the next.
const WINDOW_STRIDE: u64 = 1 << 20;

impl<'a> Event<'a> {
    /// Takes the next event.
    pub fn take(input: &mut Input<'a>, choice: Choice) -> Self {
        let code = input.u8();
        match choice {
            Choice::Everything => Self::any(code % 24, input),
            Choice::Registers => {
                Self::any(input_code(code, &[0, 1, 2, 3, 10, 11, 12, 14, 17, 19, 20, 21]), input)
            }
            Choice::Pci => Self::any(input_code(code, &[4, 5, 4, 5, 6, 7, 8, 16, 20, 21]), input),
        }
    }

    // tidy: table
    fn any(code: u8, input: &mut Input<'a>) -> Self {
        match code {
            0 => Self::PortRead(input.choose(&PORTS), size(input)),
            1 => Self::PortWrite(input.choose(&PORTS), size(input), input.u32()),
            2 => Self::Read(layout::IO_APIC_START.raw() + u64::from(input.u8()), size(input)),
            3 => Self::Write(layout::IO_APIC_START.raw() + u64::from(input.u8()), size(input), input.u64()),
            4 => Self::Read(config_register(input), size(input)),
            5 => Self::Write(config_register(input), size(input), input.u64()),
            6 | 22 => Self::Read(window(input), size(input)),
            7 | 23 => Self::Write(window(input), size(input), input.u64()),
            8 => Self::Poke(u64::from(input.u16()) % (RAM_BYTES as u64 - 8), input.u64().to_le_bytes()),
            9 => Self::descriptor(input),
            10 => Self::Advance(u64::from(input.u16()) << (input.u8() % 32)),
            11 => Self::EndOfInterrupt(input.u8()),
            12 => Self::Receive(text(input)),
            13 => Self::Type(text(input)),
            14 => Self::TakeOutput,
            15 => Self::Resize(input.u16(), input.u16()),
            16 => Self::SetUp(input.u8() % FUNCTIONS as u8, input.u64()),
            17 => Self::PowerButton,
            18 => Self::Balloon(u64::from(input.u32()) << (input.u8() % 32)),
            19 => Self::Reset,
            20 => Self::SaveAndRestore,
            _ => Self::Notify(u16::from(input.u8() % 16), u16::from(input.u8() % 8)),
        }
    }

    /// A descriptor in one of the areas where a driver of ours has its queues.
    fn descriptor(input: &mut Input<'a>) -> Self {
        let place = QUEUES_AT + u64::from(input.u16()) * 16 % QUEUE_AREA;
        let address = u64::from(input.u32()) % (RAM_BYTES as u64 + 0x100);
        Self::Describe(place, address, u32::from(input.u16()), input.u16(), input.u16())
    }
}

fn input_code(code: u8, codes: &[u8]) -> u8 {
    codes[usize::from(code) % codes.len()]
}

fn size(input: &mut Input<'_>) -> AccessSize {
    input.choose(&[AccessSize::Byte, AccessSize::Word, AccessSize::Dword, AccessSize::Qword])
}

/// An address in ECAM: of a function that exists, most of the time.
fn config_register(input: &mut Input<'_>) -> u64 {
    let function = u64::from(input.u8());
    let function = if function < 0xF0 { (function % FUNCTIONS) << 3 } else { function };
    layout::ECAM_START.raw() + (function << 12) + u64::from(input.u16() & 0xFFF)
}

/// An address in the window of a function.
fn window(input: &mut Input<'_>) -> u64 {
    let function = u64::from(input.u8()) % FUNCTIONS;
    let part = u64::from(input.u8()) % 9;
    layout::PCI_WINDOW_START.raw() + function * WINDOW_STRIDE + (part << 12) + u64::from(input.u8())
}

fn text<'a>(input: &mut Input<'a>) -> &'a [u8] {
    let count = usize::from(input.u8());
    input.bytes(count)
}
