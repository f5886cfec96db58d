//! Which register answers at which port.

use super::{retrace, state::Vga};
use base_units::Nanos;
use spec::vga::{
    ATTRIBUTE, ATTRIBUTE_READ, CRTC, CRTC_DATA, CRTC_DATA_MONO, CRTC_MONO, FEATURE_READ, GRAPHICS,
    GRAPHICS_DATA, MISCELLANEOUS, MISCELLANEOUS_READ, MONO_PORT_COUNT, MONO_PORTS, PALETTE_DATA,
    PALETTE_MASK, PALETTE_READ, PALETTE_WRITE, SEQUENCER, SEQUENCER_DATA, STATUS, STATUS_MONO,
};

/// What ports read as that nothing answers at.
const NOTHING: u8 = 0xFF;

impl Vga {
    /// Reads the register at a port.
    pub(super) fn read_port(&mut self, port: u16, now: Nanos) -> u8 {
        if !self.answers(port) {
            return NOTHING;
        }
        let registers = &self.registers;
        match port {
            ATTRIBUTE if registers.attribute_takes_data => 0,
            ATTRIBUTE => registers.attribute_index,
            ATTRIBUTE_READ => registers.read_attribute(),
            // No switch of an old monitor is on.
            MISCELLANEOUS => 0,
            SEQUENCER => registers.sequencer_index,
            SEQUENCER_DATA => registers.read_sequencer(),
            PALETTE_MASK => self.palette.mask,
            PALETTE_READ => self.palette.state(),
            PALETTE_WRITE => self.palette.write_index(),
            PALETTE_DATA => self.palette.read(),
            FEATURE_READ => registers.feature,
            MISCELLANEOUS_READ => registers.miscellaneous,
            GRAPHICS => registers.graphics_index,
            GRAPHICS_DATA => registers.read_graphics(),
            CRTC | CRTC_MONO => registers.crtc_index,
            CRTC_DATA | CRTC_DATA_MONO => registers.read_crtc(),
            STATUS | STATUS_MONO => {
                self.registers.attribute_takes_data = false;
                retrace::status(now)
            }
            _ => NOTHING,
        }
    }

    /// Writes the register at a port.
    pub(super) fn write_port(&mut self, port: u16, value: u8) {
        if !self.answers(port) {
            return;
        }
        match port {
            ATTRIBUTE => self.registers.write_attribute(value),
            MISCELLANEOUS => self.registers.miscellaneous = value & !0x10,
            SEQUENCER => self.registers.sequencer_index = value & 7,
            SEQUENCER_DATA => self.registers.write_sequencer(value),
            PALETTE_MASK => self.palette.mask = value,
            PALETTE_READ => self.palette.select_read(value),
            PALETTE_WRITE => self.palette.select_write(value),
            PALETTE_DATA => self.palette.write(value),
            GRAPHICS => self.registers.graphics_index = value & 0x0F,
            GRAPHICS_DATA => self.registers.write_graphics(value),
            CRTC | CRTC_MONO => self.registers.crtc_index = value,
            CRTC_DATA | CRTC_DATA_MONO => self.registers.write_crtc(value),
            STATUS | STATUS_MONO => self.registers.feature = value & 0x10,
            _ => {}
        }
    }

    /// Some registers answer at other ports in colour modes than in monochrome ones.
    fn answers(&self, port: u16) -> bool {
        match port {
            CRTC..STATUS_END => self.registers.is_colour(),
            MONO_PORTS..MONO_END => !self.registers.is_colour(),
            _ => true,
        }
    }
}

const STATUS_END: u16 = 0x3E0;
const MONO_END: u16 = MONO_PORTS + MONO_PORT_COUNT;
