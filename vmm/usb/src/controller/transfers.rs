//! Transfers: from doorbell to event (4.6.4, 4.10).

use super::{
    Xhci,
    slots::{DEFAULT_ENDPOINT, INTERRUPT_ENDPOINT},
    trb::{Descriptor, Event, Next, Placed},
};
use crate::device::Attached;
use alloc::vec::Vec;
use base_units::Gpa;
use spec::xhci::{PORT_ENABLED, code, endpoint, trb};
use vmm_bus::{Context, GuestMemory, MemoryError};

/// Slot and endpoint.
pub(super) type Names = (u8, u8);

/// Whether a device can be reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Reach {
    /// It answers.
    Answers,
    /// Its port is suspended: transfers wait.
    Sleeps,
    /// Nobody answers at that address.
    Silent,
}

impl Xhci {
    /// A doorbell of an endpoint rang (4.7): one that was stopped goes on.
    pub(super) fn arm(&mut self, slot: u8, index: u8, memory: &dyn GuestMemory) -> Result<(), MemoryError> {
        let Some(slot) = self.slot_mut(slot) else { return Ok(()) };
        let Some(found) = slot.endpoint_mut(index) else { return Ok(()) };
        match found.state {
            endpoint::RUNNING => found.is_armed = true,
            endpoint::STOPPED => {
                found.state = endpoint::RUNNING;
                found.is_armed = true;
                slot.show_again(index, memory)?;
            }
            // Halted: software must reset it first.
            _ => {}
        }
        Ok(())
    }

    /// Does the next descriptor of an endpoint. `false` if there is none, or the device has nothing for it.
    pub(super) fn take_transfer(&mut self, names: Names, context: &Context<'_>) -> Result<bool, MemoryError> {
        let (slot, index) = names;
        let Some(found) = self.slot(slot).and_then(|slot| slot.endpoint(index)) else { return Ok(false) };
        let ring = found.ring;
        if found.state != endpoint::RUNNING {
            return Ok(false);
        }
        let reach = self.reach(slot);
        if reach == Reach::Sleeps || (reach == Reach::Answers && self.is_nak(names)) {
            return Ok(false);
        }
        let descriptor = match ring.descriptor(context.memory)? {
            Next::Some(descriptor) => descriptor,
            Next::Nothing => {
                self.change(names, |found| found.is_armed = false);
                return Ok(false);
            }
            Next::Broken => {
                let at = Placed { at: ring.at(), trb: super::trb::Trb::default() };
                let descriptor = Descriptor { trbs: [at].into(), after: ring };
                self.refuse(names, &descriptor, code::TRB, context.memory)?;
                return Ok(true);
            }
        };
        match (reach, index) {
            (Reach::Answers, DEFAULT_ENDPOINT) => self.take_stage(names, &descriptor, context.memory)?,
            (Reach::Answers, INTERRUPT_ENDPOINT) => self.take_interrupt(names, &descriptor, context)?,
            // No device has such an endpoint.
            _ => self.refuse(names, &descriptor, code::TRANSACTION, context.memory)?,
        }
        Ok(true)
    }

    /// The device of a slot, if it listens to the slot's address.
    pub(super) fn device_of(&mut self, slot: u8) -> Option<&mut dyn Attached> {
        let (port, address) = self.slot(slot).map(|slot| (usize::from(slot.port), slot.address))?;
        self.devices.at_port(port).filter(|device| device.address() == address)
    }

    fn reach(&mut self, slot: u8) -> Reach {
        let port = self.slot(slot).and_then(|slot| self.ports.get(usize::from(slot.port))).copied();
        match port {
            Some(port) if port.status & PORT_ENABLED == 0 => Reach::Silent,
            Some(port) if !port.is_working() => Reach::Sleeps,
            Some(_) if self.device_of(slot).is_some() => Reach::Answers,
            _ => Reach::Silent,
        }
    }

    /// Whether the interrupt endpoint has nothing to say.
    fn is_nak(&mut self, (slot, index): Names) -> bool {
        index == INTERRUPT_ENDPOINT
            && self.device_of(slot).is_some_and(|device| device.is_configured() && !device.is_ready())
    }

    fn take_interrupt(
        &mut self,
        names: Names,
        descriptor: &Descriptor,
        context: &Context<'_>,
    ) -> Result<(), MemoryError> {
        let memory = context.memory;
        let is_possible =
            descriptor.trbs.iter().all(|placed| !matches!(placed.trb.kind(), trb::SETUP..=trb::STATUS));
        if !is_possible {
            return self.refuse(names, descriptor, code::TRB, memory);
        }
        if descriptor.first().trb.kind() == trb::NO_OP {
            return self.complete(names, descriptor, 0, memory);
        }
        let Some(device) = self.device_of(names.0).filter(|device| device.is_configured()) else {
            return self.refuse(names, descriptor, code::TRANSACTION, memory);
        };
        let report = match device.interrupt_in(context.now) {
            Ok(Some(report)) => report,
            Ok(None) => return Ok(()),
            Err(_) => return self.refuse(names, descriptor, code::STALL, memory),
        };
        if report.bytes().len() > descriptor.length() {
            return self.refuse(names, descriptor, code::BABBLE, memory);
        }
        match scatter(descriptor, report.bytes(), memory)? {
            Some(moved) => self.complete(names, descriptor, moved, memory),
            None => self.refuse(names, descriptor, code::TRB, memory),
        }
    }

    /// A descriptor was done: goes behind it and tells what software wants to know (4.10.1).
    pub(super) fn complete(
        &mut self,
        names: Names,
        descriptor: &Descriptor,
        moved: usize,
        memory: &dyn GuestMemory,
    ) -> Result<(), MemoryError> {
        self.change(names, |found| found.ring = descriptor.after);
        let mut left = u32::try_from(moved).unwrap_or(u32::MAX);
        let (mut is_short, mut was_told_short, mut since_event): (bool, bool, u32) = (false, false, 0);
        for Placed { at, trb } in &descriptor.trbs {
            let length = if trb.kind() == trb::SETUP { 0 } else { trb.length() };
            let chunk = left.min(length);
            left = left.saturating_sub(chunk);
            since_event = since_event.saturating_add(chunk);
            is_short |= chunk < length;
            let has_data = trb.kind() == trb::EVENT_DATA;
            let is_wanted = trb.wants_completion() || (is_short && trb.wants_short());
            if !is_wanted || (was_told_short && !has_data) {
                continue;
            }
            was_told_short |= is_short;
            let code = if is_short { code::SHORT_PACKET } else { code::SUCCESS };
            let event = if has_data {
                let moved = core::mem::take(&mut since_event);
                Event::transfer(trb.parameter, (code, moved), names).with_event_data()
            } else {
                Event::transfer(*at, (code, length.saturating_sub(chunk)), names)
            };
            self.tell(trb.interrupter(), event.silent_if(trb.blocks_interrupt()), memory);
        }
        Ok(())
    }

    /// A descriptor failed: the endpoint stays in front of it until software does something about it (4.8.3).
    pub(super) fn refuse(
        &mut self,
        names: Names,
        descriptor: &Descriptor,
        code: u8,
        memory: &dyn GuestMemory,
    ) -> Result<(), MemoryError> {
        let state = if code == code::TRB { endpoint::ERROR } else { endpoint::HALTED };
        self.change(names, |found| {
            found.state = state;
            found.is_armed = false;
            found.control = None;
        });
        if let Some(slot) = self.slot(names.0) {
            slot.show_again(names.1, memory)?;
        }
        let Placed { at, trb } = descriptor.first();
        self.tell(trb.interrupter(), Event::transfer(at, (code, trb.length()), names), memory);
        Ok(())
    }

    fn change(&mut self, (slot, index): Names, change: impl FnOnce(&mut super::slots::Endpoint)) {
        if let Some(found) = self.slot_mut(slot).and_then(|slot| slot.endpoint_mut(index)) {
            change(found);
        }
    }
}

/// Whether a TRB points to data.
fn has_buffer(kind: u8) -> bool {
    kind == trb::NORMAL || kind == trb::DATA
}

/// Copies to a descriptor's memory as much as it has room for. `None` if it has no memory but data of its own.
pub(super) fn scatter(
    descriptor: &Descriptor,
    data: &[u8],
    memory: &dyn GuestMemory,
) -> Result<Option<usize>, MemoryError> {
    let mut left = data;
    for Placed { trb, .. } in descriptor.trbs.iter().filter(|placed| has_buffer(placed.trb.kind())) {
        if trb.is_immediate() {
            return Ok(None);
        }
        let (chunk, rest) = left.split_at(left.len().min(trb.length() as usize));
        if !chunk.is_empty() {
            memory.write(Gpa::new(trb.parameter), chunk)?;
        }
        left = rest;
    }
    Ok(Some(data.len().saturating_sub(left.len())))
}

/// Copies a descriptor's data, whose length the caller has checked.
pub(super) fn gather(descriptor: &Descriptor, memory: &dyn GuestMemory) -> Result<Vec<u8>, MemoryError> {
    let mut data = Vec::new();
    for Placed { trb, .. } in descriptor.trbs.iter().filter(|placed| has_buffer(placed.trb.kind())) {
        let mut chunk = alloc::vec![0; trb.length() as usize];
        if trb.is_immediate() {
            chunk.iter_mut().zip(trb.parameter.to_le_bytes()).for_each(|(to, from)| *to = from);
        } else {
            memory.read(Gpa::new(trb.parameter), &mut chunk)?;
        }
        data.append(&mut chunk);
    }
    Ok(data)
}
