//! Instructions that Rust has no words for.

use core::arch::asm;

/// ACPI reset by the reset register, which every machine of ours has; a triple fault behind it.
pub(crate) fn power_off() -> ! {
    // PM1a control of the micro platform: SLP_TYP 5, SLP_EN (ACPI 6.5, 4.8.3.2).
    unsafe { asm!("out dx, ax", in("dx") PM1A_CONTROL, in("ax") 0x3400u16) };
    loop {
        halt_for_ever();
    }
}

/// Port of the PM1a control register.
const PM1A_CONTROL: u16 = 0x604;

/// Stops this processor.
pub(crate) fn halt_for_ever() {
    unsafe { asm!("cli", "hlt") };
}

/// Lets interrupts in and waits for one.
pub(crate) fn wait_for_interrupt() {
    unsafe { asm!("sti", "hlt", "cli") };
}

/// Reads a port.
pub(crate) fn read_port(port: u16) -> u8 {
    let value;
    unsafe { asm!("in al, dx", in("dx") port, out("al") value) };
    value
}

/// Writes a port.
pub(crate) fn write_port(port: u16, value: u8) {
    unsafe { asm!("out dx, al", in("dx") port, in("al") value) };
}

/// Reads an MSR.
pub(crate) fn read_msr(number: u32) -> u64 {
    let (low, high): (u32, u32);
    unsafe { asm!("rdmsr", in("ecx") number, out("eax") low, out("edx") high) };
    u64::from(high) << 32 | u64::from(low)
}

/// Writes an MSR.
pub(crate) fn write_msr(number: u32, value: u64) {
    unsafe { asm!("wrmsr", in("ecx") number, in("eax") value as u32, in("edx") (value >> 32) as u32) };
}

/// CR4.OSXSAVE.
pub(crate) const OSXSAVE: u64 = 1 << 18;

/// Whether the processor has XSAVE, and so CR4.OSXSAVE.
pub(crate) fn has_xsave() -> bool {
    cpuid(1, 0)[2] & 1 << 26 != 0
}

/// CPUID.
pub(crate) fn cpuid(leaf: u32, subleaf: u32) -> [u32; 4] {
    let result = core::arch::x86_64::__cpuid_count(leaf, subleaf);
    [result.eax, result.ebx, result.ecx, result.edx]
}

/// Whether this is QEMU's own emulation, which leaves out many checks that processors make.
pub(crate) fn is_qemu() -> bool {
    cpuid(0x8000_0002, 0)[0] == u32::from_le_bytes(*b"QEMU")
}

/// The time stamp counter.
pub(crate) fn ticks() -> u64 {
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// CR0.
pub(crate) fn cr0() -> u64 {
    let value;
    unsafe { asm!("mov {}, cr0", out(reg) value) };
    value
}

/// CR2.
pub(crate) fn cr2() -> u64 {
    let value;
    unsafe { asm!("mov {}, cr2", out(reg) value) };
    value
}

/// CR3.
pub(crate) fn cr3() -> u64 {
    let value;
    unsafe { asm!("mov {}, cr3", out(reg) value) };
    value
}

/// Sets CR3.
pub(crate) fn set_cr3(value: u64) {
    unsafe { asm!("mov cr3, {}", in(reg) value) };
}

/// Sets CR0.
pub(crate) fn set_cr0(value: u64) {
    unsafe { asm!("mov cr0, {}", in(reg) value) };
}

/// CR4.
pub(crate) fn cr4() -> u64 {
    let value;
    unsafe { asm!("mov {}, cr4", out(reg) value) };
    value
}

/// Sets CR4.
pub(crate) fn set_cr4(value: u64) {
    unsafe { asm!("mov cr4, {}", in(reg) value) };
}

/// Reads a dword of device memory.
pub(crate) fn read_memory(address: u64) -> u32 {
    unsafe { (address as *const u32).read_volatile() }
}

/// Writes a dword of device memory.
pub(crate) fn write_memory(address: u64, value: u32) {
    unsafe { (address as *mut u32).write_volatile(value) };
}

/// A xorshift generator: what comes out is the same every time.
pub(crate) struct Random(u64);

impl Random {
    /// From a seed, which is not 0.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next value.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}
