//! The registers behind the memory BAR.

use super::state::Vga;
use base_units::Nanos;
use spec::vga::{PORT_COUNT, PORTS, mmio};
use vmm_bus::{
    AccessSize, Effects,
    access::{part_of, read_bytes},
};

/// Bytes of the registers of the Bochs extension.
const VBE_BYTES: u64 = 11 * 2;
const VBE_END: u64 = mmio::VBE + VBE_BYTES;
const PORTS_END: u64 = mmio::PORTS + PORT_COUNT as u64;
/// Bytes of QEMU's own extension.
const EXTENSION_BYTES: u32 = 8;

impl Vga {
    /// Reads `size` bytes at `offset`.
    pub(super) fn read_memory(&mut self, offset: u64, size: AccessSize, now: Nanos) -> u64 {
        match offset {
            mmio::EDID..mmio::PORTS => read_bytes(&self.edid, offset, size),
            mmio::PORTS..PORTS_END => {
                // An access is of one or two registers.
                let low = self.read_port(port(offset), now);
                let is_pair = size > AccessSize::Byte && offset + 1 < PORTS_END;
                let high = if is_pair { self.read_port(port(offset + 1), now) } else { 0 };
                u64::from(u16::from_le_bytes([low, high]))
            }
            mmio::VBE..VBE_END => {
                let value = self.read_vbe(vbe_register(offset));
                part_of(u32::from(value), offset & 1, size)
            }
            mmio::EXTENSION..mmio::BYTE_ORDER => part_of(EXTENSION_BYTES, offset, size),
            mmio::BYTE_ORDER..BYTE_ORDER_END => part_of(mmio::LITTLE_ENDIAN, offset, size),
            _ => 0,
        }
    }

    /// Writes `size` bytes at `offset`.
    pub(super) fn write_memory(&mut self, offset: u64, size: AccessSize, value: u64, effects: &mut Effects) {
        match offset {
            mmio::PORTS..PORTS_END => {
                let [low, high, ..] = value.to_le_bytes();
                self.write_port(port(offset), low);
                if size > AccessSize::Byte && offset + 1 < PORTS_END {
                    self.write_port(port(offset + 1), high);
                }
                self.settle(effects);
            }
            // Half a register cannot be written.
            mmio::VBE..VBE_END if size > AccessSize::Byte && offset.is_multiple_of(2) => {
                self.write_vbe(vbe_register(offset), value as u16, effects);
            }
            // Pixels are little endian, always.
            _ => {}
        }
    }
}

const BYTE_ORDER_END: u64 = mmio::BYTE_ORDER + 4;

/// The port that an offset stands for.
fn port(offset: u64) -> u16 {
    PORTS.saturating_add((offset - mmio::PORTS) as u16)
}

fn vbe_register(offset: u64) -> u16 {
    ((offset - mmio::VBE) / 2) as u16
}
