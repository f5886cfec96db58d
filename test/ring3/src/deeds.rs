//! What ring 3 may not do, one piece of machine code each.

use crate::child::{End, NET, Nursery, WHILE};
use alloc::{format, string::String};
use core::arch::global_asm;

/// What must become of the child.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Outcome {
    /// An exception with this vector ends it.
    Fault(u32),
    /// An exception ends it; which one depends on the processor.
    AnyFault,
    /// It does not come through: QEMU's IRET and RETF in ring 3 fault on their own stack for ever when SMAP is on.
    Never,
    /// It may go on or not: nobody else notices.
    Any,
}
use Outcome::{Any, AnyFault, Fault, Never};

/// Exit code of a child that came to the end of its code.
const CAME_THROUGH: i64 = 55;

macro_rules! deeds {
    ($($name:literal, $outcome:expr, $code:literal;)*) => {
        const DEEDS: &[(&str, Outcome)] = &[$(($name, $outcome)),*];
        global_asm!(
            ".section .rodata.deeds, \"a\"",
            ".balign 8",
            ".globl deeds_table",
            "deeds_table:",
            $(concat!(
                ".pushsection .rodata.deeds_code, \"a\"\n81:\n",
                $code,
                "\nmov eax, 15\nmov edi, 55\nsyscall\nud2\n82:\n.popsection\n.quad 81b, 82b",
            ),)*
            ".text",
        );
    };
}

const PROTECTION: u32 = 13;
const PAGE: u32 = 14;
const UNDEFINED: u32 = 6;

// tidy: table
deeds! {
    "HLT", Fault(PROTECTION), "hlt";
    "CLI", Fault(PROTECTION), "cli";
    "STI", Fault(PROTECTION), "sti";
    "IN", Fault(PROTECTION), "in al, 0x60";
    "IN from the serial line", Fault(PROTECTION), "mov dx, 0x3f8; in al, dx";
    "OUT", Fault(PROTECTION), "out 0x80, al";
    "OUT of a dword", Fault(PROTECTION), "mov dx, 0xcf8; out dx, eax";
    "OUT to the reset port", Fault(PROTECTION), "mov dx, 0xcf9; mov al, 6; out dx, al";
    "OUTS", Fault(PROTECTION), "mov dx, 0x3f8; mov rsi, rsp; mov ecx, 4; rep outsb";
    "INS", Fault(PROTECTION), "mov dx, 0x60; mov rdi, rsp; sub rdi, 16; insb";
    "IN with IOPL from POPF", Fault(PROTECTION), "pushfq; or dword ptr [rsp], 0x3200; popfq; in al, 0x60";
    "RDMSR", Fault(PROTECTION), "mov ecx, 0xc0000080; rdmsr";
    "WRMSR", Fault(PROTECTION), "mov ecx, 0xc0000082; xor eax, eax; xor edx, edx; wrmsr";
    "MOV from CR0", Fault(PROTECTION), "mov rax, cr0";
    "MOV to CR0", Fault(PROTECTION), "xor eax, eax; mov cr0, rax";
    "MOV to CR3", Fault(PROTECTION), "xor eax, eax; mov cr3, rax";
    "MOV to CR4", Fault(PROTECTION), "xor eax, eax; mov cr4, rax";
    "MOV to CR8", Fault(PROTECTION), "mov eax, 15; mov cr8, rax";
    "MOV to DR7", Fault(PROTECTION), "mov eax, 0x401; mov dr7, rax";
    "MOV from DR0", Fault(PROTECTION), "mov rax, dr0";
    "CLTS", Fault(PROTECTION), "clts";
    "LMSW", Fault(PROTECTION), "mov eax, 1; lmsw ax";
    "LGDT", Fault(PROTECTION), "sub rsp, 16; lgdt [rsp]";
    "LIDT", Fault(PROTECTION), "sub rsp, 16; lidt [rsp]";
    "LLDT", Fault(PROTECTION), "xor eax, eax; lldt ax";
    "LTR", Fault(PROTECTION), "mov eax, 0x28; ltr ax";
    "SGDT", Any, "sub rsp, 16; sgdt [rsp]";
    "SMSW", Any, "smsw eax";
    "INVLPG", Fault(PROTECTION), "invlpg [rsp]";
    "INVD", Fault(PROTECTION), "invd";
    "WBINVD", Fault(PROTECTION), "wbinvd";
    "SWAPGS", Fault(PROTECTION), "swapgs";
    "SYSRET", AnyFault, "mov rcx, rsp; sysretq";
    "SYSEXIT", AnyFault, "mov rcx, rsp; sysexit";
    "SYSENTER", AnyFault, "sysenter";
    "RSM", Fault(UNDEFINED), "rsm";
    "XSETBV", AnyFault, "xor ecx, ecx; mov eax, 7; xor edx, edx; xsetbv";
    "RDPMC", AnyFault, "xor ecx, ecx; rdpmc";
    "MONITOR", AnyFault, "mov rax, rsp; xor ecx, ecx; xor edx, edx; .byte 0x0f, 0x01, 0xc8";
    "MWAIT", AnyFault, "xor eax, eax; xor ecx, ecx; .byte 0x0f, 0x01, 0xc9";
    "VMRUN", AnyFault, "xor eax, eax; .byte 0x0f, 0x01, 0xd8";
    "VMMCALL", AnyFault, ".byte 0x0f, 0x01, 0xd9";
    "VMLOAD", AnyFault, "xor eax, eax; .byte 0x0f, 0x01, 0xda";
    "STGI", AnyFault, ".byte 0x0f, 0x01, 0xdc";
    "CLGI", AnyFault, ".byte 0x0f, 0x01, 0xdd";
    "SKINIT", AnyFault, "xor eax, eax; .byte 0x0f, 0x01, 0xde";
    "INVLPGA", AnyFault, "xor eax, eax; xor ecx, ecx; .byte 0x0f, 0x01, 0xdf";
    "VMCALL", AnyFault, "vmcall";
    "VMXON", AnyFault, "vmxon [rsp - 8]";
    "VMXOFF", AnyFault, "vmxoff";
    "VMPTRLD", AnyFault, "vmptrld [rsp - 8]";
    "VMREAD", AnyFault, "vmread rax, rcx";
    "VMLAUNCH", AnyFault, "vmlaunch";
    "INVEPT", AnyFault, "xor eax, eax; invept rax, [rsp - 16]";
    "INVPCID", AnyFault, "mov eax, 2; invpcid rax, [rsp - 16]";
    "GETSEC", AnyFault, ".byte 0x0f, 0x37";
    "ENCLS", AnyFault, ".byte 0x0f, 0x01, 0xcf";
    "INT 0", AnyFault, "int 0";
    "INT 2", AnyFault, "int 2";
    "INT 3", Any, "int3";
    "INT 8", AnyFault, "int 8";
    "INT 14", AnyFault, "int 14";
    "INT 18", AnyFault, "int 18";
    "INT 32", AnyFault, "int 32";
    "INT 0x80", AnyFault, "int 0x80";
    "INT 255", AnyFault, "int 255";
    "INT1", Any, ".byte 0xf1";
    "UD2", Fault(UNDEFINED), "ud2";
    "division by zero", Fault(0), "xor ecx, ecx; xor edx, edx; div ecx";
    "a read of ring 0's half", Fault(PAGE), "mov rax, 0xffff800000000000; mov rax, [rax]";
    "a read of ring 0's last GiB", Fault(PAGE), "mov rax, 0xffffffff80000000; mov rax, [rax]";
    "a write of ring 0's code", Fault(PAGE), "mov rax, 0xffffffff80100000; mov [rax], rax";
    "a jump to ring 0", Fault(PAGE), "mov rax, 0xffffffff80100000; jmp rax";
    "a non-canonical read", Fault(PROTECTION), "mov rax, 0x1234567890abcdef; mov rax, [rax]";
    "a non-canonical jump", AnyFault, "mov rax, 0x0000800000000000; jmp rax";
    "a read of nothing", Fault(PAGE), "xor eax, eax; mov rax, [rax]";
    "a write of its own code", Fault(PAGE), "mov rax, 0x400000; mov [rax], rax";
    "running its own data", Fault(PAGE), "mov rax, 0x500000; jmp rax";
    "an endless stack", Fault(PAGE), "71: push rax; jmp 71b";
    "a bad stack at a fault", Fault(UNDEFINED), "mov rsp, 0xffff800000000000; ud2";
    "a bad stack at a call", Any, "mov rsp, 0x1234567890abcdef; mov eax, 5; syscall; mov rsp, 0x51ff00";
    "ring 0's code segment by IRET", Never, "push 0x10; push rsp; push 2; push 8; push 0x400000; iretq";
    "ring 0's code segment by RETF", Never, "push 8; push 0x400000; retfq";
    "ring 0's data segment", AnyFault, "mov eax, 0x10; mov ss, ax";
    "a segment beyond the table", Fault(PROTECTION), "mov eax, 0xfff8; mov ds, ax";
    "the null segment in all registers", Any, "xor eax, eax; mov ds, ax; mov es, ax; mov fs, ax; mov gs, ax; mov eax, 5; syscall";
    "a far call through a gate", AnyFault, "sub rsp, 16; mov dword ptr [rsp], 0; mov word ptr [rsp + 4], 0x28; call fword ptr [rsp]";
    "WRFSBASE of ring 0's half", Any, "mov rax, 0xffff800000000000; .byte 0xf3, 0x48, 0x0f, 0xae, 0xd0; mov eax, 5; syscall";
    "WRGSBASE of ring 0's half", Any, "mov rax, 0xffff800000000000; .byte 0xf3, 0x48, 0x0f, 0xae, 0xd8; mov eax, 5; syscall";
    "TF across a call", AnyFault, "pushfq; or dword ptr [rsp], 0x100; popfq; mov eax, 5; syscall; nop; nop";
    "NT and AC and DF across calls", Any, "pushfq; or dword ptr [rsp], 0x44400; popfq; mov eax, 5; syscall; mov eax, 23; syscall; pushfq; and dword ptr [rsp], 0xfffbbbff; popfq";
    "XRSTOR of garbage", Any, "sub rsp, 1024; and rsp, -64; mov rdi, rsp; mov ecx, 128; mov rax, -1; rep stosq; mov eax, -1; mov edx, -1; xrstor [rsp]";
    "LDMXCSR of garbage", Any, "mov dword ptr [rsp - 8], 0xffffffff; ldmxcsr [rsp - 8]";
    "a pending x87 exception", Any, "fninit; mov word ptr [rsp - 8], 0x340; fldcw [rsp - 8]; fldz; fldz; fdivp; mov eax, 5; syscall; fwait";
    "a locked load", Any, ".byte 0xf0; mov rax, [rsp]";
    "an endless loop", Any, "71: jmp 71b";
    "a call at the end of memory", Any, "mov eax, 11; xor edi, edi; mov esi, 1; xor edx, edx; mov r10d, 4096; mov r8, 0x7ffffffff000; mov r9d, 13; syscall";
}

unsafe extern "C" {
    #[link_name = "deeds_table"]
    static TABLE: [[*const u8; 2]; DEEDS.len()];
}

/// Has each deed done and looks at the end of it.
pub(crate) fn all_end_well(nursery: &Nursery) -> Result<(), String> {
    for ((name, outcome), [start, end]) in DEEDS.iter().zip(unsafe { &TABLE }) {
        let code = unsafe { core::slice::from_raw_parts(*start, *end as usize - *start as usize) };
        let child = nursery.start("deed", code, &[], |_| Ok(()))?;
        let limit = if matches!(outcome, Any | Never) { WHILE } else { NET };
        let end = nursery.wait(&child, limit)?;
        let is_right = match outcome {
            Fault(vector) => matches!(end, End::Faulted(found, _) if found == *vector),
            AnyFault => matches!(end, End::Faulted(..)),
            Never => matches!(end, End::Faulted(..) | End::Killed),
            Any => matches!(end, End::Faulted(..) | End::Killed | End::Exited(CAME_THROUGH)),
        };
        if !is_right {
            return Err(format!("{name}: {outcome:?} was to come, {end:?} came"));
        }
    }
    user_rt::log!("RING3 {} deeds ended as they should", DEEDS.len());
    Ok(())
}
