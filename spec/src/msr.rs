//! Model-specific registers: numbers and the bits that matter here (AMD APM vol. 2, appendix A; Intel SDM vol. 4).

/// Time stamp counter.
pub const TSC: u32 = 0x10;
/// Local APIC base.
pub const APIC_BASE: u32 = 0x1b;
/// What the firmware allows: VMX among others (Intel).
pub const FEATURE_CONTROL: u32 = 0x3a;
/// What was added to the TSC by writing it.
pub const TSC_ADJUST: u32 = 0x3b;
/// Speculation control.
pub const SPEC_CTRL: u32 = 0x48;
/// Prediction commands.
pub const PRED_CMD: u32 = 0x49;
/// Microcode revision.
pub const PATCH_LEVEL: u32 = 0x8b;
/// What the processor does not suffer from (Intel).
pub const ARCH_CAPABILITIES: u32 = 0x10a;
/// Commands that flush caches (Intel).
pub const FLUSH_CMD: u32 = 0x10b;
/// FLUSH_CMD: write back and forget the first-level data cache.
pub const FLUSH_CMD_CACHE: u64 = 1 << 0;

/// Bits of [`ARCH_CAPABILITIES`].
pub mod arch {
    /// RDCL_NO: neither Meltdown nor L1 terminal faults.
    pub const NO_MELTDOWN: u64 = 1 << 0;
    /// SKIP_L1DFL_VMENTRY: no need to flush the cache before a guest runs.
    pub const NO_FLUSH_NEEDED: u64 = 1 << 3;
    /// MDS_NO: nothing can be sampled from buffers.
    pub const NO_SAMPLING: u64 = 1 << 5;
    /// RFDS_NO: nothing can be sampled from the register file.
    pub const NO_REGISTER_SAMPLING: u64 = 1 << 27;
    /// RFDS_CLEAR: VERW clears the register file.
    pub const REGISTER_CLEAR: u64 = 1 << 28;
}

/// Capabilities of the MTRRs.
pub const MTRR_CAP: u32 = 0xfe;
/// SYSENTER: code segment.
pub const SYSENTER_CS: u32 = 0x174;
/// SYSENTER: stack pointer.
pub const SYSENTER_ESP: u32 = 0x175;
/// SYSENTER: instruction pointer.
pub const SYSENTER_EIP: u32 = 0x176;
/// Machine check capabilities.
pub const MCG_CAP: u32 = 0x179;
/// Machine check status.
pub const MCG_STATUS: u32 = 0x17a;
/// Machine check control.
pub const MCG_CTL: u32 = 0x17b;
/// Miscellaneous enables (Intel).
pub const MISC_ENABLE: u32 = 0x1a0;
/// Debug control.
pub const DEBUG_CTL: u32 = 0x1d9;
/// First of the variable MTRRs: base and mask by turns.
pub const MTRR_VARIABLE: u32 = 0x200;
/// Fixed MTRR: 64 KiB ranges.
pub const MTRR_FIXED_64K: u32 = 0x250;
/// First of two fixed MTRRs: 16 KiB ranges.
pub const MTRR_FIXED_16K: u32 = 0x258;
/// First of eight fixed MTRRs: 4 KiB ranges.
pub const MTRR_FIXED_4K: u32 = 0x268;
/// Page attribute table.
pub const PAT: u32 = 0x277;
/// Default memory type.
pub const MTRR_DEFAULT: u32 = 0x2ff;
/// TSC deadline of the local APIC's timer.
pub const TSC_DEADLINE: u32 = 0x6e0;
/// State components of supervisors.
pub const XSS: u32 = 0xda0;
/// Extended features.
pub const EFER: u32 = 0xc000_0080;
/// SYSCALL: segments.
pub const STAR: u32 = 0xc000_0081;
/// SYSCALL: 64-bit entry point.
pub const LSTAR: u32 = 0xc000_0082;
/// SYSCALL: compatibility-mode entry point.
pub const CSTAR: u32 = 0xc000_0083;
/// SYSCALL: flags to clear.
pub const SFMASK: u32 = 0xc000_0084;
/// Base of FS.
pub const FS_BASE: u32 = 0xc000_0100;
/// Base of GS.
pub const GS_BASE: u32 = 0xc000_0101;
/// What SWAPGS exchanges with GS.
pub const KERNEL_GS_BASE: u32 = 0xc000_0102;
/// What RDTSCP returns in ECX.
pub const TSC_AUX: u32 = 0xc000_0103;
/// System configuration (AMD).
pub const SYSCFG: u32 = 0xc001_0010;
/// Hardware configuration (AMD).
pub const HWCR: u32 = 0xc001_0015;
/// SVM control.
pub const VM_CR: u32 = 0xc001_0114;
/// SVM: where the host's state goes.
pub const VM_HSAVE_PA: u32 = 0xc001_0117;
/// Decode configuration (AMD).
pub const DE_CFG: u32 = 0xc001_1029;

/// PAT after RESET.
pub const PAT_RESET: u64 = 0x0007_0406_0007_0406;

/// EFER: SYSCALL enable.
pub const EFER_SCE: u64 = 1 << 0;
/// EFER: long mode enable.
pub const EFER_LME: u64 = 1 << 8;
/// EFER: long mode active.
pub const EFER_LMA: u64 = 1 << 10;
/// EFER: no-execute enable.
pub const EFER_NXE: u64 = 1 << 11;
/// EFER: secure virtual machine enable.
pub const EFER_SVME: u64 = 1 << 12;
/// EFER: long mode segment limits.
pub const EFER_LMSLE: u64 = 1 << 13;
/// EFER: fast FXSAVE.
pub const EFER_FFXSR: u64 = 1 << 14;
/// EFER: translation cache extension.
pub const EFER_TCE: u64 = 1 << 15;

/// VM_CR: SVM is disabled.
pub const VM_CR_SVMDIS: u64 = 1 << 4;
