//! The display on the bus.

use super::{
    memory::TEXT_BYTES,
    planes,
    state::Vga,
    window::{View, Window},
};
use base_units::Gpa;
use spec::vga::{
    MONO_PORT_COUNT, MONO_PORTS, PORT_COUNT, PORTS, VBE_INDEX, VBE_PORT_COUNT, WINDOW_BYTES, WINDOW_START,
};
use vmm_bus::{
    AccessSize, Attention, Bus, BusError, Context, Device, DeviceId, DirectRange, Inspector, Region,
    pci::Window as PciWindow,
};
use vmm_snapshot::{RestoreError, Saved, SavedState};

/// The BAR of the frame buffer.
pub(super) const FRAME_BUFFER_BAR: u8 = 0;
/// The BAR of the registers.
pub(super) const MEMORY_BAR: u8 = 2;
/// Region of the frame buffer: BAR 0.
pub const FRAME_BUFFER_REGION: Region = Region(FRAME_BUFFER_BAR as u16);
/// Region of the registers in memory: BAR 2.
pub const MEMORY_REGION: Region = Region(MEMORY_BAR as u16);
/// Region of the legacy window: [`WINDOW_BYTES`] from [`WINDOW_START`] on.
pub const WINDOW_REGION: Region = Region(16);
/// Region of the ports of monochrome modes: 12 from 0x3B0 on.
pub const MONO_PORTS_REGION: Region = Region(17);
/// Region of the other ports: 32 from 0x3C0 on.
pub const PORTS_REGION: Region = Region(18);
/// Region of the ports of the Bochs extension: 3 from 0x1CE on.
pub const VBE_PORTS_REGION: Region = Region(19);

/// Lets the legacy ports and the legacy window of a display answer.
pub(crate) fn map<T>(bus: &mut Bus, id: DeviceId<T>) -> Result<(), BusError> {
    bus.map_memory(id, WINDOW_REGION, Gpa::new(WINDOW_START), WINDOW_BYTES)?;
    bus.map_ports(id, MONO_PORTS_REGION, MONO_PORTS, MONO_PORT_COUNT)?;
    bus.map_ports(id, PORTS_REGION, PORTS, PORT_COUNT)?;
    bus.map_ports(id, VBE_PORTS_REGION, VBE_INDEX, VBE_PORT_COUNT)
}

impl Vga {
    /// Reads neighbouring ports, a byte each.
    fn read_ports(&mut self, first: u16, size: AccessSize, context: &Context<'_>) -> u64 {
        let mut value = 0;
        for index in 0..size.bytes() as u16 {
            value |= u64::from(self.read_port(first.wrapping_add(index), context.now)) << (8 * index);
        }
        value
    }

    fn write_ports(&mut self, first: u16, size: AccessSize, value: u64, context: &mut Context<'_>) {
        for (index, byte) in (0..size.bytes() as u16).zip(value.to_le_bytes()) {
            self.write_port(first.wrapping_add(index), byte);
        }
        self.settle(context.effects);
    }

    fn read_window(&mut self, at: u64, size: AccessSize) -> u64 {
        let mut bytes = [0xFF; 8];
        for (byte, at) in bytes.iter_mut().take(size.bytes() as usize).zip(at..) {
            if let Some(offset) = self.window.offset(at) {
                *byte = self.read_window_byte(offset);
            }
        }
        u64::from_le_bytes(bytes)
    }

    fn read_window_byte(&mut self, offset: u64) -> u8 {
        match self.window.view {
            View::Linear(start) => {
                let mut byte = [0];
                self.memory.read(start.saturating_add(offset), &mut byte);
                byte[0]
            }
            View::Text => planes::read(&self.registers, &self.memory, &mut self.latches, offset),
            View::Planes(start) => {
                let offset = start.saturating_add(offset);
                planes::read(&self.registers, &self.memory, &mut self.latches, offset)
            }
        }
    }

    fn write_window(&mut self, at: u64, size: AccessSize, value: u64) {
        for (byte, at) in value.to_le_bytes().into_iter().take(size.bytes() as usize).zip(at..) {
            let Some(offset) = self.window.offset(at) else { continue };
            match self.window.view {
                View::Linear(start) => self.memory.write(start.saturating_add(offset), &[byte]),
                View::Text => planes::write(&self.registers, &mut self.memory, &self.latches, offset, byte),
                View::Planes(start) => {
                    let offset = start.saturating_add(offset);
                    planes::write(&self.registers, &mut self.memory, &self.latches, offset, byte);
                }
            }
        }
    }

    fn read_frame_buffer(&self, offset: u64, size: AccessSize) -> u64 {
        let mut bytes = [0xFF; 8];
        if offset.saturating_add(size.bytes()) <= self.memory.bytes() {
            let count = size.bytes() as usize;
            self.memory.read(offset, bytes.get_mut(..count).unwrap_or_default());
        }
        u64::from_le_bytes(bytes)
    }

    fn write_frame_buffer(&mut self, offset: u64, size: AccessSize, value: u64) {
        if offset.saturating_add(size.bytes()) <= self.memory.bytes() {
            let bytes = value.to_le_bytes();
            self.memory.write(offset, bytes.get(..size.bytes() as usize).unwrap_or_default());
        }
    }

    /// Calls `visit` with what the guest sees as memory while the function has these windows.
    pub(crate) fn visit_ranges(&self, windows: &[PciWindow], visit: &mut dyn FnMut(DirectRange)) {
        if let Some(window) = windows.iter().find(|window| window.region == FRAME_BUFFER_REGION) {
            visit(DirectRange {
                start: Gpa::new(window.start),
                bytes: window.bytes,
                memory: self.memory.id(),
                offset: 0,
                is_writable: true,
            });
        }
        if let Some(range) = self.direct_window() {
            visit(range);
        }
    }

    /// The memory that the legacy window shows as it is.
    fn direct_window(&self) -> Option<DirectRange> {
        let Window { start, bytes, view } = self.window;
        let (offset, bytes) = match view {
            View::Linear(offset) => (offset, bytes.min(self.memory.bytes().saturating_sub(offset))),
            View::Text => (self.memory.text_offset(), TEXT_BYTES),
            View::Planes(_) => return None,
        };
        let start = Gpa::new(WINDOW_START.saturating_add(start));
        Some(DirectRange { start, bytes, memory: self.memory.id(), offset, is_writable: true })
    }
}

impl Device for Vga {
    fn name(&self) -> &'static str {
        "vga"
    }

    fn read(&mut self, region: Region, offset: u64, size: AccessSize, context: &mut Context<'_>) -> u64 {
        match region {
            FRAME_BUFFER_REGION => self.read_frame_buffer(offset, size),
            MEMORY_REGION => self.read_memory(offset, size, context.now),
            WINDOW_REGION => self.read_window(offset, size),
            MONO_PORTS_REGION => self.read_ports(MONO_PORTS.wrapping_add(offset as u16), size, context),
            PORTS_REGION => self.read_ports(PORTS.wrapping_add(offset as u16), size, context),
            VBE_PORTS_REGION if offset == 0 => u64::from(self.vbe.index),
            VBE_PORTS_REGION => u64::from(self.read_vbe(self.vbe.index)),
            _ => size.ones(),
        }
    }

    fn write(
        &mut self,
        region: Region,
        offset: u64,
        size: AccessSize,
        value: u64,
        context: &mut Context<'_>,
    ) {
        match region {
            FRAME_BUFFER_REGION => self.write_frame_buffer(offset, size, value),
            MEMORY_REGION => self.write_memory(offset, size, value, context.effects),
            WINDOW_REGION => self.write_window(offset, size, value),
            MONO_PORTS_REGION => {
                self.write_ports(MONO_PORTS.wrapping_add(offset as u16), size, value, context)
            }
            PORTS_REGION => self.write_ports(PORTS.wrapping_add(offset as u16), size, value, context),
            VBE_PORTS_REGION if offset == 0 => self.vbe.index = value as u16,
            VBE_PORTS_REGION => self.write_vbe(self.vbe.index, value as u16, context.effects),
            _ => {}
        }
    }

    fn reset(&mut self, context: &mut Context<'_>) {
        self.function.reset();
        self.forget();
        context.effects.note(Attention::DIRECT);
    }

    fn save(&self) -> SavedState {
        self.save_all()
    }

    fn restore(&mut self, saved: Saved<'_>) -> Result<(), RestoreError> {
        self.restore_all(saved)
    }

    fn inspect(&self, inspector: &mut dyn Inspector) {
        let size = self.frame(base_units::Nanos::ZERO).size();
        inspector.number("width", u64::from(size.width));
        inspector.number("height", u64::from(size.height));
        inspector.flag("shown", self.registers.is_shown());
        inspector.flag("text", self.text().is_some());
        inspector.flag("extension", self.vbe.is_on());
        inspector.flag("window is direct", self.direct_window().is_some());
    }

    fn config_read(&mut self, offset: u16, size: AccessSize, _context: &mut Context<'_>) -> u32 {
        self.function.config_read(offset, size)
    }

    fn config_write(&mut self, offset: u16, size: AccessSize, value: u32, context: &mut Context<'_>) {
        if self.function.config_write(offset, size, value, context.effects).windows {
            context.effects.note(Attention::DIRECT);
        }
    }

    fn windows(&self) -> &[PciWindow] {
        self.function.windows()
    }

    fn direct_ranges(&self, visit: &mut dyn FnMut(DirectRange)) {
        self.visit_ranges(self.function.windows(), visit);
    }
}
