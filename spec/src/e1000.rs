//! Intel's gigabit Ethernet controllers: PCI/PCI-X Family of Gigabit Ethernet Controllers Software Developer's Manual
//! (317453; "SDM" below) for the 82540EM, and the data sheet of the 82574 ("82574") for what came later.

/// Device control (SDM 13.4).
pub const CTRL: u64 = 0x0000;
/// A copy of [`CTRL`].
pub const CTRL_COPY: u64 = 0x0004;
/// Device status (SDM 13.4).
pub const STATUS: u64 = 0x0008;
/// EEPROM control (SDM 13.4): the wires of a serial EEPROM.
pub const EECD: u64 = 0x0010;
/// EEPROM read (SDM 13.4).
pub const EERD: u64 = 0x0014;
/// Extended device control (SDM 13.4).
pub const CTRL_EXT: u64 = 0x0018;
/// MDI control (SDM 13.4): the registers of the PHY.
pub const MDIC: u64 = 0x0020;
/// EtherType of VLAN tags (SDM 13.4).
pub const VET: u64 = 0x0038;
/// Interrupt cause, cleared by reading (SDM 13.4).
pub const ICR: u64 = 0x00C0;
/// Interrupt cause set (SDM 13.4).
pub const ICS: u64 = 0x00C8;
/// Interrupt mask set, and the mask (SDM 13.4).
pub const IMS: u64 = 0x00D0;
/// Interrupt mask clear (SDM 13.4).
pub const IMC: u64 = 0x00D8;
/// Causes that a message clears (82574, 10.2.4).
pub const EIAC: u64 = 0x00DC;
/// Causes that are masked automatically (82574, 10.2.4).
pub const IAM: u64 = 0x00E0;
/// Which vector a cause has (82574, 10.2.4).
pub const IVAR: u64 = 0x00E4;
/// Receive control (SDM 13.4).
pub const RCTL: u64 = 0x0100;
/// Transmit control (SDM 13.4).
pub const TCTL: u64 = 0x0400;
/// The first receive ring; the second of the 82574 lies [`RING_STRIDE`] later (SDM 13.4).
pub const RX_RING: u64 = 0x2800;
/// The first transmit ring; the second of the 82574 lies [`RING_STRIDE`] later (SDM 13.4).
pub const TX_RING: u64 = 0x3800;
/// From a ring's registers to those of the next.
pub const RING_STRIDE: u64 = 0x100;
/// Ring register: low half of the address.
pub const RING_BASE_LOW: u64 = 0x00;
/// Ring register: high half of the address.
pub const RING_BASE_HIGH: u64 = 0x04;
/// Ring register: bytes.
pub const RING_BYTES: u64 = 0x08;
/// Ring register: head, the device's.
pub const RING_HEAD: u64 = 0x10;
/// Ring register: tail, the driver's.
pub const RING_TAIL: u64 = 0x18;
/// Statistics: the first register (SDM 13.7).
pub const STATISTICS: u64 = 0x4000;
/// Statistics: behind the last register.
pub const STATISTICS_END: u64 = 0x4128;
/// Receive filter control: bit 15 chooses extended descriptors (82574, 10.2.5).
pub const RFCTL: u64 = 0x5008;
/// Multicast table, 128 registers (SDM 13.5).
pub const MTA: u64 = 0x5200;
/// Receive addresses: 16 pairs of registers (SDM 13.5).
pub const RAL: u64 = 0x5400;
/// VLAN filter table, 128 registers (SDM 13.5).
pub const VFTA: u64 = 0x5600;
/// Software semaphore (82574, 10.2.3).
pub const SWSM: u64 = 0x5B50;

/// Control: software asks the device to leave the bus (82574).
pub const CTRL_MASTER_DISABLE: u32 = 1 << 2;
/// Control: set link up.
pub const CTRL_LINK_UP: u32 = 1 << 6;
/// Control: reset, clears itself.
pub const CTRL_RESET: u32 = 1 << 26;
/// Control: VLAN tags are taken off and put on.
pub const CTRL_VLAN: u32 = 1 << 30;
/// Control: reset the PHY, clears itself on the 82540EM.
pub const CTRL_PHY_RESET: u32 = 1 << 31;
/// Status: full duplex.
pub const STATUS_FULL_DUPLEX: u32 = 1 << 0;
/// Status: link up.
pub const STATUS_LINK_UP: u32 = 1 << 1;
/// Status: 1000 Mb/s.
pub const STATUS_SPEED_1000: u32 = 2 << 6;
/// Status: the device may master the bus (82574).
pub const STATUS_MASTER: u32 = 1 << 19;
/// Extended control: a message masks what IAM says (82574).
pub const CTRL_EXT_EIAME: u32 = 1 << 24;
/// Extended control: reading the cause masks what IAM says (82574).
pub const CTRL_EXT_IAME: u32 = 1 << 27;

/// EEPROM control: clock.
pub const EECD_CLOCK: u32 = 1 << 0;
/// EEPROM control: chip select.
pub const EECD_SELECT: u32 = 1 << 1;
/// EEPROM control: data to the EEPROM.
pub const EECD_DATA_IN: u32 = 1 << 2;
/// EEPROM control: data from the EEPROM.
pub const EECD_DATA_OUT: u32 = 1 << 3;
/// EEPROM control: software asks for access.
pub const EECD_REQUEST: u32 = 1 << 6;
/// EEPROM control: software has access.
pub const EECD_GRANT: u32 = 1 << 7;
/// EEPROM control: there is an EEPROM.
pub const EECD_PRESENT: u32 = 1 << 8;
/// EEPROM control: the device has read it (82574).
pub const EECD_AUTO_READ: u32 = 1 << 9;
/// EEPROM read: start.
pub const EERD_START: u32 = 1 << 0;
/// The EEPROM's first 64 words add up to this (SDM 5.6).
pub const EEPROM_SUM: u16 = 0xBABA;

/// MDI control: the address of the only PHY.
pub const MDIC_PHY: u32 = 1;
/// MDI control: write.
pub const MDIC_WRITE: u32 = 1;
/// MDI control: read.
pub const MDIC_READ: u32 = 2;
/// MDI control: done.
pub const MDIC_READY: u32 = 1 << 28;
/// MDI control: interrupt when done.
pub const MDIC_INTERRUPT: u32 = 1 << 29;
/// MDI control: there is no such PHY.
pub const MDIC_ERROR: u32 = 1 << 30;

/// Causes of interrupts (SDM 13.4, 82574 10.2.4).
pub mod cause {
    /// A transmit descriptor was written back.
    pub const TRANSMITTED: u32 = 1 << 0;
    /// The transmit ring is empty.
    pub const TRANSMIT_EMPTY: u32 = 1 << 1;
    /// The link changed.
    pub const LINK: u32 = 1 << 2;
    /// Few receive descriptors are left.
    pub const RECEIVE_LOW: u32 = 1 << 4;
    /// A frame was lost because there was no descriptor.
    pub const RECEIVE_OVERRUN: u32 = 1 << 6;
    /// A frame was received.
    pub const RECEIVED: u32 = 1 << 7;
    /// A PHY register was accessed.
    pub const MDIO: u32 = 1 << 9;
    /// Something happened to the first receive queue (82574).
    pub const RECEIVE_QUEUE: u32 = 1 << 20;
    /// Something happened to the first transmit queue; the second has the next bit (82574).
    pub const TRANSMIT_QUEUE: u32 = 1 << 22;
    /// Something happened that belongs to no queue (82574).
    pub const OTHER: u32 = 1 << 24;
    /// An interrupt is asserted (82574).
    pub const ASSERTED: u32 = 1 << 31;
    /// All that have a vector (82574).
    pub const VECTORED: u32 = 0x01F0_0000;
    /// All that set [`OTHER`].
    pub const OTHERS: u32 = LINK | RECEIVE_OVERRUN | MDIO;
}

/// Receive control: enable.
pub const RCTL_ENABLE: u32 = 1 << 1;
/// Receive control: frames to any single station.
pub const RCTL_ALL_UNICAST: u32 = 1 << 3;
/// Receive control: frames to any group.
pub const RCTL_ALL_MULTICAST: u32 = 1 << 4;
/// Receive control: loopback, two bits.
pub const RCTL_LOOPBACK: u32 = 3 << 6;
/// Receive control: threshold of few descriptors, two bits at this bit: half of the ring, a quarter, an eighth.
pub const RCTL_THRESHOLD_SHIFT: u32 = 8;
/// Receive control: kind of descriptors, two bits; ours is zero.
pub const RCTL_KIND: u32 = 3 << 10;
/// Receive control: which bits of the address choose a bit of the table, two bits at this bit.
pub const RCTL_OFFSET_SHIFT: u32 = 12;
/// Receive control: broadcasts.
pub const RCTL_BROADCAST: u32 = 1 << 15;
/// Receive control: buffer size, two bits at this bit.
pub const RCTL_SIZE_SHIFT: u32 = 16;
/// Receive control: VLANs are filtered.
pub const RCTL_VLAN_FILTER: u32 = 1 << 18;
/// Receive control: buffer sizes are 16 times as large.
pub const RCTL_SIZE_EXTENSION: u32 = 1 << 25;
/// Receive control: the check sequence is taken off.
pub const RCTL_STRIP: u32 = 1 << 26;
/// Receive control: buffer size in KiB, four bits at this bit (82574).
pub const RCTL_FLEXIBLE_SHIFT: u32 = 27;
/// Receive filter control: extended descriptors.
pub const RFCTL_EXTENDED: u32 = 1 << 15;
/// High half of a receive address: it is valid.
pub const RAH_VALID: u32 = 1 << 31;
/// Transmit control: enable.
pub const TCTL_ENABLE: u32 = 1 << 1;
/// Transmit control: short frames are padded.
pub const TCTL_PAD: u32 = 1 << 3;

/// Bytes of a descriptor.
pub const DESCRIPTOR_BYTES: u64 = 16;
/// Status of any descriptor: done.
pub const DONE: u32 = 1 << 0;

/// Transmit descriptors (SDM 3.3): bits of the third dword, but for the options.
pub mod transmit {
    /// The last one of a packet.
    pub const END: u32 = 1 << 24;
    /// Legacy: insert a checksum. Data: segment the packet.
    pub const CHECKSUM_OR_SEGMENT: u32 = 1 << 26;
    /// Report the status.
    pub const REPORT: u32 = 1 << 27;
    /// It is a context or data descriptor, not a legacy one.
    pub const EXTENDED: u32 = 1 << 29;
    /// Insert a VLAN tag.
    pub const VLAN: u32 = 1 << 30;
    /// Type of an extended one: set in data descriptors, clear in contexts; four bits.
    pub const KIND: u32 = 0xF << 20;
    /// The type of data.
    pub const KIND_DATA: u32 = 1 << 20;
    /// Bytes of data of an extended one.
    pub const BYTES: u32 = 0xF_FFFF;
    /// Context: the packet is TCP, not UDP.
    pub const TCP: u32 = 1 << 24;
    /// Context: the packet is IPv4, not IPv6.
    pub const IPV4: u32 = 1 << 25;
    /// Options of data, in the fourth dword: insert the IP checksum.
    pub const OPTION_IP: u32 = 1 << 8;
    /// Options of data, in the fourth dword: insert the TCP or UDP checksum.
    pub const OPTION_TRANSPORT: u32 = 1 << 9;
}

/// Status of receive descriptors (SDM 3.2).
pub mod receive {
    /// The last one of a frame.
    pub const END: u32 = 1 << 1;
    /// Checksums were not looked at.
    pub const UNCHECKED: u32 = 1 << 2;
    /// The frame had a VLAN tag that was taken off.
    pub const VLAN: u32 = 1 << 3;
    /// The frame passed an inexact filter.
    pub const INEXACT: u32 = 1 << 7;
}
