//! Two small devices and a controller.

use crate::{
    AccessSize, Attention, Context, Device, GuestRange, Inspector, InterruptController, Level, Line, Msi,
    PowerRequest, Region,
    pci::{BarKind, ConfigSpace, Identity, Window, config_space::ConfigState},
};
use alloc::vec::Vec;
use base_units::{Gpa, Nanos};
use vmm_snapshot::{RestoreError, Saved, SavedState};

/// Remembers the last write; a write of 1 raises its line, 0 lowers it, 2 sends a message, 3 turns the
/// machine off, 4 gives a page back.
pub(super) struct Register {
    pub(super) line: Line,
    pub(super) value: u64,
    pub(super) deadline: Nanos,
    pub(super) notified: Vec<u16>,
}

impl Register {
    pub(super) fn new(line: Line) -> Self {
        Self { line, value: 0, deadline: Nanos::MAX, notified: Vec::new() }
    }
}

impl Device for Register {
    fn name(&self) -> &'static str {
        "register"
    }

    fn read(&mut self, region: Region, offset: u64, _size: AccessSize, _context: &mut Context<'_>) -> u64 {
        self.value | u64::from(region.0) << 32 | offset << 48
    }

    fn write(
        &mut self,
        _region: Region,
        _offset: u64,
        _size: AccessSize,
        value: u64,
        context: &mut Context<'_>,
    ) {
        self.value = value;
        match value {
            0 | 1 => context.effects.set_line(self.line, Level::from_asserted(value == 1)),
            2 => context.effects.send(Msi { address: 0xFEE0_0000, data: 7 }),
            3 => context.effects.request_power(PowerRequest::Off),
            4 => assert!(context.effects.return_pages(GuestRange { start: Gpa::new(4096), bytes: 4096 })),
            _ => {}
        }
    }

    fn reset(&mut self, _context: &mut Context<'_>) {
        self.value = 0;
    }

    fn save(&self) -> SavedState {
        SavedState::encode(1, &self.value)
    }

    fn restore(&mut self, saved: Saved<'_>) -> Result<(), RestoreError> {
        self.value = saved.decode(1)?;
        Ok(())
    }

    fn inspect(&self, inspector: &mut dyn Inspector) {
        inspector.number("value", self.value);
    }

    fn deadline(&self) -> Nanos {
        self.deadline
    }

    fn advance(&mut self, context: &mut Context<'_>) {
        self.deadline = Nanos::MAX;
        context.effects.set_line(self.line, Level::High);
    }

    fn notify(&mut self, queue: u16, _context: &mut Context<'_>) {
        self.notified.push(queue);
    }
}

/// A PCI function with a memory and an I/O window.
pub(super) struct Function {
    pub(super) config: ConfigSpace,
}

impl Function {
    pub(super) fn new() -> Self {
        let identity = Identity {
            vendor: 0x1234,
            device: 0x5678,
            subsystem_vendor: 0,
            subsystem: 0,
            class: 0xFF_00_00,
            revision: 1,
        };
        let mut config = ConfigSpace::new(&identity);
        config.add_bar(0, BarKind::Memory32, 0x1000);
        config.add_bar(1, BarKind::Io, 0x20);
        Self { config }
    }
}

impl Device for Function {
    fn name(&self) -> &'static str {
        "function"
    }

    fn read(&mut self, region: Region, offset: u64, _size: AccessSize, _context: &mut Context<'_>) -> u64 {
        0x5A00 | u64::from(region.0) << 4 | offset
    }

    fn write(&mut self, _: Region, _: u64, _: AccessSize, _: u64, _: &mut Context<'_>) {}

    fn reset(&mut self, _: &mut Context<'_>) {
        self.config.reset();
    }

    fn save(&self) -> SavedState {
        SavedState::encode(1, &self.config.save())
    }

    fn restore(&mut self, saved: Saved<'_>) -> Result<(), RestoreError> {
        self.config.restore(&saved.decode::<ConfigState>(1)?)
    }

    fn inspect(&self, _: &mut dyn Inspector) {}

    fn config_read(&mut self, offset: u16, size: AccessSize, _: &mut Context<'_>) -> u32 {
        self.config.read(offset, size)
    }

    fn config_write(&mut self, offset: u16, size: AccessSize, value: u32, context: &mut Context<'_>) {
        if self.config.write(offset, size, value).windows {
            context.effects.note(Attention::WINDOWS);
        }
    }

    fn windows(&self) -> &[Window] {
        self.config.windows()
    }
}

/// Sends a message for every pin that goes up.
#[derive(Default)]
pub(super) struct Controller;

impl Device for Controller {
    fn name(&self) -> &'static str {
        "controller"
    }

    fn read(&mut self, _: Region, _: u64, _: AccessSize, _: &mut Context<'_>) -> u64 {
        0xC0
    }

    fn write(&mut self, _: Region, _: u64, _: AccessSize, _: u64, _: &mut Context<'_>) {}

    fn reset(&mut self, _: &mut Context<'_>) {}

    fn save(&self) -> SavedState {
        SavedState::encode(1, &())
    }

    fn restore(&mut self, saved: Saved<'_>) -> Result<(), RestoreError> {
        saved.decode(1)
    }

    fn inspect(&self, _: &mut dyn Inspector) {}
}

impl InterruptController for Controller {
    fn set_pin(&mut self, pin: u8, level: Level, context: &mut Context<'_>) {
        if level == Level::High {
            context.effects.send(Msi { address: 0, data: u32::from(pin) });
        }
    }

    fn end_of_interrupt(&mut self, vector: u8, context: &mut Context<'_>) {
        context.effects.send(Msi { address: 1, data: u32::from(vector) });
    }
}
