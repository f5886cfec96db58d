//! The words that software writes (8259A data sheet, figures 7 and 8).

/// What a byte at the command port says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Command {
    /// First initialization word.
    Initialize {
        /// There is no third word: no cascade.
        is_single: bool,
        /// There is a fourth word.
        has_fourth: bool,
    },
    /// End of interrupt and rotation: the upper three bits of OCW2 and a level.
    End { operation: u8, input: u8 },
    /// Special mask, poll and which register is read.
    Operate { special_mask: Option<bool>, poll: bool, read_in_service: Option<bool> },
}

impl Command {
    /// Decodes a byte. There is none that means nothing.
    pub(super) fn decode(value: u8) -> Self {
        let bit = |number: u8| value & 1 << number != 0;
        if bit(4) {
            Self::Initialize { is_single: bit(1), has_fourth: bit(0) }
        } else if bit(3) {
            Self::Operate {
                special_mask: bit(6).then_some(bit(5)),
                poll: bit(2),
                read_in_service: bit(1).then_some(bit(0)),
            }
        } else {
            Self::End { operation: value >> 5, input: value & 7 }
        }
    }
}

/// OCW2 operation bit: end of interrupt.
pub(super) const END: u8 = 1;
/// OCW2 operation bit: a level is named.
pub(super) const SPECIFIC: u8 = 2;
/// OCW2 operation bit: rotate priorities.
pub(super) const ROTATE: u8 = 4;

/// ICW4 bit: interrupts end by themselves.
pub(super) const AUTOMATIC_END: u8 = 1 << 1;
/// ICW4 bit: special fully nested mode.
pub(super) const SPECIAL_FULLY_NESTED: u8 = 1 << 4;
