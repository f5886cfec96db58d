//! The registers that make VGA modes: sequencer, graphics controller, CRT controller, attribute controller.

use serde::{Deserialize, Serialize};
use spec::vga::{ATTRIBUTE_SHOWN, MISCELLANEOUS_COLOUR};

/// Bits of the sequencer's registers that exist.
const SEQUENCER_BITS: [u8; 5] = [0x03, 0x3D, 0x0F, 0x3F, 0x0E];
/// Bits of the graphics controller's registers that exist.
const GRAPHICS_BITS: [u8; 9] = [0x0F, 0x0F, 0x0F, 0x1F, 0x03, 0x7B, 0x0F, 0x0F, 0xFF];
/// Registers of the CRT controller.
const CRTC_REGISTERS: usize = 25;
/// Registers of the attribute controller: 16 colours, then five others.
const ATTRIBUTE_REGISTERS: usize = 21;
/// Colours of the attribute controller.
const COLOURS: usize = 16;

/// CRT controller, register 0x11: registers 0 to 7 may not be written.
const CRTC_PROTECT: u8 = 1 << 7;
/// CRT controller, register 7: the one bit that may be written nevertheless (line compare).
const CRTC_OVERFLOW_FREE: u8 = 1 << 4;

/// Names of the CRT controller's registers.
pub(super) mod crtc {
    pub(in crate::vga) const COLUMNS: usize = 0x01;
    pub(in crate::vga) const OVERFLOW: usize = 0x07;
    pub(in crate::vga) const PRESET_ROW: usize = 0x08;
    pub(in crate::vga) const CHARACTER_HEIGHT: usize = 0x09;
    pub(in crate::vga) const CURSOR_START: usize = 0x0A;
    pub(in crate::vga) const CURSOR_END: usize = 0x0B;
    pub(in crate::vga) const START_HIGH: usize = 0x0C;
    pub(in crate::vga) const START_LOW: usize = 0x0D;
    pub(in crate::vga) const CURSOR_HIGH: usize = 0x0E;
    pub(in crate::vga) const CURSOR_LOW: usize = 0x0F;
    pub(in crate::vga) const RETRACE_END: usize = 0x11;
    pub(in crate::vga) const LAST_LINE: usize = 0x12;
    pub(in crate::vga) const OFFSET: usize = 0x13;
    pub(in crate::vga) const UNDERLINE: usize = 0x14;
    pub(in crate::vga) const MODE: usize = 0x17;
    pub(in crate::vga) const LINE_COMPARE: usize = 0x18;
}

/// How the processor's addresses name bytes of planes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Chaining {
    /// Each address names a byte of all four planes.
    Planes,
    /// Even addresses name planes 0 and 2, odd ones 1 and 3.
    OddEven,
    /// The lowest two bits of an address name the plane.
    Four,
}

/// The registers.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Registers {
    pub(super) sequencer_index: u8,
    pub(super) sequencer: [u8; 5],
    pub(super) graphics_index: u8,
    pub(super) graphics: [u8; 9],
    pub(super) crtc_index: u8,
    pub(super) crtc: [u8; CRTC_REGISTERS],
    /// With the bit that shows the picture.
    pub(super) attribute_index: u8,
    pub(super) attribute: [u8; ATTRIBUTE_REGISTERS],
    /// The next write to the attribute controller is data.
    pub(super) attribute_takes_data: bool,
    pub(super) miscellaneous: u8,
    pub(super) feature: u8,
}

impl Registers {
    /// Reads the sequencer's selected register.
    pub(super) fn read_sequencer(&self) -> u8 {
        self.sequencer.get(usize::from(self.sequencer_index)).copied().unwrap_or(0)
    }

    /// Writes the sequencer's selected register.
    pub(super) fn write_sequencer(&mut self, value: u8) {
        let index = usize::from(self.sequencer_index);
        if let (Some(register), Some(bits)) = (self.sequencer.get_mut(index), SEQUENCER_BITS.get(index)) {
            *register = value & bits;
        }
    }

    /// Reads the graphics controller's selected register.
    pub(super) fn read_graphics(&self) -> u8 {
        self.graphics.get(usize::from(self.graphics_index)).copied().unwrap_or(0)
    }

    /// Writes the graphics controller's selected register.
    pub(super) fn write_graphics(&mut self, value: u8) {
        let index = usize::from(self.graphics_index);
        if let (Some(register), Some(bits)) = (self.graphics.get_mut(index), GRAPHICS_BITS.get(index)) {
            *register = value & bits;
        }
    }

    /// Reads the CRT controller's selected register.
    pub(super) fn read_crtc(&self) -> u8 {
        self.crtc(usize::from(self.crtc_index))
    }

    /// Writes the CRT controller's selected register, as far as it is not protected.
    pub(super) fn write_crtc(&mut self, value: u8) {
        let index = usize::from(self.crtc_index);
        let is_protected = self.crtc(crtc::RETRACE_END) & CRTC_PROTECT != 0 && index <= crtc::OVERFLOW;
        let writable = match (is_protected, index) {
            (false, _) => 0xFF,
            (true, crtc::OVERFLOW) => CRTC_OVERFLOW_FREE,
            (true, _) => 0,
        };
        if let Some(register) = self.crtc.get_mut(index) {
            *register = *register & !writable | value & writable;
        }
    }

    /// Reads the attribute controller's selected register.
    pub(super) fn read_attribute(&self) -> u8 {
        self.attribute.get(usize::from(self.attribute_index & 0x1F)).copied().unwrap_or(0)
    }

    /// Writes the attribute controller: index and data take turns.
    pub(super) fn write_attribute(&mut self, value: u8) {
        self.attribute_takes_data = !self.attribute_takes_data;
        if self.attribute_takes_data {
            self.attribute_index = value & 0x3F;
            return;
        }
        let index = usize::from(self.attribute_index & 0x1F);
        let bits = match index {
            0..COLOURS | 0x12 => 0x3F,
            0x10 => 0xEF,
            0x13 | 0x14 => 0x0F,
            _ => 0xFF,
        };
        if let Some(register) = self.attribute.get_mut(index) {
            *register = value & bits;
        }
    }

    /// One register of the CRT controller.
    pub(super) fn crtc(&self, index: usize) -> u8 {
        self.crtc.get(index).copied().unwrap_or(0)
    }

    /// One of the CRT controller's addresses: two registers, the high one first.
    pub(super) fn crtc_address(&self, high: usize, low: usize) -> u32 {
        u32::from(u16::from_be_bytes([self.crtc(high), self.crtc(low)]))
    }

    /// Whether the registers answer at the ports of colour modes.
    pub(super) fn is_colour(&self) -> bool {
        self.miscellaneous & MISCELLANEOUS_COLOUR != 0
    }

    /// Whether the picture is shown at all.
    pub(super) fn is_shown(&self) -> bool {
        self.attribute_index & ATTRIBUTE_SHOWN != 0
    }

    /// Whether memory holds pixels and not characters.
    pub(super) fn is_graphics(&self) -> bool {
        self.graphics[6] & 1 != 0
    }

    /// Which planes writes reach, one bit each.
    pub(super) fn map_mask(&self) -> u8 {
        self.sequencer[2]
    }

    /// The plane that reads show.
    pub(super) fn read_plane(&self) -> u8 {
        self.graphics[4]
    }

    /// Write mode, 0 to 3.
    pub(super) fn write_mode(&self) -> u8 {
        self.graphics[5] & 3
    }

    /// Whether reads compare colours (read mode 1).
    pub(super) fn reads_compare(&self) -> bool {
        self.graphics[5] & 1 << 3 != 0
    }

    /// How addresses name bytes of planes.
    pub(super) fn chaining(&self) -> Chaining {
        if self.sequencer[4] & 1 << 3 != 0 {
            Chaining::Four
        } else if self.graphics[5] & 1 << 4 != 0 {
            Chaining::OddEven
        } else {
            Chaining::Planes
        }
    }

    /// Which part of the legacy window answers: 0 = all, 1 = its first half, 2 and 3 = its last quarters.
    pub(super) fn memory_map(&self) -> u8 {
        self.graphics[6] >> 2 & 3
    }

    /// Whether a written byte arrives as it is in the planes that the map mask names.
    pub(super) fn writes_plainly(&self) -> bool {
        let [_, enable_set_reset, _, rotate, ..] = self.graphics;
        self.write_mode() == 0 && enable_set_reset == 0 && rotate == 0 && self.graphics[8] == 0xFF
    }

    /// The palette entry of one of the 16 colours.
    pub(super) fn colour(&self, index: u8) -> u8 {
        let colour = self.attribute.get(usize::from(index)).copied().unwrap_or(0);
        let [mode, .., select] = [self.attribute[0x10], self.attribute[0x14]];
        if mode & 1 << 7 != 0 { colour & 0x0F | select << 4 } else { colour & 0x3F | (select & 0x0C) << 4 }
    }

    /// Whether the state is one that writes can lead to.
    pub(super) fn is_possible(&self) -> bool {
        let within = |registers: &[u8], bits: &[u8]| {
            registers.iter().zip(bits).all(|(register, bits)| register & !bits == 0)
        };
        within(&self.sequencer, &SEQUENCER_BITS) && within(&self.graphics, &GRAPHICS_BITS)
    }
}
