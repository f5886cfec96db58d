//! AT Attachment 8: ATA/ATAPI Command Set (ATA8-ACS, T13/1699-D r6a) and its parallel transport (ATA8-APT).

/// Bytes of a logical sector.
pub const SECTOR_BYTES: u64 = 512;
/// Sectors that 28 address bits reach (ACS 4.1.2).
pub const LBA28_SECTORS: u64 = 1 << 28;
/// Sectors that 48 address bits reach.
pub const LBA48_SECTORS: u64 = 1 << 48;

/// Status: the command failed (ACS 6.1); CHK for PACKET.
pub const STATUS_ERROR: u8 = 1 << 0;
/// Status: the drive wants to move data.
pub const STATUS_DATA_REQUEST: u8 = 1 << 3;
/// Status: seek complete in old standards; drives keep it set.
pub const STATUS_SEEK: u8 = 1 << 4;
/// Status: the drive cannot go on.
pub const STATUS_FAULT: u8 = 1 << 5;
/// Status: the drive is ready.
pub const STATUS_READY: u8 = 1 << 6;
/// Status: the drive is busy; other bits mean nothing.
pub const STATUS_BUSY: u8 = 1 << 7;

/// Error: the drive does not do this (ACS 6.2).
pub const ERROR_ABORT: u8 = 1 << 2;
/// Error: no such sector.
pub const ERROR_ID_NOT_FOUND: u8 = 1 << 4;
/// Error: the sector's data cannot be read or written.
pub const ERROR_UNCORRECTABLE: u8 = 1 << 6;
/// Error: the medium cannot be written; in answers to writes.
pub const ERROR_WRITE_PROTECTED: u8 = 1 << 6;
/// Error: the transfer was damaged on its way.
pub const ERROR_INTERFACE_CRC: u8 = 1 << 7;
/// What the error register says after a reset without a finding (ACS 7.9.4).
pub const DIAGNOSTIC_PASSED: u8 = 1;

/// Device register: the second drive of a cable.
pub const DEVICE_SECOND: u8 = 1 << 4;
/// Device register: the address is a sector number, not cylinder, head and sector.
pub const DEVICE_LBA: u8 = 1 << 6;
/// Device register: bits that were always one in old standards.
pub const DEVICE_OBSOLETE: u8 = 0xA0;

/// Device control: interrupts are off (APT 7.2).
pub const CONTROL_NO_INTERRUPT: u8 = 1 << 1;
/// Device control: software reset.
pub const CONTROL_RESET: u8 = 1 << 2;
/// Device control: reads show the registers' previous content (48-bit commands).
pub const CONTROL_HIGH_ORDER: u8 = 1 << 7;

/// Interrupt reason of PACKET, in the count register: a command, not data (ACS 7.24).
pub const REASON_COMMAND: u16 = 1 << 0;
/// Interrupt reason: towards the host.
pub const REASON_TO_HOST: u16 = 1 << 1;
/// Feature register of PACKET: data moves by DMA.
pub const PACKET_DMA: u16 = 1 << 0;
/// Bytes of a command packet.
pub const PACKET_BYTES: usize = 12;
/// Signature of a disk in the LBA registers after a reset (ACS 9.12, table 206).
pub const SIGNATURE_DISK: u64 = 0x00_0001;
/// Signature of a packet device.
pub const SIGNATURE_PACKET: u64 = 0xEB_1401;

/// Commands (ACS 7).
pub mod command {
    /// Does nothing; a disk aborts it.
    pub const NOP: u8 = 0x00;
    /// DATA SET MANAGEMENT.
    pub const DATA_SET_MANAGEMENT: u8 = 0x06;
    /// DEVICE RESET, for packet devices.
    pub const DEVICE_RESET: u8 = 0x08;
    /// RECALIBRATE, of old standards: 10h to 1Fh.
    pub const RECALIBRATE: u8 = 0x10;
    /// READ SECTOR(S).
    pub const READ_SECTORS: u8 = 0x20;
    /// The same "without retries", of old standards.
    pub const READ_SECTORS_ONCE: u8 = 0x21;
    /// READ SECTOR(S) EXT.
    pub const READ_SECTORS_EXT: u8 = 0x24;
    /// READ DMA EXT.
    pub const READ_DMA_EXT: u8 = 0x25;
    /// READ NATIVE MAX ADDRESS EXT.
    pub const READ_NATIVE_MAX_EXT: u8 = 0x27;
    /// READ MULTIPLE EXT.
    pub const READ_MULTIPLE_EXT: u8 = 0x29;
    /// READ LOG EXT.
    pub const READ_LOG_EXT: u8 = 0x2F;
    /// WRITE SECTOR(S).
    pub const WRITE_SECTORS: u8 = 0x30;
    /// The same "without retries".
    pub const WRITE_SECTORS_ONCE: u8 = 0x31;
    /// WRITE SECTOR(S) EXT.
    pub const WRITE_SECTORS_EXT: u8 = 0x34;
    /// WRITE DMA EXT.
    pub const WRITE_DMA_EXT: u8 = 0x35;
    /// WRITE MULTIPLE EXT.
    pub const WRITE_MULTIPLE_EXT: u8 = 0x39;
    /// WRITE DMA FUA EXT.
    pub const WRITE_DMA_FUA_EXT: u8 = 0x3D;
    /// READ VERIFY SECTOR(S).
    pub const READ_VERIFY: u8 = 0x40;
    /// The same "without retries".
    pub const READ_VERIFY_ONCE: u8 = 0x41;
    /// READ VERIFY SECTOR(S) EXT.
    pub const READ_VERIFY_EXT: u8 = 0x42;
    /// READ LOG DMA EXT.
    pub const READ_LOG_DMA_EXT: u8 = 0x47;
    /// READ FPDMA QUEUED.
    pub const READ_QUEUED: u8 = 0x60;
    /// WRITE FPDMA QUEUED.
    pub const WRITE_QUEUED: u8 = 0x61;
    /// SEEK, of old standards: 70h to 7Fh.
    pub const SEEK: u8 = 0x70;
    /// EXECUTE DEVICE DIAGNOSTIC.
    pub const EXECUTE_DIAGNOSTIC: u8 = 0x90;
    /// INITIALIZE DEVICE PARAMETERS, of old standards: the drive's shape for software.
    pub const INITIALIZE_PARAMETERS: u8 = 0x91;
    /// STANDBY IMMEDIATE, IDLE IMMEDIATE, STANDBY, IDLE, CHECK POWER MODE, SLEEP of old standards.
    pub const OLD_POWER_FIRST: u8 = 0x94;
    /// CHECK POWER MODE of old standards.
    pub const OLD_CHECK_POWER: u8 = 0x98;
    /// SLEEP of old standards: the last of them.
    pub const OLD_POWER_LAST: u8 = 0x99;
    /// PACKET.
    pub const PACKET: u8 = 0xA0;
    /// IDENTIFY PACKET DEVICE.
    pub const IDENTIFY_PACKET: u8 = 0xA1;
    /// SMART.
    pub const SMART: u8 = 0xB0;
    /// READ MULTIPLE.
    pub const READ_MULTIPLE: u8 = 0xC4;
    /// WRITE MULTIPLE.
    pub const WRITE_MULTIPLE: u8 = 0xC5;
    /// SET MULTIPLE MODE.
    pub const SET_MULTIPLE: u8 = 0xC6;
    /// READ DMA.
    pub const READ_DMA: u8 = 0xC8;
    /// The same "without retries".
    pub const READ_DMA_ONCE: u8 = 0xC9;
    /// WRITE DMA.
    pub const WRITE_DMA: u8 = 0xCA;
    /// The same "without retries".
    pub const WRITE_DMA_ONCE: u8 = 0xCB;
    /// WRITE MULTIPLE FUA EXT.
    pub const WRITE_MULTIPLE_FUA_EXT: u8 = 0xCE;
    /// STANDBY IMMEDIATE.
    pub const STANDBY_IMMEDIATE: u8 = 0xE0;
    /// IDLE IMMEDIATE.
    pub const IDLE_IMMEDIATE: u8 = 0xE1;
    /// STANDBY.
    pub const STANDBY: u8 = 0xE2;
    /// IDLE.
    pub const IDLE: u8 = 0xE3;
    /// CHECK POWER MODE.
    pub const CHECK_POWER_MODE: u8 = 0xE5;
    /// SLEEP.
    pub const SLEEP: u8 = 0xE6;
    /// FLUSH CACHE.
    pub const FLUSH: u8 = 0xE7;
    /// FLUSH CACHE EXT.
    pub const FLUSH_EXT: u8 = 0xEA;
    /// IDENTIFY DEVICE.
    pub const IDENTIFY: u8 = 0xEC;
    /// SET FEATURES.
    pub const SET_FEATURES: u8 = 0xEF;
    /// READ NATIVE MAX ADDRESS.
    pub const READ_NATIVE_MAX: u8 = 0xF8;
}

/// Subcommands of SET FEATURES (ACS 7.47).
pub mod feature {
    /// Enable the write cache.
    pub const WRITE_CACHE_ON: u8 = 0x02;
    /// Set the transfer mode that the count register names.
    pub const TRANSFER_MODE: u8 = 0x03;
    /// Advanced power management on and off; accepted and without effect.
    pub const POWER_MANAGEMENT_ON: u8 = 0x05;
    /// Use of serial features on.
    pub const SERIAL_ON: u8 = 0x10;
    /// Disable read look-ahead.
    pub const LOOK_AHEAD_OFF: u8 = 0x55;
    /// Keep settings over software resets (old).
    pub const KEEP_SETTINGS: u8 = 0x66;
    /// Disable the write cache.
    pub const WRITE_CACHE_OFF: u8 = 0x82;
    /// Advanced power management off.
    pub const POWER_MANAGEMENT_OFF: u8 = 0x85;
    /// Use of serial features off.
    pub const SERIAL_OFF: u8 = 0x90;
    /// Enable read look-ahead.
    pub const LOOK_AHEAD_ON: u8 = 0xAA;
    /// Forget settings at software resets (old).
    pub const FORGET_SETTINGS: u8 = 0xCC;
}

/// Subcommands of SMART (ACS 7.53) and what goes with them.
pub mod smart {
    /// SMART READ DATA.
    pub const READ_DATA: u8 = 0xD0;
    /// Read thresholds, of old standards.
    pub const READ_THRESHOLDS: u8 = 0xD1;
    /// SMART ENABLE/DISABLE ATTRIBUTE AUTOSAVE.
    pub const AUTOSAVE: u8 = 0xD2;
    /// SMART EXECUTE OFF-LINE IMMEDIATE.
    pub const EXECUTE_TEST: u8 = 0xD4;
    /// SMART READ LOG.
    pub const READ_LOG: u8 = 0xD5;
    /// SMART ENABLE OPERATIONS.
    pub const ENABLE: u8 = 0xD8;
    /// SMART DISABLE OPERATIONS.
    pub const DISABLE: u8 = 0xD9;
    /// SMART RETURN STATUS.
    pub const RETURN_STATUS: u8 = 0xDA;
    /// What the LBA mid and high registers say in each SMART command.
    pub const KEY: u64 = 0xC2_4F00;
    /// Mask of those two registers.
    pub const KEY_MASK: u64 = 0xFF_FF00;
}

/// Words of IDENTIFY DEVICE data (ACS 7.16.7).
pub mod identify {
    /// General configuration.
    pub const CONFIGURATION: usize = 0;
    /// Cylinders of the default shape.
    pub const CYLINDERS: usize = 1;
    /// Heads of the default shape.
    pub const HEADS: usize = 3;
    /// Sectors per track of the default shape.
    pub const TRACK_SECTORS: usize = 6;
    /// Serial number: 10 words of text.
    pub const SERIAL: usize = 10;
    /// Firmware revision: 4 words of text.
    pub const FIRMWARE: usize = 23;
    /// Model: 20 words of text.
    pub const MODEL: usize = 27;
    /// Sectors of a block of READ MULTIPLE at the most.
    pub const MULTIPLE_MAX: usize = 47;
    /// Capabilities.
    pub const CAPABILITIES: usize = 49;
    /// Capabilities, second word.
    pub const CAPABILITIES_2: usize = 50;
    /// PIO timing of old drives.
    pub const OLD_PIO: usize = 51;
    /// Which of words 54 to 58, 64 to 70 and 88 mean something.
    pub const VALID: usize = 53;
    /// Cylinders of the current shape, then heads and sectors per track.
    pub const CURRENT_SHAPE: usize = 54;
    /// Sectors of the current shape: two words.
    pub const CURRENT_SECTORS: usize = 57;
    /// The current setting of SET MULTIPLE MODE.
    pub const MULTIPLE: usize = 59;
    /// Sectors that 28-bit commands reach: two words.
    pub const SECTORS_28: usize = 60;
    /// Multiword DMA modes.
    pub const MULTIWORD_DMA: usize = 63;
    /// PIO modes from 3 on.
    pub const PIO_MODES: usize = 64;
    /// Minimum cycle times: four words.
    pub const CYCLE_TIMES: usize = 65;
    /// More that the drive supports: bit 14 = trimmed sectors read the same each time.
    pub const ADDITIONAL: usize = 69;
    /// Queue depth minus one.
    pub const QUEUE_DEPTH: usize = 75;
    /// Serial ATA capabilities.
    pub const SERIAL_CAPABILITIES: usize = 76;
    /// Major version.
    pub const MAJOR_VERSION: usize = 80;
    /// Command sets supported: three words.
    pub const SETS_SUPPORTED: usize = 82;
    /// Command sets enabled: three words.
    pub const SETS_ENABLED: usize = 85;
    /// Ultra DMA modes.
    pub const ULTRA_DMA: usize = 88;
    /// Result of the hardware reset: cable and drive number.
    pub const RESET_RESULT: usize = 93;
    /// Sectors that 48-bit commands reach: four words.
    pub const SECTORS_48: usize = 100;
    /// Blocks of ranges that one DATA SET MANAGEMENT takes.
    pub const TRIM_BLOCKS: usize = 105;
    /// Sizes of logical and physical sectors.
    pub const SECTOR_SIZES: usize = 106;
    /// DATA SET MANAGEMENT support.
    pub const TRIM: usize = 169;
    /// Rotation rate: 1 = does not rotate.
    pub const ROTATION: usize = 217;
    /// Transport and its version.
    pub const TRANSPORT: usize = 222;
    /// Signature and checksum.
    pub const INTEGRITY: usize = 255;
}
