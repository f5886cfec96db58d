//! The machine's serial line: a 16550 (National Semiconductor PC16550D datasheet).

use crate::Ports;
use alloc::{collections::VecDeque, vec::Vec};

/// Bytes waiting to be sent at which the sender should pause. The queue itself takes what it is given.
pub const TRANSMIT_BYTES_MAX: usize = 4096;
/// Bytes that the transmitter takes when it says that it is empty.
const FIFO_BYTES: usize = 16;
/// How often the transmitter is filled in a row without waiting for its interrupt. A real chip is busy
/// after the first time; an emulated one takes everything at once.
const FILLS_MAX: usize = 32;
/// Bytes taken from the receiver for one interrupt.
const RECEIVE_MAX: usize = 256;
/// Causes looked at for one interrupt.
const CAUSES_MAX: usize = 16;
/// How often in a row the chip is asked anew after its line was acknowledged.
const ROUNDS_MAX: usize = 8;

/// Registers, from the first port.
mod register {
    pub(super) const DATA: u16 = 0;
    pub(super) const INTERRUPT_ENABLE: u16 = 1;
    pub(super) const INTERRUPT_CAUSE: u16 = 2;
    pub(super) const FIFO_CONTROL: u16 = 2;
    pub(super) const MODEM_CONTROL: u16 = 4;
    pub(super) const LINE_STATUS: u16 = 5;
}

const ENABLE_RECEIVE: u8 = 1 << 0;
const ENABLE_TRANSMIT: u8 = 1 << 1;
const FIFO_ENABLE: u8 = 1 << 0;
/// DTR, RTS, and OUT2, which lets the interrupt out of the chip on a PC.
const MODEM_READY: u8 = 0b1011;
const STATUS_RECEIVED: u8 = 1 << 0;
const STATUS_TRANSMIT_EMPTY: u8 = 1 << 5;
const CAUSE_NONE: u8 = 1 << 0;
const ABSENT: u8 = 0xff;

/// The serial line. Speed and format stay as the kernel set them for its log.
pub struct SerialPort<P> {
    ports: P,
    base: u16,
    transmit: VecDeque<u8>,
    awaits_interrupt: bool,
}

impl<P: Ports> SerialPort<P> {
    /// Takes over the line at these ports; `None` if nothing answers there.
    pub fn new(ports: P, base: u16) -> Option<Self> {
        let port = Self { ports, base, transmit: VecDeque::new(), awaits_interrupt: false };
        if port.read(register::LINE_STATUS) == ABSENT {
            return None;
        }
        port.write(register::FIFO_CONTROL, FIFO_ENABLE);
        port.write(register::MODEM_CONTROL, MODEM_READY);
        port.write(register::INTERRUPT_ENABLE, ENABLE_RECEIVE);
        Some(port)
    }

    /// Bytes that wait to be sent.
    pub fn queued(&self) -> usize {
        self.transmit.len()
    }

    /// Sends bytes, now or as the line takes them.
    pub fn send(&mut self, bytes: &[u8]) {
        self.transmit.extend(bytes);
        self.fill(FILLS_MAX);
    }

    /// Sends what waits as long as `go_on` says so; for the end, when no interrupt will come.
    pub fn flush(&mut self, mut go_on: impl FnMut() -> bool) {
        while !self.transmit.is_empty() && go_on() {
            self.fill(1);
        }
        // The last bytes leave the chip's own queue in their own time.
        while self.read(register::LINE_STATUS) & STATUS_TRANSMIT_EMPTY == 0 && go_on() {}
    }

    /// Serves a line that masks itself when it interrupts, until the chip has nothing left; appends what came in to
    /// `received`. `acknowledge` forgets that the line has interrupted and lets it interrupt again. An edge that comes before that is
    /// lost, so the chip is asked after it each time: what comes later interrupts again.
    pub fn serve(&mut self, received: &mut Vec<u8>, mut acknowledge: impl FnMut()) {
        for _ in 0..ROUNDS_MAX {
            acknowledge();
            if !self.interrupt(received) {
                return;
            }
        }
    }

    /// Handles an interrupt: appends what came in to `received`, sends on. Whether the chip had a
    /// cause; the line is quiet only when it says no.
    fn interrupt(&mut self, received: &mut Vec<u8>) -> bool {
        for round in 0..CAUSES_MAX {
            // Reading the cause withdraws the transmitter's interrupt (PC16550D, table IV).
            if self.read(register::INTERRUPT_CAUSE) & CAUSE_NONE != 0 {
                return round > 0;
            }
            self.receive(received);
            self.fill(FILLS_MAX);
        }
        true
    }

    fn receive(&mut self, received: &mut Vec<u8>) {
        for _ in 0..RECEIVE_MAX {
            let status = self.read(register::LINE_STATUS);
            if status & STATUS_RECEIVED == 0 || status == ABSENT {
                return;
            }
            received.push(self.read(register::DATA));
        }
    }

    /// Fills the transmitter up to `rounds` times; what is left waits for the interrupt.
    fn fill(&mut self, rounds: usize) {
        for _ in 0..rounds {
            if self.transmit.is_empty() || self.read(register::LINE_STATUS) & STATUS_TRANSMIT_EMPTY == 0 {
                break;
            }
            let count = self.transmit.len().min(FIFO_BYTES);
            for byte in self.transmit.drain(..count) {
                self.ports.write(self.base.wrapping_add(register::DATA), byte);
            }
        }
        self.await_interrupt(!self.transmit.is_empty());
    }

    fn await_interrupt(&mut self, awaits: bool) {
        if awaits == self.awaits_interrupt {
            return;
        }
        self.awaits_interrupt = awaits;
        let transmit = if awaits { ENABLE_TRANSMIT } else { 0 };
        self.write(register::INTERRUPT_ENABLE, ENABLE_RECEIVE | transmit);
    }

    fn read(&self, register: u16) -> u8 {
        self.ports.read(self.base.wrapping_add(register))
    }

    fn write(&self, register: u16, value: u8) {
        self.ports.write(self.base.wrapping_add(register), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::cell::{Cell, RefCell};

    /// A UART whose transmitter empties when it is told to.
    #[derive(Default)]
    struct Chip {
        sent: RefCell<Vec<u8>>,
        fifo: Cell<usize>,
        input: RefCell<VecDeque<u8>>,
        enable: Cell<u8>,
        has_transmit_cause: Cell<bool>,
    }

    impl Ports for &Chip {
        fn read(&self, port: u16) -> u8 {
            match port - 0x3f8 {
                register::DATA => self.input.borrow_mut().pop_front().unwrap_or(0),
                register::LINE_STATUS => {
                    let received = u8::from(!self.input.borrow().is_empty());
                    received | if self.fifo.get() == 0 { STATUS_TRANSMIT_EMPTY } else { 0 }
                }
                register::INTERRUPT_CAUSE => {
                    if !self.input.borrow().is_empty() && self.enable.get() & ENABLE_RECEIVE != 0 {
                        4
                    } else if self.has_transmit_cause.replace(false) {
                        2
                    } else {
                        CAUSE_NONE
                    }
                }
                _ => 0,
            }
        }

        fn write(&self, port: u16, value: u8) {
            match port - 0x3f8 {
                register::DATA => {
                    self.sent.borrow_mut().push(value);
                    self.fifo.set(self.fifo.get() + 1);
                    self.has_transmit_cause.set(false);
                    assert!(self.fifo.get() <= FIFO_BYTES, "a byte is lost");
                }
                register::INTERRUPT_ENABLE => {
                    let is_new = value & !self.enable.get() & ENABLE_TRANSMIT != 0;
                    self.has_transmit_cause.set(is_new && self.fifo.get() == 0);
                    self.enable.set(value);
                }
                _ => {}
            }
        }
    }

    impl Chip {
        fn empty(&self) {
            self.fifo.set(0);
            self.has_transmit_cause.set(self.enable.get() & ENABLE_TRANSMIT != 0);
        }
    }

    #[test]
    fn everything_is_sent_in_order_without_overrunning_the_chip() {
        let chip = Chip::default();
        let mut port = SerialPort::new(&chip, 0x3f8).expect("it answers");
        let bytes: Vec<u8> = (0..=255).collect();

        port.send(&bytes);
        let mut rounds = 0;
        while port.queued() > 0 {
            assert_ne!(chip.enable.get() & ENABLE_TRANSMIT, 0, "nobody would wake us");
            chip.empty();
            assert!(port.interrupt(&mut Vec::new()));
            rounds += 1;
        }

        assert_eq!(*chip.sent.borrow(), bytes);
        assert!(rounds <= 16);
        assert_eq!(chip.enable.get() & ENABLE_TRANSMIT, 0, "an idle line has no interrupts");
    }

    /// The chip at a line that masks itself. Its transmitter empties just after it has said for the second time that it has no
    /// cause.
    #[derive(Default)]
    struct Edged {
        chip: Chip,
        is_masked: Cell<bool>,
        is_pending: Cell<bool>,
        was_asked: Cell<bool>,
    }

    impl Ports for &Edged {
        fn read(&self, port: u16) -> u8 {
            let value = (&self.chip).read(port);
            let has_none = port == 0x3f8 + register::INTERRUPT_CAUSE && value == CAUSE_NONE;
            if has_none && self.was_asked.replace(!self.was_asked.get()) && self.chip.fifo.get() > 0 {
                self.chip.empty();
                if !self.is_masked.replace(true) {
                    self.is_pending.set(true);
                }
            }
            value
        }

        fn write(&self, port: u16, value: u8) {
            (&self.chip).write(port, value);
        }
    }

    #[test]
    fn an_interrupt_that_comes_while_one_is_served_is_not_forgotten() {
        let line = Edged::default();
        let mut port = SerialPort::new(&line, 0x3f8).expect("it answers");
        port.send(&[7; 40]);
        line.chip.empty();
        line.is_masked.set(true);
        line.is_pending.set(true);

        for _ in 0..40 {
            if line.is_pending.get() {
                port.serve(&mut Vec::new(), || {
                    line.is_pending.set(false);
                    line.is_masked.set(false);
                });
            }
        }

        assert_eq!(line.chip.sent.borrow().len(), 40);
    }

    #[test]
    fn what_comes_in_comes_out() {
        let chip = Chip::default();
        let mut port = SerialPort::new(&chip, 0x3f8).expect("it answers");
        chip.input.borrow_mut().extend(b"hello");
        let mut received = Vec::new();

        assert!(port.interrupt(&mut received));
        assert!(!port.interrupt(&mut received), "the line is quiet");

        assert_eq!(received, b"hello");
    }

    #[test]
    fn a_line_that_never_empties_ends_the_flush() {
        let chip = Chip::default();
        let mut port = SerialPort::new(&chip, 0x3f8).expect("it answers");
        port.send(&[0; 100]);

        let mut patience = 10;
        port.flush(|| {
            patience -= 1;
            patience > 0
        });

        assert_eq!(port.queued(), 84);
    }

    #[test]
    fn an_empty_bus_is_no_serial_line() {
        struct Empty;
        impl Ports for Empty {
            fn read(&self, _: u16) -> u8 {
                ABSENT
            }
            fn write(&self, _: u16, _: u8) {}
        }

        assert!(SerialPort::new(Empty, 0x3f8).is_none());
    }
}
