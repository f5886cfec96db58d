//! Features (5.14, 5.21).

use crate::{
    command::{Command, End, Failure, Outcome},
    controller::{Nvme, QUEUES_MAX},
};
use serde::{Deserialize, Serialize};
use spec::nvme::{feature, status};
use vmm_bus::Volume;

/// Dword 10 of SET FEATURES: keep it over resets.
const SAVE: u32 = 1 << 31;
/// What GET FEATURES wants: the current value, the one after power-on, the saved one, what can be done with it.
const SELECT_CURRENT: u32 = 0;
const SELECT_CAPABILITIES: u32 = 3;
/// Capability: it can be changed.
const CHANGEABLE: u32 = 1 << 2;
/// Both numbers of I/O queues, minus one each.
const QUEUES: u32 = (QUEUES_MAX as u32 - 2) << 16 | (QUEUES_MAX as u32 - 2);
/// Temperature threshold after power-on, in kelvins.
const TEMPERATURE: u32 = 343;
/// The write cache is on.
const WRITE_CACHE_ON: u32 = 1;

/// What the host has set.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Features {
    arbitration: u32,
    power: u32,
    temperature: u32,
    recovery: u32,
    write_cache: u32,
    coalescing: u32,
    atomicity: u32,
    events: u32,
}

impl Default for Features {
    fn default() -> Self {
        Self {
            arbitration: 0,
            power: 0,
            temperature: TEMPERATURE,
            recovery: 0,
            write_cache: WRITE_CACHE_ON,
            coalescing: 0,
            atomicity: 0,
            events: 0,
        }
    }
}

impl Features {
    /// Whether writes may wait for a flush.
    pub(crate) fn has_write_cache(&self) -> bool {
        self.write_cache & WRITE_CACHE_ON != 0
    }

    /// The value of a feature that is no more than a value, and what of it can be set.
    fn value_mut(&mut self, id: u8) -> Option<(&mut u32, u32)> {
        Some(match id {
            feature::ARBITRATION => (&mut self.arbitration, u32::MAX),
            // There is one power state.
            feature::POWER => (&mut self.power, 0),
            feature::TEMPERATURE => (&mut self.temperature, 0xFFFF),
            feature::RECOVERY => (&mut self.recovery, 0xFFFF),
            feature::WRITE_CACHE => (&mut self.write_cache, WRITE_CACHE_ON),
            feature::COALESCING => (&mut self.coalescing, 0xFFFF),
            feature::ATOMICITY => (&mut self.atomicity, 1),
            feature::EVENTS => (&mut self.events, u32::MAX),
            _ => return None,
        })
    }
}

impl<V: Volume> Nvme<V> {
    pub(super) fn set_features(&mut self, command: &Command) -> Outcome {
        let (id, value) = (command.dword(10) as u8, command.dword(11));
        if command.dword(10) & SAVE != 0 {
            return Err(Failure::lasting(status::NOT_SAVEABLE));
        }
        match id {
            feature::QUEUES => return self.set_queues(value),
            // Nothing is ever held back, so nothing need be said about it.
            feature::VECTOR if value & 0xFFFF < u32::from(self.function.vectors()) => {
                return Ok(End::Done(0));
            }
            _ => {}
        }
        let (place, mask) =
            self.session.features.value_mut(id).ok_or(Failure::lasting(status::INVALID_FIELD))?;
        *place = value & mask;
        if id == feature::WRITE_CACHE && value & WRITE_CACHE_ON == 0 {
            self.flush()?;
        }
        Ok(End::Done(0))
    }

    /// The host says how many queues it would like; it may have all of them.
    fn set_queues(&self, value: u32) -> Outcome {
        if value & 0xFFFF == 0xFFFF || value >> 16 == 0xFFFF {
            return Err(Failure::lasting(status::INVALID_FIELD));
        }
        let has_queues = self.session.completions.iter().skip(1).any(Option::is_some);
        if has_queues { Err(Failure::lasting(status::SEQUENCE)) } else { Ok(End::Done(QUEUES)) }
    }

    pub(super) fn get_features(&mut self, command: &Command) -> Outcome {
        let (id, select) = (command.dword(10) as u8, command.dword(10) >> 8 & 7);
        let is_known =
            matches!(id, feature::QUEUES | feature::VECTOR) || Features::default().value_mut(id).is_some();
        if !is_known || select > SELECT_CAPABILITIES {
            return Err(Failure::lasting(status::INVALID_FIELD));
        }
        if select == SELECT_CAPABILITIES {
            return Ok(End::Done(CHANGEABLE));
        }
        let mut features = if select == SELECT_CURRENT { self.session.features } else { Features::default() };
        let value = match id {
            feature::QUEUES => QUEUES,
            feature::VECTOR => command.dword(11) & 0xFFFF,
            _ => features.value_mut(id).map_or(0, |(value, _)| *value),
        };
        Ok(End::Done(value))
    }
}
