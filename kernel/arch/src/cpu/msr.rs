//! Model-specific registers.

use core::arch::{asm, global_asm};

/// Local APIC base and mode (Intel SDM vol. 3, 11.4.4).
pub const APIC_BASE: u32 = 0x1b;
/// Code segment of SYSENTER.
pub const SYSENTER_CS: u32 = 0x174;
/// Page attribute table.
pub const PAT: u32 = 0x277;
/// TSC value at which the APIC timer fires.
pub const TSC_DEADLINE: u32 = 0x6e0;
/// The first x2APIC register.
pub const X2APIC: u32 = 0x800;
/// Extended features.
pub const EFER: u32 = 0xc000_0080;
/// Selectors of SYSCALL and SYSRET.
pub const STAR: u32 = 0xc000_0081;
/// Where SYSCALL goes.
pub const LSTAR: u32 = 0xc000_0082;
/// Where SYSCALL from 32-bit code goes.
pub const CSTAR: u32 = 0xc000_0083;
/// Flags that SYSCALL clears.
pub const SFMASK: u32 = 0xc000_0084;
/// Base of FS.
pub const FS_BASE: u32 = 0xc000_0100;
/// Base of GS.
pub const GS_BASE: u32 = 0xc000_0101;
/// What SWAPGS exchanges the base of GS with.
pub const KERNEL_GS_BASE: u32 = 0xc000_0102;

/// EFER: SYSCALL and SYSRET work.
pub const EFER_SCE: u64 = 1 << 0;
/// EFER: no-execute pages work.
pub const EFER_NXE: u64 = 1 << 11;

/// Reads an MSR that exists.
///
/// # Safety
/// The processor has this MSR; otherwise the machine stops with a general protection fault.
pub unsafe fn read(number: u32) -> u64 {
    let (low, high): (u32, u32);
    // SAFETY: the caller knows that the MSR exists; reading changes nothing but the two registers.
    unsafe {
        asm!("rdmsr", in("ecx") number, out("eax") low, out("edx") high, options(nomem, nostack, preserves_flags));
    }
    u64::from(high) << 32 | u64::from(low)
}

/// Writes an MSR.
///
/// # Safety
/// The MSR exists, takes the value, and what the value does keeps the kernel's invariants.
pub unsafe fn write(number: u32, value: u64) {
    // SAFETY: the caller answers for the effect.
    unsafe {
        asm!("wrmsr", in("ecx") number, in("eax") value as u32, in("edx") (value >> 32) as u32,
            options(nostack, preserves_flags));
    }
}

/// Reads an MSR that may be missing.
pub fn try_read(number: u32) -> Option<u64> {
    // SAFETY: a fault at the label inside is turned into `refused` by `trap::kernel`; see `fixup`.
    let answer = unsafe { corten_try_read_msr(number) };
    (answer.refused == 0).then_some(answer.value)
}

/// Writes an MSR that may be missing or refuse the value; says whether it was written.
///
/// # Safety
/// If the processor takes the value, its effect keeps the kernel's invariants.
pub unsafe fn try_write(number: u32, value: u64) -> bool {
    // SAFETY: as in `try_read`; the caller answers for the effect.
    unsafe { corten_try_write_msr(number, value) == 0 }
}

/// Where to go on when the instruction at `rip` raised a general protection fault; `None` if that is no place where
/// a fault is expected.
pub(crate) fn fixup(rip: u64) -> Option<u64> {
    let places = [
        (&raw const corten_try_read_msr_at, &raw const corten_try_read_msr_refused),
        (&raw const corten_try_write_msr_at, &raw const corten_try_write_msr_refused),
    ];
    places.iter().find(|(at, _)| *at as u64 == rip).map(|(_, to)| *to as u64)
}

#[repr(C)]
struct Answer {
    value: u64,
    refused: u64,
}

unsafe extern "sysv64" {
    fn corten_try_read_msr(number: u32) -> Answer;
    fn corten_try_write_msr(number: u32, value: u64) -> u64;
    static corten_try_read_msr_at: u8;
    static corten_try_read_msr_refused: u8;
    static corten_try_write_msr_at: u8;
    static corten_try_write_msr_refused: u8;
}

global_asm!(
    r#"
.text
corten_try_read_msr:
    mov ecx, edi
.global corten_try_read_msr_at
corten_try_read_msr_at:
    rdmsr
    shl rdx, 32
    or rax, rdx
    xor edx, edx
    ret
.global corten_try_read_msr_refused
corten_try_read_msr_refused:
    mov edx, 1
    ret
corten_try_write_msr:
    mov ecx, edi
    mov eax, esi
    mov rdx, rsi
    shr rdx, 32
.global corten_try_write_msr_at
corten_try_write_msr_at:
    wrmsr
    xor eax, eax
    ret
.global corten_try_write_msr_refused
corten_try_write_msr_refused:
    mov eax, 1
    ret
"#
);
