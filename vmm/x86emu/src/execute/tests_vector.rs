//! Claims about moves of vectors.

use super::testing::*;
use crate::*;

/// Runs a move of vectors with everything enabled.
fn run_vector(code: &[u8], prepare: impl Fn(&mut TestProcessor)) -> (TestProcessor, TestPlatform) {
    run(code, |cpu| {
        cpu.cr4 |= 1 << 9 | 1 << 18;
        cpu.vectors = std::array::from_fn(|index| [1, 2, 3, 4].map(|word| word * 0x100 + index as u64));
        prepare(cpu);
    })
}

#[test]
fn vector_loads_clear_or_keep_what_they_do_not_load() {
    const ANSWERS: [u64; 2] = [0x8877_6655_4433_2211, 0x8877_6655_4433_2212];
    let loaded = |code: &[u8], index: usize| {
        let (cpu, platform) = run_vector(code, |_| {});
        (cpu.vectors[index], cpu.beyond[index], platform.log.len())
    };
    let [first, second] = ANSWERS;
    let kept = Some(Beyond::Kept);
    // MOVUPS, MOVDQA, MOVSS, MOVSD, MOVLPS, MOVHPD, MOVQ xmm9
    assert_eq!(loaded(&[0x0F, 0x10, 0x0F], 1), ([first, second, 0x301, 0x401], kept, 2));
    assert_eq!(loaded(&[0x66, 0x0F, 0x6F, 0x0F], 1), ([first, second, 0x301, 0x401], kept, 2));
    assert_eq!(loaded(&[0xF3, 0x0F, 0x10, 0x0F], 1), ([0x4433_2211, 0, 0x301, 0x401], kept, 1));
    assert_eq!(loaded(&[0xF2, 0x0F, 0x10, 0x0F], 1), ([first, 0, 0x301, 0x401], kept, 1));
    assert_eq!(loaded(&[0x0F, 0x12, 0x0F], 1), ([first, 0x201, 0x301, 0x401], kept, 1));
    assert_eq!(loaded(&[0x66, 0x0F, 0x16, 0x0F], 1), ([0x101, first, 0x301, 0x401], kept, 1));
    assert_eq!(loaded(&[0x66, 0x4C, 0x0F, 0x6E, 0x0F], 9), ([first, 0, 0x309, 0x409], kept, 1));
    let cleared = Some(Beyond::Cleared);
    // VMOVDQU xmm1, VMOVUPS ymm1, VMOVLPS xmm1, xmm5
    assert_eq!(loaded(&[0xC5, 0xFA, 0x6F, 0x0F], 1), ([first, second, 0, 0], cleared, 2));
    let wide = [first, second, first + 2, first + 3];
    assert_eq!(loaded(&[0xC5, 0xFC, 0x10, 0x0F], 1), (wide, cleared, 4));
    assert_eq!(loaded(&[0xC5, 0xD0, 0x12, 0x0F], 1), ([first, 0x205, 0, 0], cleared, 1));
}

#[test]
fn vector_stores_write_in_order() {
    let log = |code: &[u8]| run_vector(code, |_| {}).1.log;
    let word = |index: u64, value| Access::Write(DEVICE + 8 * index, 8, value);
    assert_eq!(log(&[0x66, 0x0F, 0xE7, 0x0F]), [word(0, 0x101), word(1, 0x201)]);
    assert_eq!(log(&[0x0F, 0x17, 0x0F]), [word(0, 0x201)]);
    assert_eq!(log(&[0x66, 0x0F, 0x7E, 0x0F]), [Access::Write(DEVICE, 4, 0x101)]);
    let wide = [word(0, 0x109), word(1, 0x209), word(2, 0x309), word(3, 0x409)];
    assert_eq!(log(&[0xC5, 0x7D, 0x7F, 0x0F]), wide);
}

/// What an instruction of 64-bit mode raises, which changes nothing.
fn vector_fault(code: &[u8], prepare: impl Fn(&mut TestProcessor)) -> Result<Progress, Fault> {
    let (mut cpu, mut platform) = (TestProcessor::new(Mode::Bits64), TestPlatform::new());
    (cpu.registers[7], cpu.cr4) = (DEVICE, 1 << 9 | 1 << 18);
    prepare(&mut cpu);
    let before = cpu.clone();
    let outcome = emulate(&mut cpu, &mut platform, &instruction(code));
    assert_eq!((cpu, platform.log), (before, std::vec![]));
    outcome
}

#[test]
fn vector_moves_need_alignment_and_an_operating_system_that_enabled_them() {
    let (aligned, wide) = ([0x0F, 0x28, 0x0F], [0xC5, 0xFD, 0x6F, 0x0F]);
    let fault = |code: &[u8], prepare: fn(&mut TestProcessor)| vector_fault(code, prepare).unwrap_err();
    assert_eq!(fault(&aligned, |cpu| cpu.registers[7] += 8), Fault::GENERAL_PROTECTION);
    assert_eq!(fault(&wide, |cpu| cpu.registers[7] += 16), Fault::GENERAL_PROTECTION);
    assert_eq!(fault(&aligned, |cpu| cpu.cr4 = 0), Fault::INVALID_OPCODE);
    assert_eq!(fault(&aligned, |cpu| cpu.cr0 |= 4), Fault::INVALID_OPCODE);
    assert_eq!(fault(&aligned, |cpu| cpu.cr0 |= 8), Fault::DEVICE_NOT_AVAILABLE);
    assert_eq!(fault(&wide, |cpu| cpu.cr4 = 1 << 9), Fault::INVALID_OPCODE);
    assert_eq!(fault(&wide, |cpu| cpu.xcr0 = 3), Fault::INVALID_OPCODE);
}
