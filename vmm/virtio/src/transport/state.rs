//! The transport as a value.

use super::{
    capabilities::{self, Places},
    layout::{BAR, BAR_BYTES},
};
use crate::{
    device::{Guest, Progress, QUEUES_MAX, VirtioDevice},
    fault::Fault,
    queue::Queue,
};
use alloc::{vec, vec::Vec};
use spec::virtio::{NO_VECTOR, PCI_DEVICE_BASE, PCI_REVISION, PCI_VENDOR};
use vmm_bus::{
    Context, Line, Region,
    pci::{BarKind, Function, Identity},
};

/// A virtio device as a PCI function.
pub struct VirtioPci<D> {
    /// The BAR of the transport.
    pub(super) bar: u8,
    pub(super) device: D,
    pub(super) places: Places,
    pub(super) function: Function,
    pub(super) queues: Vec<Queue>,
    /// MSI-X vector of each queue.
    pub(super) vectors: Vec<u16>,
    pub(super) common: Common,
    pub(super) isr: u8,
    /// Queues with more to do, one bit each.
    pub(super) work: u64,
    /// Why the device is broken, for `inspect`.
    pub(super) fault: Option<Fault>,
}

/// Registers of the common configuration that are no queue's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Common {
    pub(super) device_feature_select: u32,
    pub(super) driver_feature_select: u32,
    pub(super) driver_features: u64,
    pub(super) config_vector: u16,
    pub(super) status: u8,
    pub(super) generation: u8,
    pub(super) queue_select: u16,
}

impl Common {
    pub(super) const RESET: Self = Self {
        device_feature_select: 0,
        driver_feature_select: 0,
        driver_features: 0,
        config_vector: NO_VECTOR,
        status: 0,
        generation: 0,
        queue_select: 0,
    };
}

impl<D: VirtioDevice> VirtioPci<D> {
    /// Puts a device behind PCI; without MSI-X it interrupts on `line`.
    ///
    /// # Panics
    /// If the device has more than [`QUEUES_MAX`] queues: a mistake of ours.
    pub fn new(device: D, line: Line) -> Self {
        Self::with_bar(device, line, BAR, |function| function)
    }

    /// The same for a function with more to it, which `add` adds: the transport is behind BAR `bar` and the next one.
    ///
    /// # Panics
    /// As [`VirtioPci::new`].
    pub fn with_bar(device: D, line: Line, bar: u8, add: impl FnOnce(Function) -> Function) -> Self {
        let queues: Vec<Queue> = device.queues().iter().map(|size| Queue::new(*size)).collect();
        assert!(queues.len() <= QUEUES_MAX, "a virtio device with too many queues");
        // One vector for each queue and one for the configuration.
        let vector_count = u16::try_from(queues.len()).unwrap_or(0).saturating_add(1);
        let identity = Identity {
            vendor: PCI_VENDOR,
            device: PCI_DEVICE_BASE.saturating_add(device.kind()),
            subsystem_vendor: PCI_VENDOR,
            subsystem: PCI_DEVICE_BASE.saturating_add(device.kind()),
            class: device.class(),
            revision: PCI_REVISION,
        };
        let function = add(Function::new(&identity).with_line(line));
        let function = function.with_bar(bar, BarKind::Memory64, BAR_BYTES);
        let (function, places) = capabilities::add(function, bar, vector_count);
        Self {
            bar,
            vectors: vec![NO_VECTOR; queues.len()],
            device,
            places,
            function,
            queues,
            common: Common::RESET,
            isr: 0,
            work: 0,
            fault: None,
        }
    }

    /// The region of the transport.
    #[inline]
    pub fn region(&self) -> Region {
        Region(u16::from(self.bar))
    }

    /// The device behind the transport.
    pub fn device(&self) -> &D {
        &self.device
    }

    /// Why the device stopped and waits for a reset, if it did.
    pub fn fault(&self) -> Option<Fault> {
        self.fault
    }

    /// Lets the outside act on the device (typed text, a new balloon size), then interrupts the driver as
    /// needed. Call [`vmm_bus::Bus::settle`] afterwards.
    pub fn with_device<R>(
        &mut self,
        context: &mut Context<'_>,
        act: impl FnOnce(&mut D, &mut Guest<'_>) -> Result<R, Fault>,
    ) -> Result<R, Fault> {
        let result = self.with_guest(context, act);
        if let Err(fault) = result {
            self.break_down(fault, context);
        }
        result
    }

    /// Looks at a queue: the driver notified it, or there was more to do.
    pub(super) fn process(&mut self, queue: u16, context: &mut Context<'_>) {
        if !self.is_ready() || self.queues.get(usize::from(queue)).is_none_or(|queue| !queue.is_on()) {
            return;
        }
        if let Err(fault) = self.try_process(queue, context) {
            self.break_down(fault, context);
        }
    }

    fn try_process(&mut self, queue: u16, context: &mut Context<'_>) -> Result<(), Fault> {
        if let Some(state) = self.queues.get_mut(usize::from(queue)) {
            state.silence(context.memory)?;
        }
        let progress = self.with_guest(context, |device, guest| device.process(queue, guest))?;
        let has_more = match progress {
            Progress::More => true,
            Progress::Waiting => false,
            // What came between the last look and the wish to be notified is not announced.
            Progress::Idle => match self.queues.get_mut(usize::from(queue)) {
                Some(state) => state.listen(context.memory)?,
                None => false,
            },
        };
        if has_more {
            self.add_work(1u64.checked_shl(u32::from(queue)).unwrap_or(0), context);
        }
        Ok(())
    }

    /// Runs `act` on the device and carries out what it asked for.
    fn with_guest<R>(
        &mut self,
        context: &mut Context<'_>,
        act: impl FnOnce(&mut D, &mut Guest<'_>) -> Result<R, Fault>,
    ) -> Result<R, Fault> {
        let mut guest = Guest {
            memory: context.memory,
            now: context.now,
            is_ready: self.is_ready(),
            queues: &mut self.queues,
            effects: context.effects,
            completed: 0,
            work: 0,
            config_changed: false,
        };
        let result = act(&mut self.device, &mut guest);
        let (completed, work, config_changed) = (guest.completed, guest.work, guest.config_changed);
        self.interrupt_for(completed, context)?;
        if work != 0 {
            self.add_work(work, context);
        }
        if config_changed {
            self.announce_config(context);
        }
        result
    }
}
