//! Register layout (PC16550D, table II).

use bitflags::bitflags;

/// Receive buffer, transmit holding, or divisor low.
pub(super) const DATA: u64 = 0;
/// Interrupt enable, or divisor high.
pub(super) const INTERRUPT_ENABLE: u64 = 1;
/// Interrupt identification (read), FIFO control (write).
pub(super) const IDENTIFICATION: u64 = 2;
/// Line control.
pub(super) const LINE_CONTROL: u64 = 3;
/// Modem control.
pub(super) const MODEM_CONTROL: u64 = 4;
/// Line status.
pub(super) const LINE_STATUS: u64 = 5;
/// Modem status.
pub(super) const MODEM_STATUS: u64 = 6;
/// Scratch.
pub(super) const SCRATCH: u64 = 7;

/// Line control bit: the first two registers are the divisor.
pub(super) const DIVISOR_ACCESS: u8 = 1 << 7;

bitflags! {
    /// Interrupt enable register.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub(super) struct Enable: u8 {
        /// Received data, and the timeout.
        const RECEIVED = 1 << 0;
        /// Transmit holding register empty.
        const TRANSMIT_EMPTY = 1 << 1;
        /// Receiver line status.
        const LINE_STATUS = 1 << 2;
        /// Modem status.
        const MODEM_STATUS = 1 << 3;
    }

    /// FIFO control register.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub(super) struct FifoControl: u8 {
        /// FIFOs on.
        const ENABLE = 1 << 0;
        /// Empties the receive FIFO.
        const CLEAR_RECEIVE = 1 << 1;
        /// Empties the transmit FIFO.
        const CLEAR_TRANSMIT = 1 << 2;
        /// Upper bits: the receive trigger level.
        const TRIGGER = 0b1100_0000;
    }

    /// Line status register.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub(super) struct LineStatus: u8 {
        /// Data ready.
        const DATA_READY = 1 << 0;
        /// A byte was lost.
        const OVERRUN = 1 << 1;
        /// A break was received.
        const BREAK = 1 << 4;
        /// Transmit holding register empty: the FIFO takes a byte.
        const HOLDING_EMPTY = 1 << 5;
        /// Transmitter empty altogether.
        const TRANSMITTER_EMPTY = 1 << 6;
    }

    /// Modem control register.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub(super) struct ModemControl: u8 {
        /// Data terminal ready.
        const DTR = 1 << 0;
        /// Request to send.
        const RTS = 1 << 1;
        /// First free output.
        const OUT1 = 1 << 2;
        /// Second free output: on PCs the gate of the interrupt line.
        const OUT2 = 1 << 3;
        /// Transmitter connected to the receiver.
        const LOOPBACK = 1 << 4;
    }

    /// Modem status register: deltas in the low half.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub(super) struct ModemStatus: u8 {
        /// Clear to send changed.
        const CTS_CHANGED = 1 << 0;
        /// Data set ready changed.
        const DSR_CHANGED = 1 << 1;
        /// Ring indicator went low.
        const RING_ENDED = 1 << 2;
        /// Carrier detect changed.
        const DCD_CHANGED = 1 << 3;
        /// Clear to send.
        const CTS = 1 << 4;
        /// Data set ready.
        const DSR = 1 << 5;
        /// Ring indicator.
        const RING = 1 << 6;
        /// Data carrier detect.
        const DCD = 1 << 7;
    }
}

/// Interrupt identification: what is reported, by priority (PC16550D, table III).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum Cause {
    /// Nothing.
    None = 0b0001,
    /// A line error; highest priority.
    LineStatus = 0b0110,
    /// The trigger level is reached.
    Received = 0b0100,
    /// Bytes below the trigger level have waited.
    Timeout = 0b1100,
    /// The transmitter takes bytes.
    TransmitEmpty = 0b0010,
    /// A modem line changed; lowest priority.
    ModemStatus = 0b0000,
}

/// Identification bits that say "FIFOs are on".
pub(super) const IDENTIFICATION_FIFOS: u8 = 0b1100_0000;
