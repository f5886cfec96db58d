//! PCI Local Bus 3.0, PCI Express Base 4.0: configuration space.

/// Vendor id (2 bytes).
pub const VENDOR_ID: u16 = 0x00;
/// Device id (2 bytes).
pub const DEVICE_ID: u16 = 0x02;
/// Command (2 bytes): [`COMMAND_IO`] and its neighbours.
pub const COMMAND: u16 = 0x04;
/// Status (2 bytes).
pub const STATUS: u16 = 0x06;
/// Revision (1 byte).
pub const REVISION: u16 = 0x08;
/// Programming interface (1 byte).
pub const PROGRAMMING_INTERFACE: u16 = 0x09;
/// Subclass (1 byte).
pub const SUBCLASS: u16 = 0x0A;
/// Class (1 byte).
pub const CLASS: u16 = 0x0B;
/// Cache line size (1 byte).
pub const CACHE_LINE: u16 = 0x0C;
/// Header type (1 byte).
pub const HEADER_TYPE: u16 = 0x0E;
/// First of six base address registers (4 bytes each).
pub const BAR_FIRST: u16 = 0x10;
/// Header type bit: the slot has more than one function.
pub const HEADER_MULTIFUNCTION: u8 = 1 << 7;
/// Subsystem vendor id (2 bytes).
pub const SUBSYSTEM_VENDOR_ID: u16 = 0x2C;
/// Subsystem id (2 bytes).
pub const SUBSYSTEM_ID: u16 = 0x2E;
/// Offset of the first capability (1 byte).
pub const CAPABILITIES: u16 = 0x34;
/// Interrupt line: scratch for the firmware (1 byte).
pub const INTERRUPT_LINE: u16 = 0x3C;
/// Interrupt pin: 1 = INTA (1 byte).
pub const INTERRUPT_PIN: u16 = 0x3D;

/// Command bit: I/O space is decoded.
pub const COMMAND_IO: u16 = 1 << 0;
/// Command bit: memory space is decoded.
pub const COMMAND_MEMORY: u16 = 1 << 1;
/// Command bit: the function may master the bus.
pub const COMMAND_MASTER: u16 = 1 << 2;
/// Command bit: the function must not assert its interrupt line.
pub const COMMAND_INTERRUPT_DISABLE: u16 = 1 << 10;
/// Status bit: the interrupt line is asserted.
pub const STATUS_INTERRUPT: u16 = 1 << 3;
/// Status bit: there is a list of capabilities.
pub const STATUS_CAPABILITIES: u16 = 1 << 4;

/// BAR bit: the window is in I/O space.
pub const BAR_IO: u32 = 1 << 0;
/// BAR bits: the window is in memory and the address has 64 bits.
pub const BAR_MEMORY_64: u32 = 2 << 1;
/// BAR bit: reads have no side effects.
pub const BAR_PREFETCHABLE: u32 = 1 << 3;

/// Bytes of the configuration space that ports reach.
pub const CONFIG_BYTES: u16 = 256;
/// Bytes of configuration space that ECAM reserves for each function.
pub const ECAM_FUNCTION_BYTES: u64 = 4096;
/// Offset of the first extended capability; zero there means that there is none.
pub const EXTENDED_CAPABILITIES: u16 = 0x100;

/// Capability id: power management.
pub const CAPABILITY_POWER: u8 = 0x01;
/// Capability id: PCI Express.
pub const CAPABILITY_PCI_EXPRESS: u8 = 0x10;
/// Capability id: vendor specific.
pub const CAPABILITY_VENDOR: u8 = 0x09;
/// Capability id: MSI.
pub const CAPABILITY_MSI: u8 = 0x05;
/// MSI message control: MSI is on (PCI 3.0, 6.8.1.3).
pub const MSI_ENABLE: u16 = 1 << 0;
/// MSI message control: the address has 64 bits.
pub const MSI_64: u16 = 1 << 7;
/// Capability id: MSI-X.
pub const CAPABILITY_MSIX: u8 = 0x11;

/// MSI-X message control: the whole function is masked (PCI 3.0, 6.8.2.3).
pub const MSIX_FUNCTION_MASK: u16 = 1 << 14;
/// MSI-X message control: MSI-X is on.
pub const MSIX_ENABLE: u16 = 1 << 15;
/// Bytes of one MSI-X table entry.
pub const MSIX_ENTRY_BYTES: u64 = 16;
/// MSI-X vector control: the vector is masked.
pub const MSIX_VECTOR_MASK: u32 = 1;

/// I/O port of the configuration address.
pub const PORT_CONFIG_ADDRESS: u16 = 0xCF8;
/// First of four I/O ports of the configuration data.
pub const PORT_CONFIG_DATA: u16 = 0xCFC;
/// Configuration address bit: the data ports reach configuration space.
pub const CONFIG_ADDRESS_ENABLE: u32 = 1 << 31;
