//! Model-specific registers.

use core::arch::{asm, global_asm};

pub use spec::apic::X2APIC_FIRST_MSR as X2APIC;
pub use spec::msr::{
    APIC_BASE, CSTAR, EFER, EFER_NXE, EFER_SCE, FS_BASE, GS_BASE, KERNEL_GS_BASE, LSTAR, PAT, SFMASK, STAR,
    SYSENTER_CS, TSC_DEADLINE,
};

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
