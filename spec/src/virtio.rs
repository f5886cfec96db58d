//! Virtual I/O Device (VIRTIO) version 1.2.

/// PCI vendor of all virtio devices (4.1.2).
pub const PCI_VENDOR: u16 = 0x1AF4;
/// PCI device id of device type 0 (4.1.2).
pub const PCI_DEVICE_BASE: u16 = 0x1040;
/// PCI revision of a device without the legacy interface (4.1.2.1).
pub const PCI_REVISION: u8 = 1;

/// Capability `cfg_type`: common configuration (4.1.4).
pub const CAPABILITY_COMMON: u8 = 1;
/// Capability `cfg_type`: notifications.
pub const CAPABILITY_NOTIFY: u8 = 2;
/// Capability `cfg_type`: ISR status.
pub const CAPABILITY_ISR: u8 = 3;
/// Capability `cfg_type`: device-specific configuration.
pub const CAPABILITY_DEVICE: u8 = 4;
/// Capability `cfg_type`: access through PCI configuration space.
pub const CAPABILITY_PCI: u8 = 5;

/// Common configuration: which half of the device's features is shown (4.1.4.3).
pub const COMMON_DEVICE_FEATURE_SELECT: u64 = 0x00;
/// Half of the device's features.
pub const COMMON_DEVICE_FEATURE: u64 = 0x04;
/// Which half of the driver's features is written.
pub const COMMON_DRIVER_FEATURE_SELECT: u64 = 0x08;
/// Half of the driver's features.
pub const COMMON_DRIVER_FEATURE: u64 = 0x0C;
/// MSI-X vector of configuration changes (2 bytes).
pub const COMMON_CONFIG_VECTOR: u64 = 0x10;
/// Number of queues (2 bytes).
pub const COMMON_QUEUES: u64 = 0x12;
/// Device status (1 byte).
pub const COMMON_STATUS: u64 = 0x14;
/// Changes with the device's configuration (1 byte).
pub const COMMON_GENERATION: u64 = 0x15;
/// Which queue the following fields mean (2 bytes).
pub const COMMON_QUEUE_SELECT: u64 = 0x16;
/// Size of the queue (2 bytes).
pub const COMMON_QUEUE_SIZE: u64 = 0x18;
/// MSI-X vector of the queue (2 bytes).
pub const COMMON_QUEUE_VECTOR: u64 = 0x1A;
/// 1 = the queue is in use (2 bytes).
pub const COMMON_QUEUE_ENABLE: u64 = 0x1C;
/// Where the queue is notified (2 bytes).
pub const COMMON_QUEUE_NOTIFY_OFFSET: u64 = 0x1E;
/// Descriptor area (8 bytes).
pub const COMMON_QUEUE_DESCRIPTORS: u64 = 0x20;
/// Driver area (8 bytes).
pub const COMMON_QUEUE_DRIVER: u64 = 0x28;
/// Device area (8 bytes).
pub const COMMON_QUEUE_DEVICE: u64 = 0x30;
/// What the driver writes to notify (2 bytes).
pub const COMMON_QUEUE_NOTIFY_DATA: u64 = 0x38;
/// 1 = reset the queue (2 bytes).
pub const COMMON_QUEUE_RESET: u64 = 0x3A;
/// Bytes of the common configuration.
pub const COMMON_BYTES: u64 = 0x3C;
/// "No MSI-X vector" (4.1.5.1.2).
pub const NO_VECTOR: u16 = 0xFFFF;

/// ISR bit: a queue (4.1.4.5).
pub const ISR_QUEUE: u8 = 1;
/// ISR bit: the configuration.
pub const ISR_CONFIG: u8 = 2;

/// Status: the guest knows the device (2.1).
pub const STATUS_ACKNOWLEDGE: u8 = 1;
/// Status: the guest has a driver.
pub const STATUS_DRIVER: u8 = 2;
/// Status: the driver is ready.
pub const STATUS_DRIVER_OK: u8 = 4;
/// Status: features are agreed upon.
pub const STATUS_FEATURES_OK: u8 = 8;
/// Status: the device is broken until it is reset.
pub const STATUS_NEEDS_RESET: u8 = 64;
/// Status: the guest gave up.
pub const STATUS_FAILED: u8 = 128;

/// Feature: indirect descriptors (6).
pub const FEATURE_INDIRECT: u64 = 1 << 28;
/// Feature: event index.
pub const FEATURE_EVENT_INDEX: u64 = 1 << 29;
/// Feature: not a legacy device.
pub const FEATURE_VERSION_1: u64 = 1 << 32;
/// Feature: packed rings.
pub const FEATURE_PACKED: u64 = 1 << 34;
/// Feature: queues can be reset one by one.
pub const FEATURE_RING_RESET: u64 = 1 << 40;

/// Bytes of one descriptor of either ring (2.7.5, 2.8.13).
pub const DESCRIPTOR_BYTES: u64 = 16;
/// Descriptor flag: another one follows.
pub const DESCRIPTOR_NEXT: u16 = 1 << 0;
/// Descriptor flag: the device writes the buffer.
pub const DESCRIPTOR_WRITE: u16 = 1 << 1;
/// Descriptor flag: the buffer is a table of descriptors.
pub const DESCRIPTOR_INDIRECT: u16 = 1 << 2;
/// Descriptor flag of packed rings: available if it equals the wrap counter.
pub const DESCRIPTOR_AVAILABLE: u16 = 1 << 7;
/// Descriptor flag of packed rings: used if it equals the wrap counter.
pub const DESCRIPTOR_USED: u16 = 1 << 15;
/// Largest size of any queue (2.6).
pub const QUEUE_SIZE_MAX: u16 = 32768;

/// Available ring flag: no interrupt wanted (2.7.6).
pub const AVAILABLE_NO_INTERRUPT: u16 = 1;
/// Used ring flag: no notification wanted (2.7.8).
pub const USED_NO_NOTIFY: u16 = 1;

/// Packed event suppression: every event (2.8.14).
pub const EVENT_ENABLE: u16 = 0;
/// Packed event suppression: none.
pub const EVENT_DISABLE: u16 = 1;
/// Packed event suppression: the one at a descriptor.
pub const EVENT_DESCRIPTOR: u16 = 2;

/// Device type: network card (5.1).
pub const TYPE_NETWORK: u16 = 1;
/// Device type: block (5.2).
pub const TYPE_BLOCK: u16 = 2;
/// Device type: console (5.3).
pub const TYPE_CONSOLE: u16 = 3;
/// Device type: entropy (5.4).
pub const TYPE_ENTROPY: u16 = 4;
/// Device type: memory balloon (5.5).
pub const TYPE_BALLOON: u16 = 5;
