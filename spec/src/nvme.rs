//! NVM Express Base Specification 1.4.

/// Controller capabilities (3.1.1).
pub const CAP: u64 = 0x00;
/// Version (3.1.2).
pub const VS: u64 = 0x08;
/// Interrupt mask set (3.1.3).
pub const INTMS: u64 = 0x0C;
/// Interrupt mask clear (3.1.4).
pub const INTMC: u64 = 0x10;
/// Controller configuration (3.1.5).
pub const CC: u64 = 0x14;
/// Controller status (3.1.6).
pub const CSTS: u64 = 0x1C;
/// Sizes of the admin queues (3.1.8).
pub const AQA: u64 = 0x24;
/// Address of the admin submission queue (3.1.9).
pub const ASQ: u64 = 0x28;
/// Address of the admin completion queue (3.1.10).
pub const ACQ: u64 = 0x30;
/// Where doorbells begin: submission tail and completion head of each queue, 4 bytes each (3.1.24).
pub const DOORBELLS: u64 = 0x1000;
/// Bytes of the doorbells of a pair of queues.
pub const DOORBELL_STRIDE: u64 = 8;

/// Version 1.4.
pub const VERSION_1_4: u32 = 0x0001_0400;
/// Capability: queues are contiguous.
pub const CAP_CONTIGUOUS: u64 = 1 << 16;
/// Capability: time to get ready, in 500 ms, at this bit.
pub const CAP_TIMEOUT_SHIFT: u32 = 24;
/// Capability: the NVM command set.
pub const CAP_NVM: u64 = 1 << 37;

/// Configuration: enable.
pub const CC_ENABLE: u32 = 1 << 0;
/// Configuration: command set, page size and arbitration, all of which are zero for ours.
pub const CC_CHOICES: u32 = 0x3FF0;
/// Configuration: shutdown, two bits at this bit.
pub const CC_SHUTDOWN_SHIFT: u32 = 14;
/// Configuration: size of I/O queue entries, as powers of two: submission 4 bits here, completion 4 bits above.
pub const CC_ENTRY_SIZES_SHIFT: u32 = 16;
/// Status: ready.
pub const CSTS_READY: u32 = 1 << 0;
/// Status: fatal error.
pub const CSTS_FATAL: u32 = 1 << 1;
/// Status: shutdown is complete.
pub const CSTS_SHUTDOWN_DONE: u32 = 2 << 2;

/// Bytes of a submission queue entry.
pub const COMMAND_BYTES: usize = 64;
/// Bytes of a completion queue entry.
pub const COMPLETION_BYTES: usize = 16;
/// Bytes of a memory page.
pub const PAGE_BYTES: u64 = 4096;
/// Bytes of an IDENTIFY structure.
pub const IDENTIFY_BYTES: usize = 4096;
/// "All namespaces".
pub const NAMESPACE_ALL: u32 = 0xFFFF_FFFF;

/// Admin commands (5).
pub mod admin {
    /// Delete I/O submission queue.
    pub const DELETE_SUBMISSION: u8 = 0x00;
    /// Create I/O submission queue.
    pub const CREATE_SUBMISSION: u8 = 0x01;
    /// Get log page.
    pub const GET_LOG: u8 = 0x02;
    /// Delete I/O completion queue.
    pub const DELETE_COMPLETION: u8 = 0x04;
    /// Create I/O completion queue.
    pub const CREATE_COMPLETION: u8 = 0x05;
    /// Identify.
    pub const IDENTIFY: u8 = 0x06;
    /// Abort.
    pub const ABORT: u8 = 0x08;
    /// Set features.
    pub const SET_FEATURES: u8 = 0x09;
    /// Get features.
    pub const GET_FEATURES: u8 = 0x0A;
    /// Asynchronous event request.
    pub const ASYNC_EVENT: u8 = 0x0C;
    /// Doorbell buffer config.
    pub const DOORBELL_BUFFER: u8 = 0x7C;
}

/// I/O commands (6).
pub mod io {
    /// Flush.
    pub const FLUSH: u8 = 0x00;
    /// Write.
    pub const WRITE: u8 = 0x01;
    /// Read.
    pub const READ: u8 = 0x02;
    /// Compare.
    pub const COMPARE: u8 = 0x05;
    /// Write zeroes.
    pub const WRITE_ZEROES: u8 = 0x08;
    /// Dataset management.
    pub const DATASET_MANAGEMENT: u8 = 0x09;
    /// Dword 12 of reads and writes: force unit access.
    pub const FORCE: u32 = 1 << 30;
    /// Dword 11 of dataset management: deallocate.
    pub const DEALLOCATE: u32 = 1 << 2;
}

/// Features (5.21.1).
pub mod feature {
    /// Arbitration.
    pub const ARBITRATION: u8 = 0x01;
    /// Power management.
    pub const POWER: u8 = 0x02;
    /// Temperature threshold.
    pub const TEMPERATURE: u8 = 0x04;
    /// Error recovery.
    pub const RECOVERY: u8 = 0x05;
    /// Volatile write cache.
    pub const WRITE_CACHE: u8 = 0x06;
    /// Number of queues.
    pub const QUEUES: u8 = 0x07;
    /// Interrupt coalescing.
    pub const COALESCING: u8 = 0x08;
    /// Interrupt vector configuration.
    pub const VECTOR: u8 = 0x09;
    /// Write atomicity.
    pub const ATOMICITY: u8 = 0x0A;
    /// Asynchronous event configuration.
    pub const EVENTS: u8 = 0x0B;
}

/// Status: code type in the high byte, code in the low one (4.6.1).
pub mod status {
    /// Success.
    pub const SUCCESS: u16 = 0x000;
    /// Invalid command opcode.
    pub const INVALID_OPCODE: u16 = 0x001;
    /// Invalid field in command.
    pub const INVALID_FIELD: u16 = 0x002;
    /// Data transfer error.
    pub const TRANSFER: u16 = 0x004;
    /// Internal error.
    pub const INTERNAL: u16 = 0x006;
    /// Command abort requested.
    pub const ABORTED: u16 = 0x007;
    /// Invalid namespace.
    pub const INVALID_NAMESPACE: u16 = 0x00B;
    /// Command sequence error.
    pub const SEQUENCE: u16 = 0x00C;
    /// PRP offset invalid.
    pub const PRP_OFFSET: u16 = 0x013;
    /// Namespace is write protected.
    pub const WRITE_PROTECTED: u16 = 0x020;
    /// LBA out of range.
    pub const OUT_OF_RANGE: u16 = 0x080;
    /// Completion queue invalid.
    pub const INVALID_COMPLETION_QUEUE: u16 = 0x100;
    /// Invalid queue identifier.
    pub const INVALID_QUEUE: u16 = 0x101;
    /// Invalid queue size.
    pub const INVALID_QUEUE_SIZE: u16 = 0x102;
    /// Asynchronous event request limit exceeded.
    pub const EVENTS_EXCEEDED: u16 = 0x105;
    /// Invalid interrupt vector.
    pub const INVALID_VECTOR: u16 = 0x108;
    /// Invalid log page.
    pub const INVALID_LOG: u16 = 0x109;
    /// Invalid queue deletion.
    pub const INVALID_DELETION: u16 = 0x10C;
    /// Feature identifier not saveable.
    pub const NOT_SAVEABLE: u16 = 0x10D;
    /// Compare failure.
    pub const COMPARE: u16 = 0x285;
    /// Write fault.
    pub const WRITE_FAULT: u16 = 0x280;
    /// Unrecovered read error.
    pub const READ_ERROR: u16 = 0x281;
    /// Bit of the completion: it makes no sense to try again.
    pub const DO_NOT_RETRY: u16 = 1 << 14;
}
