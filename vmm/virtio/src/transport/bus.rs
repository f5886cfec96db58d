//! The transport on the bus.

use super::{
    layout::{NOTIFY, NOTIFY_BYTES, NOTIFY_STRIDE, Part},
    state::VirtioPci,
};
use crate::device::VirtioDevice;
use base_units::{Gpa, Nanos};
use vmm_bus::{
    AccessSize, Attention, Context, Device, Doorbell, Inspector, Region, access::part_of, pci::Window,
};
use vmm_snapshot::{RestoreError, Saved, SavedState};

impl<D: VirtioDevice> Device for VirtioPci<D> {
    fn name(&self) -> &'static str {
        self.device.name()
    }

    fn read(&mut self, _region: Region, offset: u64, size: AccessSize, context: &mut Context<'_>) -> u64 {
        match Part::at(offset) {
            Part::Common(offset) => self.read_common(offset, size),
            Part::Isr(0) => u64::from(self.take_isr(context.effects)),
            Part::Device(offset) => self.device.config_read(offset, size),
            Part::Msix => self.function.msix_read(self.region(), offset, size).unwrap_or(0),
            Part::Isr(_) | Part::Notify(_) | Part::Nothing => 0,
        }
    }

    fn write(
        &mut self,
        _region: Region,
        offset: u64,
        size: AccessSize,
        value: u64,
        context: &mut Context<'_>,
    ) {
        match Part::at(offset) {
            Part::Notify(offset) => {
                self.process(u16::try_from(offset / NOTIFY_STRIDE).unwrap_or(u16::MAX), context);
            }
            Part::Common(offset) => self.write_common(offset, size, value, context),
            Part::Device(offset) => self.device.config_write(offset, size, value),
            Part::Msix => {
                let region = self.region();
                self.function.msix_write(region, offset, size, value, context.effects);
            }
            Part::Isr(_) | Part::Nothing => {}
        }
    }

    fn reset(&mut self, context: &mut Context<'_>) {
        self.function.reset();
        self.reset_device(context.effects);
    }

    fn save(&self) -> SavedState {
        self.save_all()
    }

    fn restore(&mut self, saved: Saved<'_>) -> Result<(), RestoreError> {
        self.restore_all(saved)
    }

    fn inspect(&self, inspector: &mut dyn Inspector) {
        inspector.number("status", u64::from(self.common.status));
        inspector.number("features", self.common.driver_features);
        inspector.flag("msi-x", self.function.uses_msix());
        inspector.flag("interrupt asserted", self.isr != 0);
        inspector.flag("broken by the guest", self.fault.is_some());
        for (index, queue) in self.queues.iter().enumerate() {
            inspector.enter("queue");
            inspector.number("index", index as u64);
            inspector.flag("on", queue.is_on());
            inspector.number("size", u64::from(queue.areas().size));
            inspector.number("requests", queue.taken());
            inspector.leave();
        }
        self.device.inspect(inspector);
    }

    fn deadline(&self) -> Nanos {
        if self.work != 0 { Nanos::ZERO } else { Nanos::MAX }
    }

    fn advance(&mut self, context: &mut Context<'_>) {
        let work = core::mem::take(&mut self.work);
        for queue in (0..u64::BITS as u16).filter(|queue| work & 1 << queue != 0) {
            self.process(queue, context);
        }
        context.effects.note(Attention::DEADLINE);
    }

    fn notify(&mut self, queue: u16, context: &mut Context<'_>) {
        self.process(queue, context);
    }

    fn config_read(&mut self, offset: u16, size: AccessSize, context: &mut Context<'_>) -> u32 {
        if self.is_pci_data(offset) {
            return part_of(self.read_pci_data(context), u64::from(offset), size) as u32;
        }
        self.function.config_read(offset, size)
    }

    fn config_write(&mut self, offset: u16, size: AccessSize, value: u32, context: &mut Context<'_>) {
        if self.is_pci_data(offset) {
            self.write_pci_data(value, context);
            return;
        }
        self.function.config_write(offset, size, value, context.effects);
    }

    fn windows(&self) -> &[Window] {
        self.function.windows()
    }

    fn doorbells(&self, visit: &mut dyn FnMut(Doorbell)) {
        for window in self.function.windows().iter().filter(|window| window.region == self.region()) {
            for queue in 0..u16::try_from(self.queues.len()).unwrap_or(0) {
                let offset = NOTIFY.saturating_add(u64::from(queue).saturating_mul(NOTIFY_STRIDE));
                if let Some(address) = Gpa::new(window.start).checked_add(offset) {
                    visit(Doorbell { address, bytes: NOTIFY_BYTES, queue });
                }
            }
        }
    }
}
