//! Random instructions with random operands, on RAM and on device memory: whatever the processor does by itself, the emulator
//! does.
//!
//! `CORTEN_SEED` and `CORTEN_CASES` in the environment of the build make them other and more.

use crate::processor::{cpuid, cr0, cr4, is_qemu, set_cr0, set_cr4};
use crate::twice::{
    Backing, WINDOW, Window,
    slot::{self, Exception, Segment},
};
use crate::{Verdict, expect, modes::tables::fresh_page, require, serial::Serial};
use core::arch::asm;
use core::fmt::Write;
use test_instructions::{Case, Mode, Random, State, Surroundings};

/// Instructions in each mode.
const CASES: u64 = 700;
const SEED: u64 = 1;
const MODES: [Mode; 3] = [Mode::Bits64, Mode::Bits32, Mode::Bits16];
const CR0_WP: u64 = 1 << 16;
const CR4_OSXSAVE: u64 = 1 << 18;
/// CPUID leaf 1, ECX.
const MOVBE: u32 = 1 << 22;
const XSAVE: u32 = 1 << 26;
const AVX: u32 = 1 << 28;
/// Words of the stack that are compared, and where RSP is among them.
const STACK_WORDS: usize = 16;
const STACK_MIDDLE: usize = 8;
/// Offset of the window in data segments of 16 and 32 bits.
const WINDOW_OFFSET: u64 = 0x2000;

/// What the processor has.
#[derive(Clone, Copy)]
struct Features {
    has_avx: bool,
    has_movbe: bool,
    /// It is QEMU's emulation, which knows no limits of segments, changes flags and the first half of memory before it finds that
    /// an instruction faults, and reads what it is going to write without asking whether it may.
    is_lax: bool,
}

/// What an instruction leaves besides memory in the window.
#[derive(Clone, Copy)]
struct After {
    state: State,
    exception: Option<Exception>,
    stack: [u64; STACK_WORDS],
    notes: u64,
}

/// One instruction, and the way it is run.
struct Trial {
    case: Case,
    mode: Mode,
    features: Features,
    /// Where RSP points.
    stack: u64,
}

pub(super) fn random_instructions_do_the_same_on_device_memory() -> Verdict {
    let (seed, cases) =
        (number(option_env!("CORTEN_SEED"), SEED), number(option_env!("CORTEN_CASES"), CASES));
    let _ = writeln!(Serial, "seed {seed}, {cases} instructions in each mode");
    let features = enable();
    slot::prepare(features.has_avx);
    let old = cr0();
    set_cr0(old | CR0_WP);
    let window = Window::new(&mut Random::new(seed));
    let stack = fresh_page() + 2048;
    let outcome = MODES.iter().try_for_each(|mode| {
        (seed..seed + cases).try_for_each(|seed| try_one(seed, *mode, &window, stack, features))
    });
    set_cr0(old);
    outcome?;
    require("the rest of the window is as it was", window.difference_anywhere().is_none())
}

fn number(word: Option<&str>, default: u64) -> u64 {
    word.and_then(|word| word.parse().ok()).unwrap_or(default)
}

/// Turns AVX on if it is there.
fn enable() -> Features {
    let has = cpuid(1, 0)[2];
    let has_avx = has & (AVX | XSAVE) == AVX | XSAVE;
    if has_avx {
        set_cr4(cr4() | CR4_OSXSAVE);
        unsafe { asm!("xsetbv", in("ecx") 0, in("eax") 7, in("edx") 0) };
    }
    // QEMU takes an operand size prefix of MOVBE to mean 16 bits in any case.
    let is_lax = is_qemu();
    Features { has_avx, has_movbe: has & MOVBE != 0 && !is_lax, is_lax }
}

/// Runs the instruction of this seed both ways.
fn try_one(seed: u64, mode: Mode, window: &Window, stack: u64, features: Features) -> Verdict {
    let mut random = Random::new(seed);
    let middle = Window::middle(&mut random);
    let base = if mode == Mode::Bits64 { 0 } else { WINDOW - WINDOW_OFFSET };
    let has_limit = !features.is_lax && random.below(8) == 0;
    let limit = match (mode, has_limit) {
        (Mode::Bits64, _) | (Mode::Bits32, false) => u64::from(u32::MAX),
        (Mode::Bits16, false) => 0xffff,
        (_, true) => middle - base - 8 + random.below(32),
    };
    slot::set_segment(Segment { base: base as u32, limit: limit as u32 });
    let around = Surroundings {
        mode,
        middle: middle - base,
        before: 32,
        spread: 65,
        stack: Some(stack),
        has_avx: features.has_avx,
        has_movbe: features.has_movbe,
    };
    let case = Case::new(&mut random, &around);
    if features.is_lax && is_wrong_in_qemu(case.code.as_slice()) {
        return Ok(());
    }
    let trial = Trial { case, mode, features, stack };
    slot::put(&trial.case.code, mode);
    let native = trial.run(window, Backing::Ram);
    let emulated = trial.run(window, Backing::Device);
    let reach = Surroundings::REACH;
    let outcome = trial.compare(&native, &emulated).and_then(|()| {
        if features.is_lax && native.exception.is_some() {
            window.copy_device(middle - reach, 2 * reach);
        }
        let difference = window.difference(middle - reach, 2 * reach);
        expect("memory differs at this offset", difference.unwrap_or(0), 0)
    });
    outcome.inspect_err(|_| trial.tell(seed, &native, &emulated))
}

/// What QEMU's emulation does wrong: its exits in locked instructions forget flags, and moves of one number with a vector
/// length of 256 bits, which means nothing, leave the upper half as it was.
fn is_wrong_in_qemu(code: &[u8]) -> bool {
    let is_prefix = |byte: &u8| matches!(byte, 0x26 | 0x40..=0x4f | 0x66 | 0x67);
    let start = code.iter().position(|byte| !is_prefix(byte)).unwrap_or(0);
    match &code[start..] {
        // LOCK, and XCHG, which does not need it.
        [0xf0 | 0x86 | 0x87, ..] => true,
        [0xc5, second, 0x10 | 0x11, ..] => second & 6 == 6,
        _ => false,
    }
}

impl Trial {
    fn run(&self, window: &Window, backing: Backing) -> After {
        let first = self.stack - 8 * STACK_MIDDLE as u64;
        let words = unsafe { &mut *(first as *mut [u64; STACK_WORDS]) };
        words.fill(0x1122_3344_5566_7788);
        window.show(backing);
        let mut state = self.case.state;
        let exception = slot::run(&mut state);
        After { state: self.comparable(state), exception, stack: *words, notes: window.notes() }
    }

    /// Without what is not there or has no defined value.
    fn comparable(&self, mut state: State) -> State {
        if self.mode != Mode::Bits64 {
            state.registers.iter_mut().for_each(|register| *register &= 0xffff_ffff);
        }
        if !self.features.has_avx {
            state.vectors.iter_mut().for_each(|vector| vector[2..].fill(0));
        }
        state
    }

    fn compare(&self, native: &After, emulated: &After) -> Verdict {
        let raised = |after: &After| after.exception.map_or(u64::MAX, |came| u64::from(came.vector));
        expect("another exception", raised(emulated), raised(native))?;
        if let (Some(native), Some(emulated)) = (native.exception, emulated.exception) {
            expect("another place of an exception", emulated.place, native.place)?;
            if !self.features.is_lax {
                expect("another error code", emulated.code, native.code)?;
                expect("another CR2", emulated.address, native.address)?;
            }
        } else {
            // Of an instruction that faults in the middle, processors may have noted the one access or the other.
            expect("other notes of accesses in the page tables", emulated.notes, native.notes)?;
            let differing = (0..STACK_WORDS).find(|index| emulated.stack[*index] != native.stack[*index]);
            require("the same on the stack", differing.is_none())?;
        }
        for (emulated, native) in emulated.state.registers.iter().zip(&native.state.registers) {
            expect("another register", *emulated, *native)?;
        }
        for (emulated, native) in
            emulated.state.vectors.iter().flatten().zip(native.state.vectors.iter().flatten())
        {
            expect("another vector", *emulated, *native)?;
        }
        let defined = match native.exception {
            Some(_) if self.features.is_lax => 0,
            Some(_) => u64::MAX,
            None => !self.case.undefined_flags,
        };
        expect("other flags", emulated.state.flags & defined, native.state.flags & defined)
    }

    fn tell(&self, seed: u64, native: &After, emulated: &After) {
        let Trial { case, mode, .. } = self;
        let _ = writeln!(Serial, "seed {seed}: {mode:?} {:02x?}", case.code.as_slice());
        let _ = writeln!(Serial, "before   {:x?}", case.state);
        for (name, after) in [("native  ", native), ("emulated", emulated)] {
            let _ = writeln!(Serial, "{name} {:x?} {:x?}", after.state, after.exception);
        }
    }
}
