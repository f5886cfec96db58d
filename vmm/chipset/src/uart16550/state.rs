//! The serial line as a value.

use super::registers::{
    Cause, DATA, DIVISOR_ACCESS, Enable, FifoControl, IDENTIFICATION, IDENTIFICATION_FIFOS, INTERRUPT_ENABLE,
    LINE_CONTROL, LINE_STATUS, LineStatus, MODEM_CONTROL, MODEM_STATUS, ModemControl, ModemStatus, SCRATCH,
};
use crate::byte_queue::ByteQueue;

/// Bytes that wait for the console at the most.
pub const TRANSMIT_BYTES: usize = 256;
/// Bytes that wait for the guest at the most: more than the chip's 16, so that pasted text survives.
pub const RECEIVE_BYTES: usize = 256;
/// Bytes of the chip's receive FIFO: what loopback can lose an overrun over.
const FIFO_BYTES: usize = 16;

/// What the owner must know after an access.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Changes {
    /// The interrupt line has another level than before.
    pub(super) line: bool,
    /// There is something new to transmit, or room to receive.
    pub(super) console: bool,
}

/// A 16550A.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Uart {
    pub(super) line: vmm_bus::Line,
    pub(super) enable: Enable,
    pub(super) fifo: FifoControl,
    pub(super) line_control: u8,
    pub(super) modem_control: ModemControl,
    /// Overrun and break; the rest of line status is computed.
    pub(super) line_errors: LineStatus,
    /// Deltas of modem status; the levels are computed.
    pub(super) modem_changes: ModemStatus,
    pub(super) scratch: u8,
    pub(super) divisor: [u8; 2],
    /// The "transmitter takes bytes" interrupt waits to be identified.
    pub(super) transmit_cause: bool,
    pub(super) transmit: ByteQueue<TRANSMIT_BYTES>,
    pub(super) receive: ByteQueue<RECEIVE_BYTES>,
    /// Level of the interrupt line as it was last reported.
    pub(super) asserted: bool,
}

impl Uart {
    /// An idle line that interrupts on `line`.
    pub fn new(line: vmm_bus::Line) -> Self {
        Self {
            line,
            enable: Enable::empty(),
            fifo: FifoControl::empty(),
            line_control: 0,
            modem_control: ModemControl::empty(),
            line_errors: LineStatus::empty(),
            modem_changes: ModemStatus::empty(),
            scratch: 0,
            // 9600 baud: what firmware leaves behind.
            divisor: [12, 0],
            transmit_cause: false,
            transmit: ByteQueue::new(),
            receive: ByteQueue::new(),
            asserted: false,
        }
    }

    /// How many typed bytes fit now.
    pub fn receive_room(&self) -> usize {
        self.receive.room()
    }

    /// How many transmitted bytes wait.
    pub fn transmitted_len(&self) -> usize {
        self.transmit.len()
    }

    /// Handles a read of one register.
    pub(super) fn read_register(&mut self, register: u64) -> u8 {
        let divisor_access = self.line_control & DIVISOR_ACCESS != 0;
        let [divisor_low, divisor_high] = self.divisor;
        match register {
            DATA if divisor_access => divisor_low,
            DATA => self.receive.pop().unwrap_or(0),
            INTERRUPT_ENABLE if divisor_access => divisor_high,
            INTERRUPT_ENABLE => self.enable.bits(),
            IDENTIFICATION => self.identify(),
            LINE_CONTROL => self.line_control,
            MODEM_CONTROL => self.modem_control.bits(),
            LINE_STATUS => self.take_line_status().bits(),
            MODEM_STATUS => self.take_modem_status().bits(),
            SCRATCH => self.scratch,
            _ => 0xFF,
        }
    }

    /// Handles a write of one register.
    pub(super) fn write_register(&mut self, register: u64, value: u8) {
        let divisor_access = self.line_control & DIVISOR_ACCESS != 0;
        let [divisor_low, divisor_high] = &mut self.divisor;
        match register {
            DATA if divisor_access => *divisor_low = value,
            DATA => self.send(value),
            INTERRUPT_ENABLE if divisor_access => *divisor_high = value,
            INTERRUPT_ENABLE => self.set_enable(Enable::from_bits_truncate(value)),
            IDENTIFICATION => self.set_fifo(FifoControl::from_bits_truncate(value)),
            LINE_CONTROL => self.line_control = value,
            MODEM_CONTROL => self.set_modem_control(ModemControl::from_bits_truncate(value)),
            // Line and modem status are for reading; the data sheet calls writing "factory testing".
            LINE_STATUS | MODEM_STATUS => {}
            SCRATCH => self.scratch = value,
            _ => {}
        }
    }

    /// Takes a typed byte; `false` if there is no room. In loopback the outside is disconnected.
    pub(super) fn push_received(&mut self, byte: u8) -> bool {
        self.is_loopback() || self.receive.push(byte)
    }

    /// Takes the next byte to transmit.
    pub(super) fn pop_transmitted(&mut self) -> Option<u8> {
        let was_full = self.transmit.room() == 0;
        let byte = self.transmit.pop();
        if was_full && byte.is_some() {
            self.transmit_cause = true;
        }
        byte
    }

    /// What the line should say now: the gate OUT2 is open and there is a cause.
    pub(super) fn wants_interrupt(&self) -> bool {
        self.modem_control.contains(ModemControl::OUT2) && !self.is_loopback() && self.cause() != Cause::None
    }

    fn is_loopback(&self) -> bool {
        self.modem_control.contains(ModemControl::LOOPBACK)
    }

    fn send(&mut self, byte: u8) {
        self.transmit_cause = false;
        if self.is_loopback() {
            if self.receive.len() >= FIFO_BYTES || !self.receive.push(byte) {
                self.line_errors |= LineStatus::OVERRUN;
            }
        } else {
            // A guest that writes into a full queue ignores "holding register empty" and loses the byte.
            self.transmit.push(byte);
        }
        self.transmit_cause = self.transmit.room() > 0;
    }

    fn set_enable(&mut self, enable: Enable) {
        // Enabling the interrupt while the transmitter is empty raises it at once (PC16550D, 8.4).
        if (enable - self.enable).contains(Enable::TRANSMIT_EMPTY) && self.transmit.room() > 0 {
            self.transmit_cause = true;
        }
        self.enable = enable;
    }

    fn set_fifo(&mut self, fifo: FifoControl) {
        let toggled = (fifo ^ self.fifo).contains(FifoControl::ENABLE);
        if toggled || fifo.contains(FifoControl::CLEAR_RECEIVE) {
            self.receive.clear();
        }
        // What was transmitted already belongs to the console; only the interrupt is raised anew.
        if fifo.contains(FifoControl::CLEAR_TRANSMIT) {
            self.transmit_cause = self.transmit.room() > 0;
        }
        self.fifo = fifo & (FifoControl::ENABLE | FifoControl::TRIGGER);
    }

    fn set_modem_control(&mut self, control: ModemControl) {
        let before = self.modem_levels();
        self.modem_control = control;
        let after = self.modem_levels();
        let changed = before ^ after;
        for (level, change) in [
            (ModemStatus::CTS, ModemStatus::CTS_CHANGED),
            (ModemStatus::DSR, ModemStatus::DSR_CHANGED),
            (ModemStatus::DCD, ModemStatus::DCD_CHANGED),
        ] {
            self.modem_changes.set(change, self.modem_changes.contains(change) || changed.contains(level));
        }
        if before.contains(ModemStatus::RING) && !after.contains(ModemStatus::RING) {
            self.modem_changes |= ModemStatus::RING_ENDED;
        }
    }

    /// The modem's inputs: a console that is always there, or our own outputs in loopback (8.6.7).
    fn modem_levels(&self) -> ModemStatus {
        if !self.is_loopback() {
            return ModemStatus::CTS | ModemStatus::DSR | ModemStatus::DCD;
        }
        let mut levels = ModemStatus::empty();
        levels.set(ModemStatus::CTS, self.modem_control.contains(ModemControl::RTS));
        levels.set(ModemStatus::DSR, self.modem_control.contains(ModemControl::DTR));
        levels.set(ModemStatus::RING, self.modem_control.contains(ModemControl::OUT1));
        levels.set(ModemStatus::DCD, self.modem_control.contains(ModemControl::OUT2));
        levels
    }

    pub(super) fn line_status(&self) -> LineStatus {
        let mut status = self.line_errors;
        status.set(LineStatus::DATA_READY, !self.receive.is_empty());
        status.set(LineStatus::HOLDING_EMPTY, self.transmit.room() > 0);
        // "Empty altogether" is what drivers wait for before they change the line; bytes that wait for
        // the console have left the chip.
        status.set(LineStatus::TRANSMITTER_EMPTY, self.transmit.room() > 0);
        status
    }

    fn take_line_status(&mut self) -> LineStatus {
        let status = self.line_status();
        self.line_errors = LineStatus::empty();
        status
    }

    fn take_modem_status(&mut self) -> ModemStatus {
        let status = self.modem_levels() | self.modem_changes;
        self.modem_changes = ModemStatus::empty();
        status
    }

    /// Reads the identification; reading "transmitter takes bytes" is its acknowledgement.
    fn identify(&mut self) -> u8 {
        let cause = self.cause();
        if cause == Cause::TransmitEmpty {
            self.transmit_cause = false;
        }
        let fifos = if self.fifo.contains(FifoControl::ENABLE) { IDENTIFICATION_FIFOS } else { 0 };
        cause as u8 | fifos
    }

    /// The cause with the highest priority.
    pub(super) fn cause(&self) -> Cause {
        let enabled = |bit| self.enable.contains(bit);
        if enabled(Enable::LINE_STATUS) && !self.line_errors.is_empty() {
            return Cause::LineStatus;
        }
        if enabled(Enable::RECEIVED) && !self.receive.is_empty() {
            // Bytes take no time here: what is below the trigger level has timed out already.
            return if self.receive.len() >= self.trigger() { Cause::Received } else { Cause::Timeout };
        }
        if enabled(Enable::TRANSMIT_EMPTY) && self.transmit_cause {
            return Cause::TransmitEmpty;
        }
        if enabled(Enable::MODEM_STATUS) && !self.modem_changes.is_empty() {
            return Cause::ModemStatus;
        }
        Cause::None
    }

    fn trigger(&self) -> usize {
        if !self.fifo.contains(FifoControl::ENABLE) {
            return 1;
        }
        match self.fifo.bits() >> 6 {
            0 => 1,
            1 => 4,
            2 => 8,
            _ => 14,
        }
    }
}
