//! The instruction emulator against the processor: the same random instructions with the same random operands.
//!
//! Flags that the manuals leave undefined are not compared. `CORTEN_NATIVE_CASES` and `CORTEN_NATIVE_SEED` make it longer
//! and other.

mod cpu;

use base_units::Gpa;
use cpu::{Device, processor, state};
use std::env;
use test_instructions::{Case, Mode, Random, Surroundings};
use vmm_x86emu::{InstructionBytes, Progress, emulate};

/// Instructions in one run of the test.
const CASES: u64 = 60_000;
/// Bytes that an instruction may reach.
const OPERAND_BYTES: usize = 512;

/// What instructions reach: aligned, so that aligned moves can be.
#[repr(C, align(64))]
struct Operand([u8; OPERAND_BYTES]);

fn number(name: &str, default: u64) -> u64 {
    env::var(name).ok().and_then(|word| word.parse().ok()).unwrap_or(default)
}

/// Runs one case both ways.
fn compare(case: &Case, memory: &mut Operand, seed: u64) {
    let mut native = case.state;
    let before = memory.0;
    let base = (&raw const memory.0) as u64;
    let mut device = Device::new(Gpa::new(base), &before);
    let mut cpu = processor(&case.state);
    // SAFETY: the cases are only such whose operands lie within the memory that its base register points
    // into and that are aligned where that is demanded.
    unsafe { test_native::run(case.code.as_slice(), &mut native) };

    let mut bytes = [0; 16];
    let code = case.code.as_slice();
    bytes[..code.len()].copy_from_slice(code);
    let outcome = emulate(&mut cpu, &mut device, &InstructionBytes::new(bytes, code.len() as u8));

    let told = || format!("{code:02x?} of seed {seed} with {:x?}", case.state);
    assert_eq!(outcome, Ok(Progress::Done), "{}", told());
    let mut emulated = state(&cpu);
    let undefined = case.undefined_flags;
    (native.flags, emulated.flags) = (native.flags & !undefined, emulated.flags & !undefined);
    assert_eq!(emulated, native, "left is emulated: {}", told());
    assert_eq!(device.content(), memory.0, "memory: {}", told());
}

/// Operands around the middle of the memory at `base`. None lies across cache lines, so that locked ones are not split.
fn surroundings(base: u64) -> Surroundings {
    Surroundings {
        mode: Mode::Bits64,
        middle: base + OPERAND_BYTES as u64 / 2,
        before: 0,
        spread: 33,
        stack: None,
        has_avx: true,
        has_movbe: true,
    }
}

#[test]
fn the_emulator_does_what_the_processor_does() {
    if !test_native::is_supported() {
        eprintln!("this processor has no AVX or no MOVBE");
        return;
    }
    let first = number("CORTEN_NATIVE_SEED", 1);
    let mut memory = Box::new(Operand([0; OPERAND_BYTES]));
    for seed in first..first + number("CORTEN_NATIVE_CASES", CASES) {
        let mut random = Random::new(seed);
        random.fill(&mut memory.0);
        let base = (&raw const memory.0) as u64;
        let case = Case::new(&mut random, &surroundings(base));
        compare(&case, &mut memory, seed);
    }
}
