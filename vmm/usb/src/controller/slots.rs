//! Device slots and their endpoints (4.5, 4.8).

use super::{SLOTS_MAX, Xhci, control::Control, trb::Ring};
use alloc::{vec, vec::Vec};
use serde::{Deserialize, Serialize};
use spec::xhci::{endpoint, slot};

/// Endpoints of a slot: the places of their contexts, of which the first is the slot's own.
pub(super) const ENDPOINTS: usize = 32;
/// The default endpoint.
pub(super) const DEFAULT_ENDPOINT: u8 = 1;
/// Endpoint 1 IN, the interrupt endpoint of our devices.
pub(super) const INTERRUPT_ENDPOINT: u8 = 3;

/// An endpoint that software has set up.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Endpoint {
    /// One of [`spec::xhci::endpoint`].
    pub(super) state: u32,
    pub(super) ring: Ring,
    /// A doorbell rang and the ring has not been found empty since.
    pub(super) is_armed: bool,
    /// The control transfer under way.
    pub(super) control: Option<Control>,
}

impl Endpoint {
    pub(super) fn new(ring: Ring) -> Self {
        Self { state: endpoint::RUNNING, ring, is_armed: false, control: None }
    }
}

/// A slot that software has enabled.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Slot {
    /// One of [`spec::xhci::slot`]; 0 = enabled.
    pub(super) state: u32,
    /// Index of the port of its device.
    pub(super) port: u8,
    /// The device's address.
    pub(super) address: u8,
    /// Where software reads its contexts.
    pub(super) contexts: u64,
    pub(super) endpoints: Vec<Option<Endpoint>>,
}

impl Slot {
    pub(super) fn new() -> Self {
        Self { state: 0, port: 0, address: 0, contexts: 0, endpoints: vec![None; ENDPOINTS] }
    }

    pub(super) fn endpoint(&self, index: u8) -> Option<&Endpoint> {
        self.endpoints.get(usize::from(index))?.as_ref()
    }

    pub(super) fn endpoint_mut(&mut self, index: u8) -> Option<&mut Endpoint> {
        self.endpoints.get_mut(usize::from(index))?.as_mut()
    }

    pub(super) fn set_endpoint(&mut self, index: u8, endpoint: Option<Endpoint>) {
        if let Some(place) = self.endpoints.get_mut(usize::from(index)) {
            *place = endpoint;
        }
    }

    /// Drops all endpoints but the default one.
    pub(super) fn drop_endpoints(&mut self) {
        for endpoint in self.endpoints.iter_mut().skip(usize::from(DEFAULT_ENDPOINT) + 1) {
            *endpoint = None;
        }
    }

    /// Whether it has endpoints besides the default one.
    pub(super) fn is_configured(&self) -> bool {
        self.endpoints.iter().skip(usize::from(DEFAULT_ENDPOINT) + 1).any(Option::is_some)
    }

    /// Whether software reads what the interrupt endpoint of the device at this port and address sends.
    pub(super) fn reads(&self, port: usize, address: u8) -> bool {
        let is_running = |endpoint: &Endpoint| endpoint.state == endpoint::RUNNING;
        self.state == slot::CONFIGURED
            && usize::from(self.port) == port
            && self.address == address
            && self.endpoint(INTERRUPT_ENDPOINT).is_some_and(is_running)
    }

    /// Whether a slot can be like this.
    pub(super) fn is_possible(&self) -> bool {
        self.endpoints.len() == ENDPOINTS
            && self.state <= slot::CONFIGURED
            && self.endpoints.iter().flatten().all(|endpoint| {
                (endpoint::RUNNING..=endpoint::ERROR).contains(&endpoint.state)
                    && endpoint.control.as_ref().is_none_or(Control::is_possible)
            })
    }

    pub(super) fn inspect(&self, inspector: &mut dyn vmm_bus::Inspector) {
        inspector.number("state", u64::from(self.state));
        inspector.number("port", u64::from(self.port).saturating_add(1));
        inspector.number("address", u64::from(self.address));
        for (index, endpoint) in self.endpoints.iter().enumerate() {
            if let Some(endpoint) = endpoint {
                inspector.number("endpoint", index as u64);
                inspector.number("its state", u64::from(endpoint.state));
            }
        }
    }
}

impl Xhci {
    /// The slot of this number, from 1 on, if it is enabled.
    pub(super) fn slot(&self, number: u8) -> Option<&Slot> {
        self.slots.get(usize::from(number).checked_sub(1)?)?.as_ref()
    }

    pub(super) fn slot_mut(&mut self, number: u8) -> Option<&mut Slot> {
        self.slots.get_mut(usize::from(number).checked_sub(1)?)?.as_mut()
    }

    /// Enables the first slot that is free, if software wants so many.
    pub(super) fn enable_slot(&mut self) -> Option<u8> {
        let wanted = usize::from(self.registers.slots()).min(SLOTS_MAX);
        let index = self.slots.iter().take(wanted).position(Option::is_none)?;
        *self.slots.get_mut(index)? = Some(Slot::new());
        u8::try_from(index).ok()?.checked_add(1)
    }

    pub(super) fn disable_slot(&mut self, number: u8) {
        if let Some(slot) = usize::from(number).checked_sub(1).and_then(|index| self.slots.get_mut(index)) {
            *slot = None;
        }
    }

    /// Endpoints of a slot that may have work to do: a doorbell sets them going again, unless they are halted.
    pub(super) fn armed_endpoints(&self, slot: u8) -> Vec<u8> {
        let Some(slot) = self.slot(slot) else { return Vec::new() };
        let is_armed = |index: &u8| {
            slot.endpoint(*index).is_some_and(|found| found.is_armed && found.state == endpoint::RUNNING)
        };
        (0..ENDPOINTS as u8).filter(is_armed).collect()
    }
}
