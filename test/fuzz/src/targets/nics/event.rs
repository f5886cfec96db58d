//! What drivers and the cable do.

use super::{
    board::{CARDS, RAM_BYTES},
    driver::AREA_BYTES,
};
use crate::Input;
use vmm_bus::AccessSize;

/// One thing that happens. Cards are numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Event<'a> {
    /// A driver sets its card up, with these features of virtio.
    SetUp(u8, u64),
    /// A driver sends a frame: to which card (another number: to all), of how many bytes.
    Send(u8, u8, u16),
    /// A driver puts a descriptor into its transmit ring and tells its card.
    Describe(u8, [u64; 2]),
    /// A register: card, BAR, offset.
    Read(u8, u8, u64, AccessSize),
    Write(u8, u8, u64, AccessSize, u64),
    /// Configuration space: card, offset, value.
    Configure(u8, u8, u32),
    /// The guest writes its own memory.
    Poke(u64, [u8; 8]),
    /// What is on the cable arrives at the other cards.
    Deliver,
    /// Something arrives that no card sent.
    Arrive(u8, &'a [u8]),
    /// The link comes or goes.
    Link(u8, bool),
    /// Time passes, in nanoseconds.
    Advance(u64),
    Reset,
    SaveAndRestore,
}

/// Registers of Intel's cards with an effect, and of virtio's transport.
const REGISTERS: [u32; 48] = [
    0x0, 0x8, 0x10, 0x14, 0x18, 0x20, 0x28, 0x38, 0xC0, 0xC4, 0xC8, 0xD0, 0xD8, 0xDC, 0xE4, 0xE8, 0x100,
    0x170, 0x400, 0x410, 0xF00, 0xF08, 0x2160, 0x2800, 0x2808, 0x2810, 0x2818, 0x2820, 0x2900, 0x2918,
    0x3800, 0x3808, 0x3810, 0x3818, 0x3828, 0x3900, 0x3918, 0x4000, 0x4074, 0x5000, 0x5008, 0x5200, 0x5400,
    0x5404, 0x5600, 0x5820, 0x5B50, 0x3000,
];

impl<'a> Event<'a> {
    /// Takes the next event.
    // tidy: table
    pub(super) fn take(input: &mut Input<'a>) -> Self {
        match input.u8() % 24 {
            0 | 1 => Self::SetUp(card(input), input.u64()),
            2..=5 => Self::Send(card(input), input.u8(), input.u16()),
            6 | 7 => Self::Describe(card(input), [input.u64(), input.u64()]),
            8 => Self::Describe(card(input), [near_data(input), input.u64() & 0xFFFF_FFFF_FFF0_0FFF]),
            9 => Self::Read(card(input), input.u8() % 6, register(input), size(input)),
            10..=13 => Self::Write(card(input), input.u8() % 6, register(input), size(input), input.u64()),
            14 => Self::Configure(card(input), input.u8() & 0xFC, input.u32()),
            15 => {
                let at = u64::from(input.u32()) % (RAM_BYTES as u64 - 8);
                Self::Poke(at, input.u64().to_le_bytes())
            }
            16..=18 => Self::Deliver,
            19 => Self::Arrive(card(input), frame(input)),
            20 => Self::Link(card(input), input.u8() & 1 == 0),
            21 => Self::Advance(u64::from(input.u16()) << (input.u8() % 32)),
            22 if input.u8().is_multiple_of(8) => Self::Reset,
            _ => Self::SaveAndRestore,
        }
    }
}

fn card(input: &mut Input<'_>) -> u8 {
    input.u8() % CARDS as u8
}

fn near_data(input: &mut Input<'_>) -> u64 {
    u64::from(input.u32()) % (CARDS as u64 * AREA_BYTES + 0x100)
}

fn register(input: &mut Input<'_>) -> u64 {
    let register = u64::from(input.choose(&REGISTERS));
    let offset = u64::from(input.u8());
    // Most accesses hit the register itself.
    if offset < 0xC0 { register } else { register + offset % 0x40 }
}

fn size(input: &mut Input<'_>) -> AccessSize {
    input.choose(&[
        AccessSize::Dword,
        AccessSize::Dword,
        AccessSize::Dword,
        AccessSize::Byte,
        AccessSize::Word,
        AccessSize::Qword,
    ])
}

fn frame<'a>(input: &mut Input<'a>) -> &'a [u8] {
    let bytes = usize::from(input.u8());
    input.bytes(bytes)
}
