//! Serial ATA Advanced Host Controller Interface 1.3.1, and frames of Serial ATA 3.0.

/// Capabilities of the controller (3.1.1).
pub const CAP: u64 = 0x00;
/// Global control (3.1.2).
pub const GHC: u64 = 0x04;
/// Ports that want attention, one bit each (3.1.3).
pub const IS: u64 = 0x08;
/// Ports that exist, one bit each (3.1.4).
pub const PI: u64 = 0x0C;
/// Version (3.1.5).
pub const VS: u64 = 0x10;
/// Where the ports begin.
pub const PORTS: u64 = 0x100;
/// Bytes of registers of a port.
pub const PORT_BYTES: u64 = 0x80;

/// Capability: number of command slots minus one, at this bit.
pub const CAP_SLOTS_SHIFT: u32 = 8;
/// Capability: several PIO blocks in one transfer.
pub const CAP_PIO_MULTIPLE: u32 = 1 << 15;
/// Capability: no interface but this one.
pub const CAP_AHCI_ONLY: u32 = 1 << 18;
/// Capability: speed of the links, at this bit.
pub const CAP_SPEED_SHIFT: u32 = 20;
/// Capability: the command list can be overridden.
pub const CAP_OVERRIDE: u32 = 1 << 24;
/// Capability: native command queuing.
pub const CAP_QUEUING: u32 = 1 << 30;
/// Capability: 64-bit addresses.
pub const CAP_64: u32 = 1 << 31;

/// Global control: reset.
pub const GHC_RESET: u32 = 1 << 0;
/// Global control: interrupts are on.
pub const GHC_INTERRUPTS: u32 = 1 << 1;
/// Global control: AHCI is on.
pub const GHC_AHCI: u32 = 1 << 31;
/// Version 1.3.
pub const VERSION_1_3: u32 = 0x0001_0300;

/// Command list, low half (3.3.1).
pub const PX_CLB: u64 = 0x00;
/// Command list, high half.
pub const PX_CLBU: u64 = 0x04;
/// Received frames, low half (3.3.3).
pub const PX_FB: u64 = 0x08;
/// Received frames, high half.
pub const PX_FBU: u64 = 0x0C;
/// Interrupt status (3.3.5).
pub const PX_IS: u64 = 0x10;
/// Interrupt enable (3.3.6).
pub const PX_IE: u64 = 0x14;
/// Command and status (3.3.7).
pub const PX_CMD: u64 = 0x18;
/// Task file data: status and error of the drive (3.3.8).
pub const PX_TFD: u64 = 0x20;
/// Signature (3.3.9).
pub const PX_SIG: u64 = 0x24;
/// State of the link (3.3.10).
pub const PX_SSTS: u64 = 0x28;
/// Control of the link (3.3.11).
pub const PX_SCTL: u64 = 0x2C;
/// Errors of the link (3.3.12).
pub const PX_SERR: u64 = 0x30;
/// Queued commands out, one bit each (3.3.13).
pub const PX_SACT: u64 = 0x34;
/// Commands issued, one bit each (3.3.14).
pub const PX_CI: u64 = 0x38;

/// Interrupt: a register frame arrived.
pub const PX_IS_REGISTERS: u32 = 1 << 0;
/// Interrupt: a PIO setup frame arrived.
pub const PX_IS_PIO_SETUP: u32 = 1 << 1;
/// Interrupt: a set device bits frame arrived.
pub const PX_IS_SET_BITS: u32 = 1 << 3;
/// Interrupt: a descriptor with its interrupt bit was done.
pub const PX_IS_DESCRIPTOR: u32 = 1 << 5;
/// Interrupt: a drive appeared or went away: shows the exchange bit of PX_SERR.
pub const PX_IS_CONNECT: u32 = 1 << 6;
/// Interrupt: the drive sent more than the descriptors take.
pub const PX_IS_OVERFLOW: u32 = 1 << 24;
/// Interrupt: something that the host named lies outside of memory.
pub const PX_IS_BUS_FAULT: u32 = 1 << 29;
/// Interrupt: the drive reports an error.
pub const PX_IS_TASK_ERROR: u32 = 1 << 30;
/// Interrupts that software clears here; the others show bits of PX_SERR.
pub const PX_IS_CLEARABLE: u32 = 0xFD80_00AF;
/// Interrupts that software may enable.
pub const PX_IE_MASK: u32 = 0xFDC0_00FF;

/// Command: process the command list.
pub const PX_CMD_START: u32 = 1 << 0;
/// Command: spin up.
pub const PX_CMD_SPIN_UP: u32 = 1 << 1;
/// Command: power on.
pub const PX_CMD_POWER_ON: u32 = 1 << 2;
/// Command: forget a busy drive.
pub const PX_CMD_OVERRIDE: u32 = 1 << 3;
/// Command: receive frames.
pub const PX_CMD_RECEIVE: u32 = 1 << 4;
/// Command: the current slot, at this bit.
pub const PX_CMD_SLOT_SHIFT: u32 = 8;
/// Command: frames are being received.
pub const PX_CMD_RECEIVING: u32 = 1 << 14;
/// Command: the command list is being processed.
pub const PX_CMD_RUNNING: u32 = 1 << 15;
/// Command: the drive is a packet device (for the light).
pub const PX_CMD_PACKET: u32 = 1 << 24;
/// Command: what the link should do, 4 bits at this bit.
pub const PX_CMD_LINK_SHIFT: u32 = 28;

/// Link: there is a drive and the link is up, third generation, active.
pub const PX_SSTS_UP: u32 = 0x133;
/// Link: switched off.
pub const PX_SSTS_OFF: u32 = 0x4;
/// Control of the link: the field that resets it.
pub const PX_SCTL_DETECT: u32 = 0xF;
/// Control of the link: reset.
pub const PX_SCTL_RESET: u32 = 1;
/// Control of the link: off.
pub const PX_SCTL_OFF: u32 = 4;
/// Errors of the link: a drive appeared or went away.
pub const PX_SERR_EXCHANGED: u32 = 1 << 26;

/// Signature of a disk (PX_SIG: LBA registers over the count register).
pub const SIGNATURE_DISK: u32 = 0x0000_0101;
/// Signature of a packet device.
pub const SIGNATURE_PACKET: u32 = 0xEB14_0101;
/// No signature yet.
pub const SIGNATURE_NONE: u32 = 0xFFFF_FFFF;

/// Bytes of a command header (4.2.2).
pub const HEADER_BYTES: u64 = 32;
/// Header: mask of the length of the command frame, in dwords.
pub const HEADER_FRAME_DWORDS: u32 = 0x1F;
/// Header: there is a packet.
pub const HEADER_PACKET: u32 = 1 << 5;
/// Header: data goes to the drive.
pub const HEADER_WRITE: u32 = 1 << 6;
/// Header: the frame resets the drive.
pub const HEADER_RESET: u32 = 1 << 8;
/// Header: clear busy when the frame was sent.
pub const HEADER_CLEAR_BUSY: u32 = 1 << 10;
/// Header: number of descriptors, 16 bits at this bit.
pub const HEADER_DESCRIPTORS_SHIFT: u32 = 16;
/// Offset of the count of bytes moved in a header.
pub const HEADER_MOVED: u64 = 4;
/// Offset of the packet in a command table (4.2.3).
pub const TABLE_PACKET: u64 = 0x40;
/// Offset of the descriptors in a command table.
pub const TABLE_DESCRIPTORS: u64 = 0x80;
/// Bytes of a descriptor.
pub const DESCRIPTOR_BYTES: u64 = 16;
/// Descriptor: bytes minus one, in the last dword.
pub const DESCRIPTOR_COUNT: u32 = 0x3F_FFFF;
/// Descriptor: interrupt when it is done.
pub const DESCRIPTOR_INTERRUPT: u32 = 1 << 31;

/// Place of a PIO setup frame in the area of received frames (4.2.1).
pub const RECEIVED_PIO_SETUP: u64 = 0x20;
/// Place of a register frame.
pub const RECEIVED_REGISTERS: u64 = 0x40;
/// Place of a set device bits frame.
pub const RECEIVED_SET_BITS: u64 = 0x58;

/// Frame from the host with the drive's registers (Serial ATA 10.3.4).
pub const FRAME_TO_DEVICE: u8 = 0x27;
/// Frame from the drive with its registers (10.3.5).
pub const FRAME_REGISTERS: u8 = 0x34;
/// Frame that changes only status bits, and says which queued commands are done (10.3.6).
pub const FRAME_SET_BITS: u8 = 0xA1;
/// Frame before PIO data (10.3.10).
pub const FRAME_PIO_SETUP: u8 = 0x5F;
/// Second byte of a frame from the host: it carries a command, not device control.
pub const FRAME_COMMAND: u8 = 1 << 7;
/// Second byte of a frame from the drive: interrupt.
pub const FRAME_INTERRUPT: u8 = 1 << 6;
/// Second byte of a PIO setup frame: data goes to the host.
pub const FRAME_TO_HOST: u8 = 1 << 5;
