//! The serial line on the bus, saved and shown.

use super::{
    registers::{Enable, FifoControl, LineStatus, ModemControl, ModemStatus},
    state::{Changes, Uart},
};
use crate::byte_queue::ByteQueue;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};
use vmm_bus::{AccessSize, Attention, Context, Device, Effects, Inspector, Level, Region};
use vmm_snapshot::{RestoreError, Saved, SavedState};

const VERSION: u16 = 1;
/// I/O ports of one line.
pub const REGISTERS: u16 = 8;

#[derive(Serialize, Deserialize)]
struct State {
    enable: u8,
    fifo: u8,
    line_control: u8,
    modem_control: u8,
    line_errors: u8,
    modem_changes: u8,
    scratch: u8,
    divisor: [u8; 2],
    transmit_cause: bool,
    asserted: bool,
    transmit: Vec<u8>,
    receive: Vec<u8>,
}

impl Uart {
    /// Takes typed bytes until there is no room; returns how many were taken.
    pub fn receive(&mut self, bytes: &[u8], effects: &mut Effects) -> usize {
        let taken = bytes.iter().take_while(|byte| self.push_received(**byte)).count();
        self.report(Changes::default(), effects);
        taken
    }

    /// Moves transmitted bytes to `into`; returns how many.
    pub fn take_transmitted(&mut self, into: &mut [u8], effects: &mut Effects) -> usize {
        let mut taken: usize = 0;
        for place in into {
            let Some(byte) = self.pop_transmitted() else { break };
            *place = byte;
            taken = taken.saturating_add(1);
        }
        self.report(Changes::default(), effects);
        taken
    }

    fn report(&mut self, mut changes: Changes, effects: &mut Effects) {
        let wants = self.wants_interrupt();
        changes.line = wants != self.asserted;
        self.asserted = wants;
        if changes.line {
            effects.set_line(self.line, Level::from_asserted(wants));
        }
        if changes.console {
            effects.note(Attention::CONSOLE);
        }
    }
}

impl Device for Uart {
    fn name(&self) -> &'static str {
        "uart16550"
    }

    fn read(&mut self, _region: Region, offset: u64, size: AccessSize, context: &mut Context<'_>) -> u64 {
        let room = self.receive.room();
        let mut value = u64::from(self.read_register(offset));
        // Wider accesses reach the neighbours, as on the bus of a PC.
        for index in 1..size.bytes() {
            let register = offset.wrapping_add(index);
            value |= u64::from(self.read_register(register)) << (8 * index);
        }
        let console = self.receive.room() != room;
        self.report(Changes { line: false, console }, context.effects);
        value
    }

    fn write(
        &mut self,
        _region: Region,
        offset: u64,
        size: AccessSize,
        value: u64,
        context: &mut Context<'_>,
    ) {
        let waiting = self.transmit.len();
        self.write_register(offset, value as u8);
        for index in 1..size.bytes() {
            self.write_register(offset.wrapping_add(index), (value >> (8 * index)) as u8);
        }
        let console = self.transmit.len() != waiting;
        self.report(Changes { line: false, console }, context.effects);
    }

    fn reset(&mut self, _context: &mut Context<'_>) {
        // Bytes on their way to the console were sent; they still arrive.
        let transmit = self.transmit.clone();
        *self = Self::new(self.line);
        self.transmit = transmit;
    }

    fn save(&self) -> SavedState {
        let state = State {
            enable: self.enable.bits(),
            fifo: self.fifo.bits(),
            line_control: self.line_control,
            modem_control: self.modem_control.bits(),
            line_errors: self.line_errors.bits(),
            modem_changes: self.modem_changes.bits(),
            scratch: self.scratch,
            divisor: self.divisor,
            transmit_cause: self.transmit_cause,
            asserted: self.asserted,
            transmit: self.transmit.to_vec(),
            receive: self.receive.to_vec(),
        };
        SavedState::encode(VERSION, &state)
    }

    fn restore(&mut self, saved: Saved<'_>) -> Result<(), RestoreError> {
        let state: State = saved.decode(VERSION)?;
        let too_long = RestoreError::Impossible("a serial queue is too long");
        self.transmit = ByteQueue::from_slice(&state.transmit).ok_or(too_long)?;
        self.receive = ByteQueue::from_slice(&state.receive).ok_or(too_long)?;
        self.enable = Enable::from_bits_truncate(state.enable);
        self.fifo =
            FifoControl::from_bits_truncate(state.fifo) & (FifoControl::ENABLE | FifoControl::TRIGGER);
        self.line_control = state.line_control;
        self.modem_control = ModemControl::from_bits_truncate(state.modem_control);
        self.line_errors =
            LineStatus::from_bits_truncate(state.line_errors) & (LineStatus::OVERRUN | LineStatus::BREAK);
        self.modem_changes = ModemStatus::from_bits_truncate(state.modem_changes & 0x0F);
        self.scratch = state.scratch;
        self.divisor = state.divisor;
        self.transmit_cause = state.transmit_cause;
        self.asserted = state.asserted;
        Ok(())
    }

    fn inspect(&self, inspector: &mut dyn Inspector) {
        inspector.number("interrupt enable", u64::from(self.enable.bits()));
        inspector.number("cause", self.cause() as u64);
        inspector.number("line control", u64::from(self.line_control));
        inspector.number("modem control", u64::from(self.modem_control.bits()));
        inspector.number("line status", u64::from(self.line_status().bits()));
        inspector.number("waiting for the console", self.transmit.len() as u64);
        inspector.number("waiting for the guest", self.receive.len() as u64);
        inspector.flag("interrupt asserted", self.asserted);
    }
}
