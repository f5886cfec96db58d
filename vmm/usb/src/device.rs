//! What every USB device has in common: its address, its configuration, the standard requests (USB 2.0, 9.4).

use crate::{
    descriptors::{Descriptors, INTERRUPT_ENDPOINT},
    hid::Report,
    setup::{Origin, Setup},
};
use alloc::{vec, vec::Vec};
use base_units::Nanos;
use serde::{Deserialize, Serialize};
use spec::usb::{
    FEATURE_ENDPOINT_HALT, RECIPIENT_DEVICE, RECIPIENT_ENDPOINT, RECIPIENT_INTERFACE,
    request::{
        CLEAR_FEATURE, GET_CONFIGURATION, GET_DESCRIPTOR, GET_INTERFACE, GET_STATUS, SET_CONFIGURATION,
        SET_FEATURE, SET_INTERFACE,
    },
};

/// The device does not know the request: it answers with STALL.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Stall;

/// What a device does beyond chapter 9.
pub(crate) trait Function {
    /// What it says of itself.
    fn descriptors(&self) -> &'static Descriptors;

    /// A request of the class that asks for data. The answer may be longer than the host wants.
    fn class_in(&mut self, setup: &Setup) -> Result<Vec<u8>, Stall>;

    /// A request of the class that brings data, which may be of any length.
    fn class_out(&mut self, setup: &Setup, data: &[u8]) -> Result<(), Stall>;

    /// The next report, if there is one: otherwise the endpoint answers NAK.
    fn take_report(&mut self, now: Nanos) -> Option<Report>;

    /// Whether there is a report.
    fn has_report(&self) -> bool;

    /// The bus was reset, or another configuration was chosen.
    fn reset(&mut self);
}

/// A device on a port, as the controller talks to it.
pub(crate) trait Attached {
    /// Its address; 0 after a reset of the bus.
    fn address(&self) -> u8;

    /// SET_ADDRESS, which xHCI software leaves to the controller.
    fn set_address(&mut self, address: u8);

    /// A control transfer that asks for data.
    fn control_in(&mut self, setup: &Setup) -> Result<Vec<u8>, Stall>;

    /// A control transfer that brings data, or has none.
    fn control_out(&mut self, setup: &Setup, data: &[u8]) -> Result<(), Stall>;

    /// Whether it is configured, so that it has an interrupt endpoint.
    fn is_configured(&self) -> bool;

    /// Whether the interrupt endpoint would not answer NAK.
    fn is_ready(&self) -> bool;

    /// What the interrupt endpoint sends; `Ok(None)` is NAK.
    fn interrupt_in(&mut self, now: Nanos) -> Result<Option<Report>, Stall>;

    /// The bus was reset.
    fn bus_reset(&mut self);
}

/// A device.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct UsbDevice<F> {
    pub(crate) function: F,
    address: u8,
    configuration: u8,
    /// Software halted the interrupt endpoint.
    is_halted: bool,
}

impl<F: Function> Attached for UsbDevice<F> {
    fn address(&self) -> u8 {
        self.address
    }

    fn set_address(&mut self, address: u8) {
        self.address = address;
    }

    fn control_in(&mut self, setup: &Setup) -> Result<Vec<u8>, Stall> {
        match setup.origin() {
            Origin::Standard => self.standard_in(setup),
            Origin::Class if setup.recipient() == RECIPIENT_INTERFACE && self.is_configured() => {
                self.function.class_in(setup)
            }
            _ => Err(Stall),
        }
    }

    fn control_out(&mut self, setup: &Setup, data: &[u8]) -> Result<(), Stall> {
        match setup.origin() {
            Origin::Standard => self.standard_out(setup),
            Origin::Class if setup.recipient() == RECIPIENT_INTERFACE && self.is_configured() => {
                self.function.class_out(setup, data)
            }
            _ => Err(Stall),
        }
    }

    fn is_configured(&self) -> bool {
        self.configuration != 0
    }

    fn is_ready(&self) -> bool {
        self.is_halted || self.function.has_report()
    }

    fn interrupt_in(&mut self, now: Nanos) -> Result<Option<Report>, Stall> {
        if self.is_halted {
            return Err(Stall);
        }
        Ok(self.function.take_report(now))
    }

    fn bus_reset(&mut self) {
        self.address = 0;
        self.configuration = 0;
        self.is_halted = false;
        self.function.reset();
    }
}

impl<F: Function> UsbDevice<F> {
    fn standard_in(&mut self, setup: &Setup) -> Result<Vec<u8>, Stall> {
        let (high, low) = setup.value_bytes();
        match (setup.recipient(), setup.request) {
            // Powered by the bus, does not wake the host.
            (RECIPIENT_DEVICE | RECIPIENT_INTERFACE, GET_STATUS) => Ok(vec![0, 0]),
            (RECIPIENT_ENDPOINT, GET_STATUS) => Ok(vec![u8::from(self.is_endpoint_halted(setup)?), 0]),
            (RECIPIENT_DEVICE | RECIPIENT_INTERFACE, GET_DESCRIPTOR) => {
                self.function.descriptors().find(high, low).ok_or(Stall)
            }
            (RECIPIENT_DEVICE, GET_CONFIGURATION) => Ok(vec![self.configuration]),
            (RECIPIENT_INTERFACE, GET_INTERFACE) if self.is_configured() && setup.index == 0 => Ok(vec![0]),
            _ => Err(Stall),
        }
    }

    fn standard_out(&mut self, setup: &Setup) -> Result<(), Stall> {
        match (setup.recipient(), setup.request) {
            (RECIPIENT_DEVICE, SET_CONFIGURATION) if setup.value <= 1 => {
                self.configuration = u8::from(setup.value == 1);
                self.is_halted = false;
                self.function.reset();
                Ok(())
            }
            (RECIPIENT_INTERFACE, SET_INTERFACE)
                if self.is_configured() && setup.index == 0 && setup.value == 0 =>
            {
                self.is_halted = false;
                Ok(())
            }
            (RECIPIENT_ENDPOINT, CLEAR_FEATURE | SET_FEATURE) if setup.value == FEATURE_ENDPOINT_HALT => {
                self.is_endpoint_halted(setup)?;
                // The default endpoint takes requests even so (9.4.5).
                if setup.index != 0 {
                    self.is_halted = setup.request == SET_FEATURE;
                }
                Ok(())
            }
            _ => Err(Stall),
        }
    }

    /// Whether the endpoint that the request names is halted.
    fn is_endpoint_halted(&self, setup: &Setup) -> Result<bool, Stall> {
        let [number, _] = setup.index.to_le_bytes();
        match number {
            0 | 0x80 => Ok(false),
            INTERRUPT_ENDPOINT if self.is_configured() => Ok(self.is_halted),
            _ => Err(Stall),
        }
    }
}
