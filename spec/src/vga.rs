//! VGA (IBM PS/2 Hardware Interface Technical Reference, video subsystems, 1992) and the extension that Bochs
//! and QEMU add to it (Bochs, iodev/display/vga.h; QEMU, docs/specs/standard-vga.rst).

/// First port of the registers that answer in monochrome modes.
pub const MONO_PORTS: u16 = 0x3B0;
/// Ports from [`MONO_PORTS`] on that can belong to a display.
pub const MONO_PORT_COUNT: u16 = 12;
/// First port of all other registers.
pub const PORTS: u16 = 0x3C0;
/// Ports from [`PORTS`] on.
pub const PORT_COUNT: u16 = 32;

/// Attribute controller: index, then data.
pub const ATTRIBUTE: u16 = 0x3C0;
/// Attribute controller: data (reads).
pub const ATTRIBUTE_READ: u16 = 0x3C1;
/// Miscellaneous output (writes); input status 0 (reads).
pub const MISCELLANEOUS: u16 = 0x3C2;
/// Video subsystem enable.
pub const ENABLE: u16 = 0x3C3;
/// Sequencer: index.
pub const SEQUENCER: u16 = 0x3C4;
/// Sequencer: data.
pub const SEQUENCER_DATA: u16 = 0x3C5;
/// Palette: mask.
pub const PALETTE_MASK: u16 = 0x3C6;
/// Palette: index of the next read (writes); state (reads).
pub const PALETTE_READ: u16 = 0x3C7;
/// Palette: index of the next write.
pub const PALETTE_WRITE: u16 = 0x3C8;
/// Palette: red, green, blue.
pub const PALETTE_DATA: u16 = 0x3C9;
/// Feature control (reads).
pub const FEATURE_READ: u16 = 0x3CA;
/// Miscellaneous output (reads).
pub const MISCELLANEOUS_READ: u16 = 0x3CC;
/// Graphics controller: index.
pub const GRAPHICS: u16 = 0x3CE;
/// Graphics controller: data.
pub const GRAPHICS_DATA: u16 = 0x3CF;
/// CRT controller in colour modes: index. [`CRTC_MONO`] in monochrome modes.
pub const CRTC: u16 = 0x3D4;
/// CRT controller in colour modes: data.
pub const CRTC_DATA: u16 = 0x3D5;
/// Input status 1 in colour modes (reads); feature control (writes).
pub const STATUS: u16 = 0x3DA;
/// CRT controller in monochrome modes: index.
pub const CRTC_MONO: u16 = 0x3B4;
/// CRT controller in monochrome modes: data.
pub const CRTC_DATA_MONO: u16 = 0x3B5;
/// Input status 1 in monochrome modes.
pub const STATUS_MONO: u16 = 0x3BA;

/// Miscellaneous output bit: registers answer at the ports of colour modes.
pub const MISCELLANEOUS_COLOUR: u8 = 1 << 0;
/// Status bit: no pixel is shown at this moment.
pub const STATUS_BLANKED: u8 = 1 << 0;
/// Status bit: vertical retrace.
pub const STATUS_RETRACE: u8 = 1 << 3;
/// Attribute index bit: the picture is shown.
pub const ATTRIBUTE_SHOWN: u8 = 1 << 5;

/// First guest-physical address of the legacy window.
pub const WINDOW_START: u64 = 0xA_0000;
/// Size of the legacy window.
pub const WINDOW_BYTES: u64 = 0x2_0000;
/// Size of the bank that VBE modes show at its start.
pub const BANK_BYTES: u64 = 0x1_0000;

/// First port of the Bochs extension: index.
pub const VBE_INDEX: u16 = 0x1CE;
/// Ports from [`VBE_INDEX`] on: index, and data at two of them.
pub const VBE_PORT_COUNT: u16 = 3;
/// What [`VBE_ID`] reads as: version 5.
pub const VBE_VERSION: u16 = 0xB0C5;
/// Register: version.
pub const VBE_ID: u16 = 0;
/// Register: pixels of a line.
pub const VBE_WIDTH: u16 = 1;
/// Register: lines.
pub const VBE_HEIGHT: u16 = 2;
/// Register: bits of a pixel: 4, 8, 15, 16, 24 or 32.
pub const VBE_DEPTH: u16 = 3;
/// Register: [`VBE_ENABLED`] and its neighbours.
pub const VBE_ENABLE: u16 = 4;
/// Register: which 64 KiB the legacy window shows.
pub const VBE_BANK: u16 = 5;
/// Register: pixels from one line to the next.
pub const VBE_VIRTUAL_WIDTH: u16 = 6;
/// Register: lines that fit the memory.
pub const VBE_VIRTUAL_HEIGHT: u16 = 7;
/// Register: first pixel of a line that is shown.
pub const VBE_X_OFFSET: u16 = 8;
/// Register: first line that is shown.
pub const VBE_Y_OFFSET: u16 = 9;
/// Register: memory in units of 64 KiB.
pub const VBE_MEMORY: u16 = 10;
/// Enable bit: a mode of the extension is on.
pub const VBE_ENABLED: u16 = 1 << 0;
/// Enable bit: width, height and depth read as their limits.
pub const VBE_LIMITS: u16 = 1 << 1;
/// Enable bit: palette entries have eight bits a colour.
pub const VBE_PALETTE_8: u16 = 1 << 5;
/// Enable bit: memory is not cleared.
pub const VBE_KEEP_MEMORY: u16 = 1 << 7;

/// Offsets in the memory BAR of QEMU's standard VGA.
pub mod mmio {
    /// EDID.
    pub const EDID: u64 = 0x000;
    /// Bytes that EDID may have.
    pub const EDID_BYTES: u64 = 0x400;
    /// Ports 0x3C0 to 0x3DF.
    pub const PORTS: u64 = 0x400;
    /// The registers of the Bochs extension, two bytes each.
    pub const VBE: u64 = 0x500;
    /// QEMU's own extension: bytes of it (4 bytes).
    pub const EXTENSION: u64 = 0x600;
    /// Order of the bytes of a pixel (4 bytes).
    pub const BYTE_ORDER: u64 = 0x604;
    /// [`BYTE_ORDER`]: little endian.
    pub const LITTLE_ENDIAN: u32 = 0x1E1E_1E1E;
    /// Size of the BAR.
    pub const BYTES: u64 = 0x1000;
}
