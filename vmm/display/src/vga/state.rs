//! The display as a value.

use super::{
    bus::{FRAME_BUFFER_BAR, MEMORY_BAR, map},
    memory::{TEXT_BYTES, VideoMemory},
    palette::Palette,
    picture::Source,
    planes::Latches,
    registers::Registers,
    vbe::{Vbe, VbeChange},
    window::{View, Window},
};
use crate::{
    edid::{EDID_BYTES, edid},
    frame::{Frame, Size},
    text::TextPage,
};
use alloc::boxed::Box;
use base_units::Nanos;
use spec::{
    pci::{BAR_FIRST, BAR_PREFETCHABLE},
    vga::mmio,
};
use vmm_bus::{
    Attention, Bus, BusError, DeviceId, DirectMemory, Effects,
    pci::{BarKind, Function, Identity, Place},
};

/// What the memory of the usual display takes: 16 MiB, and the text window.
pub const MEMORY_BYTES: u64 = 0x100_0000 + TEXT_BYTES;
/// The size that the screen asks for.
const NATIVE: Size = Size { width: 1280, height: 800 };

/// QEMU's standard VGA, with the registers behind BAR 2.
const IDENTITY: Identity = Identity {
    vendor: 0x1234,
    device: 0x1111,
    subsystem_vendor: 0x1AF4,
    subsystem: 0x1100,
    class: 0x03_00_00,
    revision: 2,
};

/// A VGA display.
pub struct Vga {
    pub(super) edid: [u8; EDID_BYTES],
    pub(super) function: Function,
    pub(super) memory: VideoMemory,
    pub(super) registers: Registers,
    pub(super) palette: Palette,
    pub(super) vbe: Vbe,
    pub(super) latches: Latches,
    /// What the legacy window shows: what the registers say, as the outside was told it.
    pub(super) window: Window,
}

impl Vga {
    /// A display over memory of a power of two of bytes and [`TEXT_BYTES`] behind them: see [`MEMORY_BYTES`].
    ///
    /// # Panics
    /// If the memory has another size: a mistake of ours.
    pub fn new(memory: Box<dyn DirectMemory>) -> Self {
        let memory = VideoMemory::new(memory);
        let function = add_bars(Function::new(&IDENTITY), memory.bytes());
        let (registers, vbe) = (Registers::default(), Vbe::new());
        let window = Window::of(&registers, &vbe);
        Self {
            edid: edid(NATIVE),
            function,
            memory,
            registers,
            palette: Palette::new(),
            vbe,
            latches: Latches::default(),
            window,
        }
    }

    /// Bytes of the frame buffer.
    pub(crate) fn frame_buffer_bytes(&self) -> u64 {
        self.memory.bytes()
    }

    /// Puts the display on a bus: its function at `place`, its ports and its window where every PC has them.
    pub fn attach(self, bus: &mut Bus, place: Place) -> Result<DeviceId<Self>, BusError> {
        let id = bus.add_function(place, self)?;
        map(bus, id)?;
        Ok(id)
    }

    /// What is shown at a moment.
    pub fn frame(&self, now: Nanos) -> Frame<'_> {
        self.source().frame(now)
    }

    /// The text that is shown, in text modes.
    pub fn text(&self) -> Option<TextPage> {
        self.source().text()
    }

    fn source(&self) -> Source<'_> {
        Source { registers: &self.registers, palette: &self.palette, vbe: &self.vbe, memory: &self.memory }
    }

    /// Reads a register of the Bochs extension.
    pub(super) fn read_vbe(&self, index: u16) -> u16 {
        self.vbe.read(index, self.memory.bytes())
    }

    /// Writes a register of the Bochs extension.
    pub(super) fn write_vbe(&mut self, index: u16, value: u16, effects: &mut Effects) {
        let change = self.vbe.write(index, value, self.memory.bytes());
        // Text goes back to the planes first, or it would come back after they are cleared.
        self.settle(effects);
        if let (VbeChange::Clear, Some(mode)) = (change, self.vbe.mode()) {
            self.memory.clear(mode.start, mode.stride.saturating_mul(u64::from(mode.height)));
        }
    }

    /// After registers changed: moves text to where the window shows it, and tells the outside if another piece of
    /// memory is there now.
    pub(super) fn settle(&mut self, effects: &mut Effects) {
        let window = Window::of(&self.registers, &self.vbe);
        if window == self.window {
            return;
        }
        let was_direct = !matches!(self.window.view, View::Planes(_));
        let is_direct = !matches!(window.view, View::Planes(_));
        if window.view == View::Text {
            self.memory.split_text();
        } else {
            self.memory.join_text();
        }
        self.window = window;
        if was_direct || is_direct {
            effects.note(Attention::DIRECT);
        }
    }
}

/// The BARs of the frame buffer and of the registers.
pub(crate) fn add_bars(function: Function, frame_buffer_bytes: u64) -> Function {
    let mut function = function.with_bar(FRAME_BUFFER_BAR, BarKind::Memory32, frame_buffer_bytes).with_bar(
        MEMORY_BAR,
        BarKind::Memory32,
        mmio::BYTES,
    );
    // Frame buffers may be written in pieces and ahead of time. It is BAR 0.
    function.config_mut().set(BAR_FIRST, &BAR_PREFETCHABLE.to_le_bytes());
    function
}
