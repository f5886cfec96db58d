//! System calls at random.

use crate::child::{CODE, Child, DATA, DATA_BYTES, End, Nursery, WHILE, give};
use crate::random::Random;
use alloc::{format, string::String, vec::Vec};
use core::arch::global_asm;
use user_rt::{Channel, Event, Guest, Memory, MemoryFlags, Object, Port, Process, Timer};

/// Children, and calls of each.
const CHILDREN: u64 = 50;
const CALLS: usize = 1500;
/// Bytes of a call's record: number, six arguments, answer.
const RECORD_BYTES: usize = 64;
/// Bytes before the first record.
const HEAD_BYTES: usize = 64;
/// Exit code of a child that made all its calls.
const ALL_MADE: i64 = 77;
/// The kernel's call numbers end here.
const NUMBERS: u64 = 128;
/// Calls that would end a child, fill the log, or wait: rarely made, or not for long.
const EXITS: [u64; 2] = [15, 21];
const LOG_WRITE: u64 = 100;
const WAITS: [(u64, usize); 2] = [(24, 2), (52, 3)];

global_asm!(
    r#"
    .section .rodata.calls, "a"
    .globl calls_code, calls_code_end
    // RDI = number of calls, then the records at +64.
calls_code:
    mov rbx, rdi
    mov r12, [rbx]
    lea r13, [rbx + 64]
2:  test r12, r12
    jz 3f
    mov rax, [r13]
    mov rdi, [r13 + 8]
    mov rsi, [r13 + 16]
    mov rdx, [r13 + 24]
    mov r10, [r13 + 32]
    mov r8, [r13 + 40]
    mov r9, [r13 + 48]
    syscall
    mov [r13 + 56], rax
    inc qword ptr [rbx + 8]
    add r13, 64
    dec r12
    jmp 2b
3:  mov eax, 15
    mov edi, 77
    syscall
    ud2
calls_code_end:
    .text
"#
);

unsafe extern "C" {
    static calls_code: u8;
    static calls_code_end: u8;
}

/// Lets children call; two run at a time.
pub(crate) fn survive(nursery: &Nursery) -> Result<(), String> {
    let (mut made, mut complete) = (0, 0);
    for pair in 0..CHILDREN / 2 {
        let first = start(nursery, 2 * pair)?;
        let second = start(nursery, 2 * pair + 1)?;
        for child in [&first, &second] {
            let end = nursery.wait(child, WHILE)?;
            complete += u64::from(end == End::Exited(ALL_MADE));
            made += count(child)?;
        }
    }
    user_rt::log!("RING3 {made} calls were made, {complete} of {CHILDREN} children made all of theirs");
    if made < CHILDREN * 100 {
        return Err(format!("only {made} calls were made"));
    }
    Ok(())
}

fn start(nursery: &Nursery, seed: u64) -> Result<Child, String> {
    let code = unsafe {
        let (start, end) = (&raw const calls_code, &raw const calls_code_end);
        core::slice::from_raw_parts(start, end as usize - start as usize)
    };
    let mut random = Random::new(seed + 1);
    let mut data = Vec::with_capacity(HEAD_BYTES + CALLS * RECORD_BYTES);
    data.extend_from_slice(&(CALLS as u64).to_le_bytes());
    data.resize(HEAD_BYTES, 0);
    for _ in 0..CALLS {
        for word in call(&mut random) {
            data.extend_from_slice(&word.to_le_bytes());
        }
        data.extend_from_slice(&0u64.to_le_bytes());
    }
    nursery.start("caller", code, &data, |process| equip(nursery, process))
}

/// One object of each kind that a program can have, the child itself among them.
fn equip(nursery: &Nursery, process: &Process) -> Result<(), user_rt::Error> {
    give(process, nursery.group())?;
    process.give(Memory::create(nursery.group(), 64 << 10, MemoryFlags::empty())?.into_handle())?;
    let (near, far) = Channel::create()?;
    process.give(near.into_handle())?;
    process.give(far.into_handle())?;
    process.give(Port::create()?.into_handle())?;
    process.give(Event::create()?.into_handle())?;
    process.give(Timer::create()?.into_handle())?;
    process.give(Guest::create(nursery.group())?.into_handle())?;
    give(process, process)
}

/// Number and arguments of a call.
fn call(random: &mut Random) -> [u64; 7] {
    let mut words = [0; 7];
    words[0] = number(random);
    for word in words.iter_mut().skip(1) {
        *word = argument(random);
    }
    for (call, deadline) in WAITS {
        if words[0] == call && random.below(50) != 0 {
            words[deadline + 1] = 0;
        }
    }
    words
}

fn number(random: &mut Random) -> u64 {
    loop {
        let number = match random.below(50) {
            0 => random.next(),
            _ => random.below(NUMBERS),
        };
        let is_rare = EXITS.contains(&number) || number == LOG_WRITE;
        if !is_rare || random.below(200) == 0 {
            return number;
        }
    }
}

fn argument(random: &mut Random) -> u64 {
    const ODD: [u64; 12] = [
        0,
        1,
        u64::MAX,
        1 << 63,
        1 << 47,
        (1 << 47) - 4096,
        0xffff_8000_0000_0000,
        0xffff_ffff_8000_0000,
        u32::MAX as u64,
        (1 << 32) + 1,
        CODE,
        0xfee0_0000,
    ];
    match random.below(10) {
        // Handles, sizes, flags, kinds.
        0..=3 => random.below(24),
        // Its own memory, at its end too.
        4 | 5 => DATA + random.below(DATA_BYTES + 64),
        6 => DATA + random.below(DATA_BYTES / 4096 + 2) * 4096,
        7 => 4096 << random.below(20),
        8 => random.of(&ODD),
        _ => random.next() >> random.below(64),
    }
}

/// How many calls a child made. It may have had the kernel write over this.
fn count(child: &Child) -> Result<u64, String> {
    let made: u64 = child.data.read_value(8).map_err(|error| format!("no data of a child: {error:?}"))?;
    Ok(made.min(CALLS as u64))
}
