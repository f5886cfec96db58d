//! The local APIC: Intel SDM vol. 3, chapter 11; AMD APM vol. 2, chapter 16.

/// Offset of a register in the xAPIC page; the x2APIC MSR is [`X2APIC_FIRST_MSR`] + offset / 16.
pub mod register {
    /// Identification.
    pub const ID: u32 = 0x20;
    /// Version and number of LVT entries.
    pub const VERSION: u32 = 0x30;
    /// Task priority.
    pub const TPR: u32 = 0x80;
    /// Arbitration priority.
    pub const APR: u32 = 0x90;
    /// Processor priority.
    pub const PPR: u32 = 0xa0;
    /// End of interrupt.
    pub const EOI: u32 = 0xb0;
    /// Logical destination.
    pub const LDR: u32 = 0xd0;
    /// Destination format.
    pub const DFR: u32 = 0xe0;
    /// Spurious vector and software enable.
    pub const SVR: u32 = 0xf0;
    /// First of eight in-service words.
    pub const ISR: u32 = 0x100;
    /// First of eight trigger-mode words.
    pub const TMR: u32 = 0x180;
    /// First of eight request words.
    pub const IRR: u32 = 0x200;
    /// Error status.
    pub const ESR: u32 = 0x280;
    /// Interrupt command, low half (x2APIC: all of it).
    pub const ICR_LOW: u32 = 0x300;
    /// Interrupt command, high half.
    pub const ICR_HIGH: u32 = 0x310;
    /// First of six local vector table entries: timer, thermal, performance, LINT0, LINT1, error.
    pub const LVT_TIMER: u32 = 0x320;
    /// Last of them.
    pub const LVT_ERROR: u32 = 0x370;
    /// Timer's initial count.
    pub const INITIAL_COUNT: u32 = 0x380;
    /// Timer's current count.
    pub const CURRENT_COUNT: u32 = 0x390;
    /// Timer's divider.
    pub const DIVIDE: u32 = 0x3e0;
    /// Self-IPI (x2APIC only).
    pub const SELF_IPI: u32 = 0x3f0;
}

/// The MSR of register 0 in x2APIC mode.
pub const X2APIC_FIRST_MSR: u32 = 0x800;
/// The last MSR of the x2APIC range.
pub const X2APIC_LAST_MSR: u32 = 0x8ff;
/// The APIC's id in x2APIC mode.
pub const X2APIC_ID_MSR: u32 = 0x802;
/// End of interrupt in x2APIC mode.
pub const X2APIC_EOI_MSR: u32 = 0x80b;

/// The command register in x2APIC mode.
pub const X2APIC_COMMAND_MSR: u32 = 0x830;

/// IA32_APIC_BASE: this is the bootstrap processor.
pub const BASE_BSP: u64 = 1 << 8;
/// IA32_APIC_BASE: x2APIC mode.
pub const BASE_X2APIC: u64 = 1 << 10;
/// IA32_APIC_BASE: enabled.
pub const BASE_ENABLE: u64 = 1 << 11;
/// Where the page is after RESET.
pub const BASE_DEFAULT: u64 = 0xfee0_0000;

/// Spurious vector register: software enable.
pub const SVR_ENABLE: u32 = 1 << 8;
/// Local vector table: masked.
pub const LVT_MASKED: u32 = 1 << 16;
/// Timer mode field of the timer's entry.
pub const LVT_TIMER_MODE: u32 = 3 << 17;
/// Error status: an IPI with a vector below 16 was sent.
pub const ESR_SEND_ILLEGAL: u32 = 1 << 5;
/// Error status: an interrupt with a vector below 16 arrived.
pub const ESR_RECEIVE_ILLEGAL: u32 = 1 << 6;
