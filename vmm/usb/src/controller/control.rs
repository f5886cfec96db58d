//! Control transfers: setup, data and status stages on the default endpoint (4.11.2.2).

use super::{
    Xhci,
    slots::DEFAULT_ENDPOINT,
    transfers::{Names, gather, scatter},
    trb::Descriptor,
};
use crate::setup::Setup;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};
use spec::xhci::{TRB_IN, code, trb};
use vmm_bus::{GuestMemory, MemoryError};

/// Bytes of a setup packet.
const SETUP_BYTES: u32 = 8;
/// Bytes that our devices take in one transfer at the most.
const OUT_BYTES_MAX: usize = 64;
/// Bytes of an answer at the most.
const IN_BYTES_MAX: usize = u16::MAX as usize;

/// A control transfer under way.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Control {
    setup: Setup,
    /// The device's answer, or what the host has sent so far.
    data: Vec<u8>,
    /// Bytes of the answer that the host has.
    position: usize,
    /// The device refused.
    is_stalled: bool,
}

impl Control {
    /// Whether a transfer can be like this.
    pub(super) fn is_possible(&self) -> bool {
        self.data.len() <= IN_BYTES_MAX && self.position <= self.data.len()
    }
}

/// How a stage ends: bytes moved, or the code of what went wrong.
type Stage = Result<usize, u8>;

impl Xhci {
    /// Does one stage.
    pub(super) fn take_stage(
        &mut self,
        names: Names,
        descriptor: &Descriptor,
        memory: &dyn GuestMemory,
    ) -> Result<(), MemoryError> {
        let stage = match descriptor.first().trb.kind() {
            trb::SETUP => self.begin_control(names, descriptor),
            trb::DATA => self.move_data(names, descriptor, memory)?,
            trb::STATUS => self.end_control(names),
            trb::NO_OP => Ok(0),
            _ => Err(code::TRB),
        };
        match stage {
            Ok(moved) => self.complete(names, descriptor, moved, memory),
            Err(code) => self.refuse(names, descriptor, code, memory),
        }
    }

    fn begin_control(&mut self, names: Names, descriptor: &Descriptor) -> Stage {
        let trb = descriptor.first().trb;
        if !trb.is_immediate() || trb.length() != SETUP_BYTES {
            return Err(code::TRB);
        }
        let setup = Setup::parse(trb.parameter);
        let mut control = Control { setup, data: Vec::new(), position: 0, is_stalled: false };
        if setup.is_in() && setup.length != 0 {
            let device = self.device_of(names.0).ok_or(code::TRANSACTION)?;
            match device.control_in(&setup) {
                Ok(mut data) => {
                    data.truncate(usize::from(setup.length));
                    control.data = data;
                }
                Err(_) => control.is_stalled = true,
            }
        }
        let endpoint = self.slot_mut(names.0).and_then(|slot| slot.endpoint_mut(DEFAULT_ENDPOINT));
        endpoint.ok_or(code::TRB)?.control = Some(control);
        Ok(0)
    }

    fn move_data(
        &mut self,
        names: Names,
        descriptor: &Descriptor,
        memory: &dyn GuestMemory,
    ) -> Result<Stage, MemoryError> {
        let endpoint = self.slot_mut(names.0).and_then(|slot| slot.endpoint_mut(DEFAULT_ENDPOINT));
        let Some(control) = endpoint.and_then(|endpoint| endpoint.control.as_mut()) else {
            return Ok(Err(code::TRB));
        };
        let is_in = descriptor.first().trb.has(TRB_IN);
        if control.is_stalled || is_in != control.setup.is_in() {
            return Ok(Err(code::STALL));
        }
        if is_in {
            let rest = control.data.get(control.position..).unwrap_or_default();
            let Some(moved) = scatter(descriptor, rest, memory)? else { return Ok(Err(code::TRB)) };
            control.position = control.position.saturating_add(moved);
            return Ok(Ok(moved));
        }
        let limit = OUT_BYTES_MAX.min(usize::from(control.setup.length)).saturating_sub(control.data.len());
        if descriptor.length() > limit {
            return Ok(Err(code::STALL));
        }
        let data = gather(descriptor, memory)?;
        control.data.extend_from_slice(&data);
        Ok(Ok(data.len()))
    }

    fn end_control(&mut self, names: Names) -> Stage {
        let endpoint = self.slot_mut(names.0).and_then(|slot| slot.endpoint_mut(DEFAULT_ENDPOINT));
        let control = endpoint.and_then(|endpoint| endpoint.control.take()).ok_or(code::TRB)?;
        if control.is_stalled {
            return Err(code::STALL);
        }
        if !control.setup.is_in() || control.setup.length == 0 {
            let device = self.device_of(names.0).ok_or(code::TRANSACTION)?;
            device.control_out(&control.setup, &control.data).map_err(|_| code::STALL)?;
        }
        Ok(0)
    }
}
