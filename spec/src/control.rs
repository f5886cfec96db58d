//! Control registers, flags and debug registers (AMD APM vol. 2, chapter 3; Intel SDM vol. 3, 2.5).

/// CR0: protected mode.
pub const CR0_PE: u64 = 1 << 0;
/// CR0: monitor coprocessor.
pub const CR0_MP: u64 = 1 << 1;
/// CR0: task switched.
pub const CR0_TS: u64 = 1 << 3;
/// CR0: extension type, always 1.
pub const CR0_ET: u64 = 1 << 4;
/// CR0: no coprocessor.
pub const CR0_EM: u64 = 1 << 2;
/// CR0: FPU errors are exceptions.
pub const CR0_NE: u64 = 1 << 5;
/// CR0: supervisor writes obey read-only pages.
pub const CR0_WP: u64 = 1 << 16;
/// CR0: alignment checks.
pub const CR0_AM: u64 = 1 << 18;
/// CR0: not write-through.
pub const CR0_NW: u64 = 1 << 29;
/// CR0: cache disable.
pub const CR0_CD: u64 = 1 << 30;
/// CR0: paging.
pub const CR0_PG: u64 = 1 << 31;
/// CR0: bits that exist.
pub const CR0_VALID: u64 = 0xe005_003f;

/// CR4: debugging extensions.
pub const CR4_DE: u64 = 1 << 3;
/// CR4: 4 MiB pages.
pub const CR4_PSE: u64 = 1 << 4;
/// CR4: physical address extension.
pub const CR4_PAE: u64 = 1 << 5;
/// CR4: global pages.
pub const CR4_PGE: u64 = 1 << 7;
/// CR4: 57-bit linear addresses.
pub const CR4_LA57: u64 = 1 << 12;
/// CR4: VMX is on.
pub const CR4_VMXE: u64 = 1 << 13;
/// CR4: process-context identifiers.
pub const CR4_PCIDE: u64 = 1 << 17;
/// CR4: XSAVE enabled.
pub const CR4_OSXSAVE: u64 = 1 << 18;
/// CR4: protection keys.
pub const CR4_PKE: u64 = 1 << 22;
/// CR4: control-flow enforcement.
pub const CR4_CET: u64 = 1 << 23;

/// RFLAGS: always 1.
pub const RFLAGS_FIXED: u64 = 1 << 1;
/// RFLAGS: trap after each instruction.
pub const RFLAGS_TF: u64 = 1 << 8;
/// RFLAGS: interrupts enabled.
pub const RFLAGS_IF: u64 = 1 << 9;
/// RFLAGS: resume.
pub const RFLAGS_RF: u64 = 1 << 16;
/// RFLAGS: virtual-8086 mode.
pub const RFLAGS_VM: u64 = 1 << 17;
/// RFLAGS: bits that exist.
pub const RFLAGS_VALID: u64 = 0x3f_7fd7;

/// DR6: bits that always read 1.
pub const DR6_FIXED: u64 = 0xffff_0ff0;
/// DR6: a debug register was accessed although DR7.GD was set.
pub const DR6_BD: u64 = 1 << 13;
/// DR6: single step.
pub const DR6_BS: u64 = 1 << 14;
/// DR6: bits that can be written.
pub const DR6_WRITABLE: u64 = 0xe00f;
/// DR7: bits that always read 1.
pub const DR7_FIXED: u64 = 0x400;
/// DR7: accesses to debug registers raise #DB.
pub const DR7_GD: u64 = 1 << 13;
/// DR7: bits that can be written.
pub const DR7_WRITABLE: u64 = 0xffff_23ff;
/// DR7: bits that enable a breakpoint.
pub const DR7_ENABLES: u64 = 0xff;

/// XCR0: x87, always 1.
pub const XCR0_X87: u64 = 1 << 0;
/// XCR0: SSE.
pub const XCR0_SSE: u64 = 1 << 1;
/// XCR0: AVX.
pub const XCR0_AVX: u64 = 1 << 2;
/// XCR0: both MPX components.
pub const XCR0_MPX: u64 = 3 << 3;
/// XCR0: all AVX-512 components.
pub const XCR0_AVX512: u64 = 7 << 5;
/// XCR0: both AMX components.
pub const XCR0_AMX: u64 = 3 << 17;
