//! Commands (4.6).

use super::{
    Xhci,
    contexts::{EndpointWords, Input, SlotWords},
    slots::{DEFAULT_ENDPOINT, ENDPOINTS, Endpoint},
    trb::{Event, Next, Placed, Ring, Trb},
};
use spec::xhci::{STS_CONTROLLER_ERROR, TRB_BLOCK_ADDRESS, TRB_DECONFIGURE, code, endpoint, slot, trb};
use vmm_bus::{GuestMemory, MemoryError};

/// How a command ends that does not succeed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Failure {
    /// With this code.
    Code(u8),
    /// Memory that is not there.
    Memory,
}

impl From<MemoryError> for Failure {
    fn from(_: MemoryError) -> Self {
        Self::Memory
    }
}

const PARAMETER: Failure = Failure::Code(code::PARAMETER);
const CONTEXT_STATE: Failure = Failure::Code(code::CONTEXT_STATE);
const NOT_ENABLED: Failure = Failure::Code(code::SLOT_NOT_ENABLED);

impl Xhci {
    /// Takes a command, if there is one.
    pub(super) fn take_command(&mut self, memory: &dyn GuestMemory) -> Result<bool, MemoryError> {
        if !self.registers.commands_run {
            return Ok(false);
        }
        let Placed { at, trb } = match self.registers.commands.take(memory)? {
            Next::Some(placed) => placed,
            Next::Nothing => return Ok(false),
            Next::Broken => {
                self.halt(STS_CONTROLLER_ERROR);
                return Ok(false);
            }
        };
        let (code, slot) = match self.execute(&trb, memory) {
            Ok(slot) => (code::SUCCESS, slot),
            Err(Failure::Code(code)) => (code, trb.slot()),
            Err(Failure::Memory) => return Err(MemoryError::OutOfRange),
        };
        self.tell(0, Event::command(at, code, slot), memory);
        Ok(true)
    }

    /// Does what a command says. Returns the slot that it is about.
    fn execute(&mut self, command: &Trb, memory: &dyn GuestMemory) -> Result<u8, Failure> {
        let slot = command.slot();
        match command.kind() {
            trb::NO_OP_COMMAND => return Ok(0),
            trb::ENABLE_SLOT => return self.enable_slot().ok_or(Failure::Code(code::NO_SLOTS)),
            trb::DISABLE_SLOT..=trb::RESET_DEVICE if self.slot(slot).is_none() => return Err(NOT_ENABLED),
            trb::DISABLE_SLOT => self.disable_slot(slot),
            trb::ADDRESS_DEVICE => self.address_device(command, memory)?,
            trb::CONFIGURE_ENDPOINT => self.configure_endpoint(command, memory)?,
            trb::EVALUATE_CONTEXT => self.evaluate_context(command, memory)?,
            trb::RESET_ENDPOINT => self.reset_endpoint(command, memory)?,
            trb::STOP_ENDPOINT => self.stop_endpoint(command, memory)?,
            trb::SET_DEQUEUE => self.set_dequeue(command, memory)?,
            trb::RESET_DEVICE => self.reset_device(slot, memory)?,
            _ => return Err(Failure::Code(code::TRB)),
        }
        Ok(slot)
    }

    /// 4.6.5.
    fn address_device(&mut self, command: &Trb, memory: &dyn GuestMemory) -> Result<(), Failure> {
        let number = command.slot();
        let tells_device = !command.has(TRB_BLOCK_ADDRESS);
        let state = self.slot(number).map_or(0, |slot| slot.state);
        if state >= slot::ADDRESSED || (state == slot::DEFAULT && !tells_device) {
            return Err(CONTEXT_STATE);
        }
        let input = Input::read(command.parameter, memory)?;
        let slot_words = SlotWords(input.words(0, memory)?);
        let endpoint = EndpointWords(input.words(DEFAULT_ENDPOINT, memory)?);
        let port = slot_words.port().filter(|port| *port < self.ports.len()).ok_or(PARAMETER)?;
        let is_possible = input.adds(0) && input.adds(DEFAULT_ENDPOINT) && endpoint.is_control();
        if !is_possible || slot_words.has_route() {
            return Err(PARAMETER);
        }
        if tells_device {
            self.tell_address(port, number)?;
        }
        let contexts = self.contexts_of(number, memory)?;
        let slot = self.slot_mut(number).ok_or(NOT_ENABLED)?;
        slot.port = port as u8;
        slot.contexts = contexts;
        (slot.state, slot.address) =
            if tells_device { (slot::ADDRESSED, number) } else { (slot::DEFAULT, 0) };
        slot.set_endpoint(DEFAULT_ENDPOINT, Some(Endpoint::new(endpoint.ring())));
        slot.show(slot_words, memory)?;
        slot.show_endpoint(DEFAULT_ENDPOINT, endpoint.0, memory)?;
        Ok(())
    }

    /// SET_ADDRESS: only a device whose port was reset listens.
    fn tell_address(&mut self, port: usize, address: u8) -> Result<(), Failure> {
        let is_working = self.ports.get(port).is_some_and(super::Port::is_working);
        match self.devices.at_port(port).filter(|device| is_working && device.address() == 0) {
            Some(device) => {
                device.set_address(address);
                Ok(())
            }
            None => Err(Failure::Code(code::TRANSACTION)),
        }
    }

    /// 4.6.6.
    fn configure_endpoint(&mut self, command: &Trb, memory: &dyn GuestMemory) -> Result<(), Failure> {
        let slot = self.slot_mut(command.slot()).ok_or(NOT_ENABLED)?;
        if slot.state < slot::ADDRESSED {
            return Err(CONTEXT_STATE);
        }
        if command.has(TRB_DECONFIGURE) {
            slot.drop_endpoints();
            slot.show_dropped(memory)?;
            slot.update_state();
            return Ok(slot.show(slot.shown(memory)?, memory)?);
        }
        let input = Input::read(command.parameter, memory)?;
        // The default endpoint stays, and so does the slot.
        if input.drop & 0b11 != 0 || input.adds(DEFAULT_ENDPOINT) {
            return Err(PARAMETER);
        }
        let mut added = alloc::vec::Vec::new();
        for index in (2..ENDPOINTS as u8).filter(|index| input.adds(*index)) {
            let words = EndpointWords(input.words(index, memory)?);
            if !words.is_possible(index) {
                return Err(PARAMETER);
            }
            added.push((index, words));
        }
        for index in (2..ENDPOINTS as u8).filter(|index| input.drops(*index)) {
            slot.set_endpoint(index, None);
            slot.show_again(index, memory)?;
        }
        for (index, words) in added {
            slot.set_endpoint(index, Some(Endpoint::new(words.ring())));
            slot.show_endpoint(index, words.0, memory)?;
        }
        slot.update_state();
        let mut shown = slot.shown(memory)?;
        if input.adds(0) {
            // How many contexts there are, and what a hub says of itself.
            let wanted = input.words(0, memory)?;
            shown.0.set(0, 0xFE00_0000, wanted.get(0));
        }
        Ok(slot.show(shown, memory)?)
    }

    /// 4.6.7.
    fn evaluate_context(&mut self, command: &Trb, memory: &dyn GuestMemory) -> Result<(), Failure> {
        let slot = self.slot(command.slot()).ok_or(NOT_ENABLED)?;
        if slot.state < slot::DEFAULT {
            return Err(CONTEXT_STATE);
        }
        let input = Input::read(command.parameter, memory)?;
        if input.drop != 0 {
            return Err(PARAMETER);
        }
        if input.adds(DEFAULT_ENDPOINT) {
            let wanted = EndpointWords(input.words(DEFAULT_ENDPOINT, memory)?);
            if !wanted.is_control() {
                return Err(PARAMETER);
            }
            let mut shown = slot.shown_endpoint(DEFAULT_ENDPOINT, memory)?;
            shown.set(1, 0xFFFF_0000, wanted.0.get(1));
            slot.show_endpoint(DEFAULT_ENDPOINT, shown, memory)?;
        }
        if input.adds(0) {
            let wanted = input.words(0, memory)?;
            let mut shown = slot.shown(memory)?;
            // Exit latency and interrupter.
            shown.0.set(1, 0xFFFF, wanted.get(1));
            shown.0.set(2, 0xFFC0_0000, wanted.get(2));
            slot.show(shown, memory)?;
        }
        Ok(())
    }

    /// 4.6.8.
    fn reset_endpoint(&mut self, command: &Trb, memory: &dyn GuestMemory) -> Result<(), Failure> {
        self.change_endpoint(command, memory, |found| {
            if found.state != endpoint::HALTED {
                return Err(CONTEXT_STATE);
            }
            found.state = endpoint::STOPPED;
            found.control = None;
            Ok(())
        })
    }

    /// 4.6.9.
    fn stop_endpoint(&mut self, command: &Trb, memory: &dyn GuestMemory) -> Result<(), Failure> {
        let names = (command.slot(), command.endpoint());
        let (mut ring, mut was_armed) = (Ring::default(), false);
        self.change_endpoint(command, memory, |found| {
            if found.state != endpoint::RUNNING {
                return Err(CONTEXT_STATE);
            }
            found.state = endpoint::STOPPED;
            ring = found.ring;
            was_armed = core::mem::take(&mut found.is_armed);
            Ok(())
        })?;
        if was_armed {
            // A transfer that waited for the device is told of; it has moved nothing.
            let (interrupter, at, told) = match ring.take(memory)? {
                Next::Some(Placed { at, trb }) => (trb.interrupter(), at, (code::STOPPED, trb.length())),
                _ => (0, ring.at(), (code::STOPPED_LENGTH_INVALID, 0)),
            };
            self.tell(interrupter, Event::transfer(at, told, names), memory);
        }
        Ok(())
    }

    /// 4.6.10.
    fn set_dequeue(&mut self, command: &Trb, memory: &dyn GuestMemory) -> Result<(), Failure> {
        self.change_endpoint(command, memory, |found| {
            if found.state != endpoint::STOPPED && found.state != endpoint::ERROR {
                return Err(CONTEXT_STATE);
            }
            *found = Endpoint { state: endpoint::STOPPED, ..Endpoint::new(Ring::new(command.parameter)) };
            Ok(())
        })
    }

    /// 4.6.11.
    fn reset_device(&mut self, number: u8, memory: &dyn GuestMemory) -> Result<(), Failure> {
        let slot = self.slot_mut(number).ok_or(NOT_ENABLED)?;
        if slot.state < slot::ADDRESSED {
            return Err(CONTEXT_STATE);
        }
        slot.drop_endpoints();
        slot.show_dropped(memory)?;
        slot.state = slot::DEFAULT;
        slot.address = 0;
        let mut shown = slot.shown(memory)?;
        // One context besides the slot's.
        shown.0.set(0, 0xF800_0000, 1 << 27);
        Ok(slot.show(shown, memory)?)
    }

    /// Changes the endpoint that a command names and shows software what became of it.
    fn change_endpoint(
        &mut self,
        command: &Trb,
        memory: &dyn GuestMemory,
        change: impl FnOnce(&mut Endpoint) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let index = command.endpoint();
        let slot = self.slot_mut(command.slot()).ok_or(NOT_ENABLED)?;
        if index == 0 {
            return Err(Failure::Code(code::TRB));
        }
        change(slot.endpoint_mut(index).ok_or(Failure::Code(code::ENDPOINT_NOT_ENABLED))?)?;
        Ok(slot.show_again(index, memory)?)
    }
}
