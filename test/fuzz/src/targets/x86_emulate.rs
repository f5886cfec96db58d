//! The instruction emulator: any bytes in any mode over any page tables.

mod cpu;

use crate::Input;
use cpu::{Accesses, MEMORY_BYTES, memory_for, take_processor};
use iced_x86::{Decoder, DecoderOptions, FlowControl, Instruction, Mnemonic};
use vmm_x86emu::{
    Fault, FullProcessor, INSTRUCTION_BYTES_MAX, InstructionBytes, Mode, Processor, Progress,
    SegmentRegister, emulate, emulate_move, fetch, paging::Paging, testing::TestProcessor,
};

/// Device accesses of one instruction at the most: so many repetitions, each of them two accesses across pages and a port.
const ACCESSES_MAX: usize = 4096 * 17;

/// Reads the bytes as registers, changes to page tables, and an instruction.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let start = take_processor(&mut input);
    let mut platform = Accesses::new(memory_for(&mut input));
    let mut given = [0; 16];
    let bytes = input.bytes(INSTRUCTION_BYTES_MAX);
    given[..bytes.len()].copy_from_slice(bytes);
    platform.put_instruction(start.instruction_pointer(), &given);
    let instruction = match fetch(&start, &platform) {
        Ok(instruction) => instruction,
        Err(_) => InstructionBytes::new(given, INSTRUCTION_BYTES_MAX as u8),
    };
    let (mut cpu, memory) = (start.clone(), platform.content());
    let outcome = emulate(&mut cpu, &mut platform, &instruction);
    check_accesses(&platform);
    match outcome {
        Ok(progress) => check_success(&start, &cpu, progress, &instruction),
        Err(fault) => check_fault(&start, &cpu, fault, &platform, &instruction),
    }
    if outcome == Ok(Progress::Done) {
        compare_with_quick(&start, &cpu, &platform, &memory, &instruction);
    }
}

/// What every access to a device keeps.
fn check_accesses(platform: &Accesses) {
    assert!(platform.log.len() <= ACCESSES_MAX, "{} accesses by one instruction", platform.log.len());
    for access in &platform.log {
        assert_eq!(access.size.cut(access.value), access.value, "a value larger than its access");
        if access.port.is_some() {
            assert!(access.size.bytes() <= 4, "eight bytes at a port");
        } else {
            assert!(access.at % 4096 + access.size.bytes() <= 4096, "an access across pages");
        }
    }
}

fn check_success(
    start: &TestProcessor,
    cpu: &TestProcessor,
    progress: Progress,
    instruction: &InstructionBytes,
) {
    let (before, after) = (start.instruction_pointer(), cpu.instruction_pointer());
    if progress == Progress::Repeat {
        assert_eq!(before, after, "RIP left an instruction that is not finished");
        return assert!(is_text(start, instruction), "only string instructions repeat");
    }
    let decoded = decode(start, instruction);
    assert!(!decoded.is_invalid(), "no instruction was emulated");
    if decoded.flow_control() == FlowControl::Next {
        let mask = if start.mode() == Mode::Bits64 { u64::MAX } else { 0xFFFF_FFFF };
        assert_eq!(
            after.wrapping_sub(before) & mask,
            decoded.len() as u64,
            "RIP is not at the next instruction"
        );
        assert_eq!(start.flags() & !ARITHMETIC, cpu.flags() & !ARITHMETIC, "flags of the system changed");
    } else {
        check_far_transfer(start, cpu, &decoded);
    }
}

/// Carry, parity, adjust, zero, sign and overflow.
const ARITHMETIC: u64 = 0x8D5;
/// Flags that returns never change at the level that they stay at: VM, and IOPL without the system's level.
const VIRTUAL_8086: u64 = 1 << 17;
const IO_LEVEL: u64 = 3 << 12;
const RSP: usize = 4;

/// Far jumps, calls and returns arrive inside of a segment of the same level, and leave all registers but RSP alone; flags
/// are for IRET.
fn check_far_transfer(start: &TestProcessor, cpu: &TestProcessor, decoded: &Instruction) {
    let (code, place) = (cpu.segment(SegmentRegister::Cs), cpu.instruction_pointer());
    if cpu.mode() == Mode::Bits64 {
        assert!(Paging::of(cpu).is_canonical(place), "RIP is {place:#x}");
    } else {
        assert!(place <= u64::from(code.limit), "RIP is {place:#x} behind {:#x}", code.limit);
    }
    assert_eq!(start.privilege_level(), cpu.privilege_level(), "the level changed");
    let others = (0..16).filter(|index| *index != RSP);
    others.for_each(|index| assert_eq!(start.register(index), cpu.register(index), "register {index}"));
    let changed = start.flags() ^ cpu.flags();
    let is_return = matches!(decoded.mnemonic(), Mnemonic::Iret | Mnemonic::Iretd | Mnemonic::Iretq);
    let kept = match (is_return, cpu.privilege_level()) {
        (false, _) => u64::MAX,
        (true, 0) => VIRTUAL_8086,
        (true, _) => VIRTUAL_8086 | IO_LEVEL,
    };
    assert_eq!(changed & kept, 0, "flags changed");
}

/// Of an instruction with a fault nothing has happened, but for whole repetitions.
fn check_fault(
    start: &TestProcessor,
    cpu: &TestProcessor,
    fault: Fault,
    platform: &Accesses,
    instruction: &InstructionBytes,
) {
    assert_eq!(start.instruction_pointer(), cpu.instruction_pointer(), "RIP moved although {fault:?}");
    if let Fault::Exception { vector, .. } = fault {
        assert!(matches!(vector, 6 | 7 | 10..=14), "exception {vector}");
    }
    if !is_text(start, instruction) {
        assert_eq!(start, cpu, "registers changed although {fault:?}");
        assert!(
            platform.log.iter().all(|access| !access.is_write),
            "a device was written although {fault:?}"
        );
    }
}

fn is_text(cpu: &TestProcessor, instruction: &InstructionBytes) -> bool {
    decode(cpu, instruction).is_string_instruction()
}

/// The instruction in the mode of the processor.
fn decode(cpu: &TestProcessor, instruction: &InstructionBytes) -> Instruction {
    let bits = match cpu.mode() {
        Mode::Bits16 => 16,
        Mode::Bits32 => 32,
        Mode::Bits64 => 64,
    };
    Decoder::new(bits, instruction.as_slice(), DecoderOptions::NONE).decode()
}

/// The short way does the same as the long one, if it does anything.
fn compare_with_quick(
    start: &TestProcessor,
    cpu: &TestProcessor,
    done: &Accesses,
    memory: &[u8],
    instruction: &InstructionBytes,
) {
    let [access] = done.log.as_slice() else { return };
    if access.port.is_some() {
        return;
    }
    let mut quick_cpu = start.clone();
    let mut quick = Accesses::new(memory.to_vec());
    if emulate_move(&mut quick_cpu, &mut quick, base_units::Gpa::new(access.at), instruction) {
        assert_eq!(*cpu, quick_cpu, "the short way leaves other registers");
        assert_eq!(done.log, quick.log, "the short way touches something else");
    }
    assert_eq!(memory.len(), MEMORY_BYTES);
}
