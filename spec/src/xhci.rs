//! eXtensible Host Controller Interface for USB 1.1.

/// Length of the capability registers and version (5.3.1).
pub const CAPLENGTH: u64 = 0x00;
/// Numbers of slots, interrupters and ports (5.3.3).
pub const HCSPARAMS1: u64 = 0x04;
/// Size of the event ring's segment table (5.3.4).
pub const HCSPARAMS2: u64 = 0x08;
/// Latencies (5.3.5).
pub const HCSPARAMS3: u64 = 0x0C;
/// Capabilities (5.3.6).
pub const HCCPARAMS1: u64 = 0x10;
/// Where the doorbells are (5.3.7).
pub const DBOFF: u64 = 0x14;
/// Where the runtime registers are (5.3.8).
pub const RTSOFF: u64 = 0x18;
/// Version 1.0.
pub const VERSION_1_0: u32 = 0x0100;

/// Operational registers, from their beginning: command (5.4.1).
pub const USBCMD: u64 = 0x00;
/// Status (5.4.2).
pub const USBSTS: u64 = 0x04;
/// Page sizes (5.4.3).
pub const PAGESIZE: u64 = 0x08;
/// Device notifications (5.4.4).
pub const DNCTRL: u64 = 0x14;
/// Command ring (5.4.5).
pub const CRCR: u64 = 0x18;
/// Device contexts (5.4.6).
pub const DCBAAP: u64 = 0x30;
/// Configuration (5.4.7).
pub const CONFIG: u64 = 0x38;
/// The first port's registers (5.4.8).
pub const PORTS: u64 = 0x400;
/// Bytes of a port's registers.
pub const PORT_BYTES: u64 = 0x10;

/// Command: run.
pub const CMD_RUN: u32 = 1 << 0;
/// Command: reset the controller.
pub const CMD_RESET: u32 = 1 << 1;
/// Command: interrupts.
pub const CMD_INTERRUPTS: u32 = 1 << 2;
/// Command: report errors of the system.
pub const CMD_SYSTEM_ERRORS: u32 = 1 << 3;
/// Command: save the state to scratch memory.
pub const CMD_SAVE: u32 = 1 << 8;
/// Command: restore it.
pub const CMD_RESTORE: u32 = 1 << 9;

/// Status: halted.
pub const STS_HALTED: u32 = 1 << 0;
/// Status: host system error.
pub const STS_SYSTEM_ERROR: u32 = 1 << 2;
/// Status: event interrupt.
pub const STS_EVENT: u32 = 1 << 3;
/// Status: a port changed.
pub const STS_PORT_CHANGE: u32 = 1 << 4;
/// Status: restoring failed.
pub const STS_RESTORE_ERROR: u32 = 1 << 10;
/// Status: internal error.
pub const STS_CONTROLLER_ERROR: u32 = 1 << 12;

/// Command ring: the consumer's cycle bit.
pub const CRCR_CYCLE: u32 = 1 << 0;
/// Command ring: stop.
pub const CRCR_STOP: u32 = 1 << 1;
/// Command ring: abort.
pub const CRCR_ABORT: u32 = 1 << 2;
/// Command ring: running.
pub const CRCR_RUNNING: u32 = 1 << 3;

/// Runtime registers, from their beginning: microframe (5.5.1).
pub const MFINDEX: u64 = 0x00;
/// The first interrupter (5.5.2).
pub const INTERRUPTERS: u64 = 0x20;
/// Bytes of an interrupter's registers.
pub const INTERRUPTER_BYTES: u64 = 0x20;
/// Interrupter: management.
pub const IMAN: u64 = 0x00;
/// Interrupter: moderation.
pub const IMOD: u64 = 0x04;
/// Interrupter: size of the segment table.
pub const ERSTSZ: u64 = 0x08;
/// Interrupter: address of the segment table.
pub const ERSTBA: u64 = 0x10;
/// Interrupter: the consumer's place.
pub const ERDP: u64 = 0x18;
/// Management: an interrupt is pending.
pub const IMAN_PENDING: u32 = 1 << 0;
/// Management: enabled.
pub const IMAN_ENABLE: u32 = 1 << 1;
/// Moderation after reset: 1 ms in units of 250 ns.
pub const IMOD_DEFAULT: u32 = 4000;
/// Nanoseconds of a unit of moderation.
pub const IMOD_UNIT_NS: u64 = 250;
/// Consumer's place: the handler is busy.
pub const ERDP_BUSY: u64 = 1 << 3;

/// Port: a device is connected (5.4.8).
pub const PORT_CONNECTED: u32 = 1 << 0;
/// Port: enabled; written as one: disable.
pub const PORT_ENABLED: u32 = 1 << 1;
/// Port: reset.
pub const PORT_RESET: u32 = 1 << 4;
/// Port: place of the link's state, four bits.
pub const PORT_LINK_SHIFT: u32 = 5;
/// Port: powered.
pub const PORT_POWER: u32 = 1 << 9;
/// Port: place of the speed, four bits.
pub const PORT_SPEED_SHIFT: u32 = 10;
/// Port: indicator and what wakes, which software keeps here.
pub const PORT_KEPT: u32 = 0x0E00_C000;
/// Port: the write changes the link's state.
pub const PORT_LINK_WRITE: u32 = 1 << 16;
/// Port: connection changed.
pub const PORT_CONNECT_CHANGE: u32 = 1 << 17;
/// Port: reset is over.
pub const PORT_RESET_CHANGE: u32 = 1 << 21;
/// Port: the link's state changed.
pub const PORT_LINK_CHANGE: u32 = 1 << 22;
/// Port: all changes, cleared by writing ones.
pub const PORT_CHANGES: u32 = 0x00FE_0000;
/// States of a link.
pub mod link {
    /// Works.
    pub const U0: u32 = 0;
    /// Suspended.
    pub const U3: u32 = 3;
    /// Nobody is there (USB 3).
    pub const DETECT: u32 = 5;
    /// Waits for a reset.
    pub const POLLING: u32 = 7;
    /// Resumes.
    pub const RESUME: u32 = 15;
}
/// Speed: high, 480 Mbit/s (7.2.2.1.1).
pub const SPEED_HIGH: u32 = 3;

/// Bytes of a TRB (4.11).
pub const TRB_BYTES: usize = 16;
/// Bytes of a context (6.2), as the capabilities say.
pub const CONTEXT_BYTES: usize = 32;
/// TRB: cycle bit.
pub const TRB_CYCLE: u32 = 1 << 0;
/// Link: the cycle bit's meaning changes.
pub const TRB_TOGGLE: u32 = 1 << 1;
/// TRB: interrupt on a short packet.
pub const TRB_SHORT: u32 = 1 << 2;
/// Transfer event: its parameter is data of software's.
pub const TRB_EVENT_DATA: u32 = 1 << 2;
/// TRB: more of the same descriptor follows.
pub const TRB_CHAIN: u32 = 1 << 4;
/// TRB: interrupt on completion.
pub const TRB_COMPLETION: u32 = 1 << 5;
/// TRB: the parameter is the data.
pub const TRB_IMMEDIATE: u32 = 1 << 6;
/// TRB: the event does not interrupt.
pub const TRB_BLOCK_INTERRUPT: u32 = 1 << 9;
/// Address device: do not tell the device.
pub const TRB_BLOCK_ADDRESS: u32 = 1 << 9;
/// Configure endpoint: take all away.
pub const TRB_DECONFIGURE: u32 = 1 << 9;
/// Data and status stages: towards the host.
pub const TRB_IN: u32 = 1 << 16;
/// Bytes of a TRB's data.
pub const TRB_LENGTH_MASK: u32 = 0x1_FFFF;

/// Types of TRBs (6.4.6).
pub mod trb {
    /// Data.
    pub const NORMAL: u8 = 1;
    /// Setup stage.
    pub const SETUP: u8 = 2;
    /// Data stage.
    pub const DATA: u8 = 3;
    /// Status stage.
    pub const STATUS: u8 = 4;
    /// Link.
    pub const LINK: u8 = 6;
    /// An event with software's data.
    pub const EVENT_DATA: u8 = 7;
    /// Nothing.
    pub const NO_OP: u8 = 8;
    /// Command: enable slot.
    pub const ENABLE_SLOT: u8 = 9;
    /// Command: disable slot.
    pub const DISABLE_SLOT: u8 = 10;
    /// Command: address device.
    pub const ADDRESS_DEVICE: u8 = 11;
    /// Command: configure endpoint.
    pub const CONFIGURE_ENDPOINT: u8 = 12;
    /// Command: evaluate context.
    pub const EVALUATE_CONTEXT: u8 = 13;
    /// Command: reset endpoint.
    pub const RESET_ENDPOINT: u8 = 14;
    /// Command: stop endpoint.
    pub const STOP_ENDPOINT: u8 = 15;
    /// Command: set TR dequeue pointer.
    pub const SET_DEQUEUE: u8 = 16;
    /// Command: reset device.
    pub const RESET_DEVICE: u8 = 17;
    /// Command: nothing.
    pub const NO_OP_COMMAND: u8 = 23;
    /// Event: transfer.
    pub const TRANSFER_EVENT: u8 = 32;
    /// Event: command completion.
    pub const COMMAND_EVENT: u8 = 33;
    /// Event: port status change.
    pub const PORT_EVENT: u8 = 34;
    /// Event: of the controller itself.
    pub const CONTROLLER_EVENT: u8 = 37;
}

/// Completion codes (6.4.5).
pub mod code {
    /// Done.
    pub const SUCCESS: u8 = 1;
    /// The device sent more than there was room for.
    pub const BABBLE: u8 = 3;
    /// The device does not answer.
    pub const TRANSACTION: u8 = 4;
    /// A TRB makes no sense.
    pub const TRB: u8 = 5;
    /// The device refused.
    pub const STALL: u8 = 6;
    /// No slot is free.
    pub const NO_SLOTS: u8 = 9;
    /// The slot is not enabled.
    pub const SLOT_NOT_ENABLED: u8 = 11;
    /// The endpoint is not enabled.
    pub const ENDPOINT_NOT_ENABLED: u8 = 12;
    /// The device sent less.
    pub const SHORT_PACKET: u8 = 13;
    /// A context makes no sense.
    pub const PARAMETER: u8 = 17;
    /// The context's state does not allow it.
    pub const CONTEXT_STATE: u8 = 19;
    /// The event ring is full.
    pub const EVENT_RING_FULL: u8 = 21;
    /// The command ring was stopped.
    pub const COMMAND_RING_STOPPED: u8 = 24;
    /// The transfer was stopped.
    pub const STOPPED: u8 = 26;
    /// It was stopped between two transfers.
    pub const STOPPED_LENGTH_INVALID: u8 = 27;
}

/// Slot states (table 6-7).
pub mod slot {
    /// Its device answers at address 0.
    pub const DEFAULT: u32 = 1;
    /// Its device has an address.
    pub const ADDRESSED: u32 = 2;
    /// It has endpoints besides the default one.
    pub const CONFIGURED: u32 = 3;
}

/// Endpoint states (table 6-8).
pub mod endpoint {
    /// Not there.
    pub const DISABLED: u32 = 0;
    /// Works.
    pub const RUNNING: u32 = 1;
    /// Halted by an error of USB.
    pub const HALTED: u32 = 2;
    /// Stopped by software.
    pub const STOPPED: u32 = 3;
    /// Halted by an error of a TRB.
    pub const ERROR: u32 = 4;
}
/// Kind of endpoint: control (table 6-9).
pub const ENDPOINT_CONTROL: u32 = 4;
