//! Claims about instructions on device memory, held against the same instructions on RAM.

use crate::pci;
use crate::processor::{Random, cr0, cr4, read_memory, set_cr0, set_cr4, write_memory};
use crate::{Verdict, expect, require, skip};
use core::arch::asm;

/// A virtio device that every machine of these tests has: the console.
const CONSOLE: u32 = 3;
/// Rounds with other numbers.
const ROUNDS: u32 = 40;
const CR0_EM: u64 = 1 << 2;
const CR4_OSFXSR: u64 = 1 << 9;
/// Flags that arithmetic makes; and without AF, which logic and shifts leave undefined.
const ARITHMETIC: u64 = 0x8d5;
const WITHOUT_AUXILIARY: u64 = 0x8c5;
/// Flags of bit tests, and of scans.
const CARRY: u64 = 1;
const ZERO: u64 = 0x40;

/// What an instruction leaves.
#[derive(Clone, Copy)]
struct After {
    memory: u32,
    value: u64,
    accumulator: u64,
    flags: u64,
}

/// An instruction on a dword: its operand is at `place`, the other in RSI or RAX.
type Run = unsafe fn(place: u64, value: u64, accumulator: u64) -> After;

macro_rules! instruction {
    ($code:literal) => {{
        unsafe fn run(place: u64, value: u64, accumulator: u64) -> After {
            let (mut value, mut accumulator) = (value, accumulator);
            let flags: u64;
            unsafe {
                asm!(
                    "pushfq",
                    "push 3",
                    "popfq",
                    $code,
                    "pushfq",
                    "pop {flags}",
                    "popfq",
                    flags = lateout(reg) flags,
                    in("rdi") place,
                    inout("rsi") value,
                    inout("rax") accumulator,
                    inout("rcx") 5u64 => _,
                    inout("rdx") 0u64 => _,
                );
            }
            After { memory: read_memory(place), value, accumulator, flags }
        }
        ($code, run as Run)
    }};
}

// The stack holds the old flags meanwhile: the codes do not touch it.
const COMPUTING: [(&str, Run); 13] = [
    instruction!("add [rdi], esi"),
    instruction!("lock adc [rdi], esi"),
    instruction!("sbb [rdi], esi"),
    instruction!("sub dword ptr [rdi], 0x1234567"),
    instruction!("cmp [rdi], esi"),
    instruction!("cmp esi, [rdi]"),
    instruction!("neg dword ptr [rdi]"),
    instruction!("lock inc dword ptr [rdi]"),
    instruction!("dec dword ptr [rdi]"),
    instruction!("lock xadd [rdi], esi"),
    instruction!("lock cmpxchg [rdi], esi"),
    instruction!("xchg [rdi], esi"),
    instruction!("scasd; lea rdi, [rdi - 4]"),
];
const LOGICAL: [(&str, Run); 6] = [
    instruction!("or [rdi], esi"),
    instruction!("and esi, [rdi]"),
    instruction!("xor dword ptr [rdi], 0x55"),
    instruction!("test [rdi], esi"),
    instruction!("shl dword ptr [rdi], 1"),
    instruction!("sar dword ptr [rdi], 1"),
];
const BITS: [(&str, Run); 4] = [
    instruction!("bt [rdi], eax"),
    instruction!("lock bts dword ptr [rdi], 7"),
    instruction!("btr dword ptr [rdi], 31"),
    instruction!("lock btc dword ptr [rdi], 0"),
];
const SCANS: [(&str, Run); 2] = [instruction!("bsf esi, [rdi]"), instruction!("bsr esi, [rdi]")];
const MOVES: [(&str, Run); 7] = [
    instruction!("stosd; lea rdi, [rdi - 4]"),
    instruction!("push rsi; push qword ptr [rdi]; pop rsi; pop rsi"),
    instruction!("movsxd rsi, dword ptr [rdi]"),
    instruction!("movzx esi, word ptr [rdi]"),
    instruction!("movsx rsi, byte ptr [rdi]"),
    instruction!("movnti [rdi], esi"),
    instruction!("cmovb esi, [rdi]"),
];

/// A table of vectors, whose second and third dwords keep what is written to them.
fn table() -> Option<u64> {
    let function = pci::virtio(CONSOLE)?;
    function.enable();
    let capability = function.msix()?;
    Some(function.window()? + u64::from(read_memory(capability + 4) & !7))
}

pub(super) fn device_memory_computes_as_ram_does() -> Verdict {
    let Some(table) = table() else { return skip("there is no virtio console") };
    let mut random = Random::new(0x2545_f491_4f6c_dd1d);
    for _ in 0..ROUNDS {
        compare(&COMPUTING, ARITHMETIC, table + 8, &mut random)?;
        compare(&LOGICAL, WITHOUT_AUXILIARY, table + 4, &mut random)?;
        compare(&BITS, CARRY, table + 8, &mut random)?;
        compare(&SCANS, ZERO, table + 4, &mut random)?;
        compare(&MOVES, 0, table + 8, &mut random)?;
    }
    Ok(())
}

fn compare(instructions: &[(&'static str, Run)], flags: u64, device: u64, random: &mut Random) -> Verdict {
    for (code, run) in instructions {
        let start = random.next() as u32;
        // Comparisons are equal now and then, and bit numbers stay inside.
        let accumulator = if random.next() & 1 == 0 { u64::from(start) } else { random.next() };
        let accumulator = if code.starts_with("bt ") { accumulator & 31 } else { accumulator };
        let value = random.next();
        let mut word = start;
        let native = unsafe { run(&raw mut word as u64, value, accumulator) };
        write_memory(device, start);
        let emulated = unsafe { run(device, value, accumulator) };
        expect(code, u64::from(emulated.memory), u64::from(native.memory))?;
        expect(code, emulated.value, native.value)?;
        expect(code, emulated.accumulator, native.accumulator)?;
        expect(code, emulated.flags & flags, native.flags & flags)?;
    }
    Ok(())
}

/// Sixteen bytes at an aligned place.
#[repr(C, align(16))]
struct Vector([u32; 4]);

pub(super) fn vectors_move_to_and_from_device_memory() -> Verdict {
    let Some(table) = table() else { return skip("there is no virtio console") };
    let old = (cr0(), cr4());
    set_cr0(old.0 & !CR0_EM);
    set_cr4(old.1 | CR4_OSFXSR);
    let outcome = move_vectors(table);
    set_cr4(old.1);
    set_cr0(old.0);
    outcome
}

fn move_vectors(table: u64) -> Verdict {
    // The lowest bits of the address stay zero, and the last dword masks the vector.
    let source = Vector([0x1111_1110, 0x2222_2222, 0x3333_3333, 1]);
    let mut target = Vector([0; 4]);
    let (from, to) = (&raw const source as u64, &raw mut target as u64);
    unsafe { asm!("movaps xmm3, [{0}]; movups [{1}], xmm3", in(reg) from, in(reg) table) };
    for (offset, word) in (0..).zip(source.0) {
        expect("MOVUPS stores", read_memory(table + 4 * offset).into(), word.into())?;
    }
    unsafe { asm!("xorps xmm3, xmm3; movdqa xmm3, [{0}]; movdqu [{1}], xmm3", in(reg) table, in(reg) to) };
    require("MOVDQA loads", unsafe { (to as *const [u32; 4]).read_volatile() } == source.0)?;
    unsafe { asm!("movq xmm2, [{0} + 8]; movdqu [{1}], xmm2", in(reg) table, in(reg) to) };
    let loaded = unsafe { (to as *const [u32; 4]).read_volatile() };
    require("MOVQ loads and clears", loaded == [0x3333_3333, 1, 0, 0])?;
    unsafe { asm!("movhps xmm2, [{0}]; movdqu [{1}], xmm2", in(reg) table, in(reg) to) };
    let loaded = unsafe { (to as *const [u32; 4]).read_volatile() };
    require("MOVHPS loads beside", loaded == [0x3333_3333, 1, 0x1111_1110, 0x2222_2222])?;
    unsafe { asm!("movd [{0} + 8], xmm2", in(reg) table) };
    expect("MOVD stores", read_memory(table + 8).into(), 0x3333_3333)
}
