//! virtio-gpu that is VGA too, as "virtio-vga" of other hypervisors: firmware and boot loaders show their text and
//! pictures by VGA, the system's driver takes over.
//!
//! One function of the class "VGA compatible": the frame buffer behind BAR 0 and the registers of VGA behind BAR 2, as
//! [`crate::vga`] has them, and the transport of virtio behind BAR 4. The GPU's picture hides that of VGA for as long as
//! the driver shows one.

use crate::{Frame, Gpu, Size, TextPage, Vga, vga};
use alloc::boxed::Box;
use base_units::Nanos;
use serde::{Deserialize, Serialize};
use spec::pci::{CLASS, SUBCLASS};
use vmm_bus::{
    AccessSize, Attention, Bus, BusError, Context, Device, DeviceId, DirectMemory, DirectRange, Doorbell,
    Inspector, Line, Region,
    pci::{Place, Window},
};
use vmm_snapshot::{RestoreError, Saved, SavedState};
use vmm_virtio::VirtioPci;

#[cfg(test)]
mod tests;

const VERSION: u16 = 1;
/// The BAR of virtio's transport.
const TRANSPORT_BAR: u8 = 4;
/// Class: display. Its subclass is zero: VGA compatible.
const DISPLAY: u8 = 3;

#[derive(Serialize, Deserialize)]
struct State {
    vga: SavedState,
    gpu: SavedState,
}

/// VGA and virtio-gpu in one.
pub struct VirtioVga {
    /// All but its function, which is the GPU's.
    vga: Vga,
    gpu: VirtioPci<Gpu>,
}

impl VirtioVga {
    /// A display over memory as [`Vga::new`] wants it, whose screen asks the GPU's driver for this size.
    ///
    /// # Panics
    /// As [`Vga::new`].
    pub fn new(memory: Box<dyn DirectMemory>, native: Size, line: Line) -> Self {
        let vga = Vga::new(memory);
        let bytes = vga.frame_buffer_bytes();
        let gpu = VirtioPci::with_bar(Gpu::new(native), line, TRANSPORT_BAR, |function| {
            let mut function = vga::add_bars(function, bytes);
            function.config_mut().set(SUBCLASS, &[0]);
            function.config_mut().set(CLASS, &[DISPLAY]);
            function
        });
        Self { vga, gpu }
    }

    /// Puts the display on a bus: its function at `place`, VGA's ports and window where every PC has them.
    pub fn attach(self, bus: &mut Bus, place: Place) -> Result<DeviceId<Self>, BusError> {
        let id = bus.add_function(place, self)?;
        vga::map(bus, id)?;
        Ok(id)
    }

    /// What is shown at a moment.
    pub fn frame(&self, now: Nanos) -> Frame<'_> {
        self.gpu.device().frame().unwrap_or_else(|| self.vga.frame(now))
    }

    /// The text that is shown, in text modes of VGA.
    pub fn text(&self) -> Option<TextPage> {
        if self.gpu.device().frame().is_some() { None } else { self.vga.text() }
    }
}

impl Device for VirtioVga {
    fn name(&self) -> &'static str {
        "virtio vga"
    }

    fn read(&mut self, region: Region, offset: u64, size: AccessSize, context: &mut Context<'_>) -> u64 {
        if region == self.gpu.region() {
            self.gpu.read(region, offset, size, context)
        } else {
            self.vga.read(region, offset, size, context)
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
        if region == self.gpu.region() {
            self.gpu.write(region, offset, size, value, context);
        } else {
            self.vga.write(region, offset, size, value, context);
        }
    }

    fn reset(&mut self, context: &mut Context<'_>) {
        self.gpu.reset(context);
        self.vga.reset(context);
    }

    fn save(&self) -> SavedState {
        SavedState::encode(VERSION, &State { vga: self.vga.save(), gpu: self.gpu.save() })
    }

    fn restore(&mut self, saved: Saved<'_>) -> Result<(), RestoreError> {
        let state: State = saved.decode(VERSION)?;
        self.vga.restore(state.vga.as_saved())?;
        self.gpu.restore(state.gpu.as_saved())
    }

    fn inspect(&self, inspector: &mut dyn Inspector) {
        inspector.enter("vga");
        self.vga.inspect(inspector);
        inspector.leave();
        self.gpu.inspect(inspector);
    }

    fn deadline(&self) -> Nanos {
        self.gpu.deadline()
    }

    fn advance(&mut self, context: &mut Context<'_>) {
        self.gpu.advance(context);
    }

    fn notify(&mut self, queue: u16, context: &mut Context<'_>) {
        self.gpu.notify(queue, context);
    }

    fn config_read(&mut self, offset: u16, size: AccessSize, context: &mut Context<'_>) -> u32 {
        self.gpu.config_read(offset, size, context)
    }

    fn config_write(&mut self, offset: u16, size: AccessSize, value: u32, context: &mut Context<'_>) {
        self.gpu.config_write(offset, size, value, context);
        // The frame buffer may have moved; this is rare enough not to ask.
        context.effects.note(Attention::DIRECT);
    }

    fn windows(&self) -> &[Window] {
        self.gpu.windows()
    }

    fn direct_ranges(&self, visit: &mut dyn FnMut(DirectRange)) {
        self.vga.visit_ranges(self.gpu.windows(), visit);
    }

    fn doorbells(&self, visit: &mut dyn FnMut(Doorbell)) {
        self.gpu.doorbells(visit);
    }
}
