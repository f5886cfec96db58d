//! Claims about whole instructions.

use super::testing::*;
use crate::*;
use base_units::Gpa;
use proptest::prelude::*;
use vmm_bus::GuestMemory;

#[test]
fn loads_extend_as_their_opcode_says() {
    let ones = |cpu: &mut TestProcessor| cpu.registers[0] = u64::MAX;
    assert_eq!(run(&[0x8B, 0x07], ones).0.registers[0], 0x4433_2211);
    assert_eq!(run(&[0x48, 0x8B, 0x07], ones).0.registers[0], 0x8877_6655_4433_2211);
    assert_eq!(run(&[0x66, 0x8B, 0x07], ones).0.registers[0], 0xFFFF_FFFF_FFFF_2211);
    assert_eq!(run(&[0x8A, 0x07], ones).0.registers[0], 0xFFFF_FFFF_FFFF_FF11);
    assert_eq!(run(&[0x8A, 0x27], ones).0.registers[0], 0xFFFF_FFFF_FFFF_11FF, "AH");
    assert_eq!(run(&[0x0F, 0xB6, 0x07], ones).0.registers[0], 0x11);
    assert_eq!(run(&[0x0F, 0xB7, 0x07], ones).0.registers[0], 0x2211);
    assert_eq!(run(&[0x48, 0x63, 0x07], ones).0.registers[0], 0x4433_2211);
    assert_eq!(run(&[0x48, 0x0F, 0xBE, 0x07], ones).0.registers[0], 0x11);
}

#[test]
fn stores_write_once_with_their_width() {
    let value = |cpu: &mut TestProcessor| cpu.registers[0] = 0x1122_3344_5566_7788;
    let log = |code: &[u8]| run(code, value).1.log;
    assert_eq!(log(&[0x89, 0x47, 0x10]), [Access::Write(DEVICE + 0x10, 4, 0x5566_7788)]);
    assert_eq!(log(&[0x48, 0x89, 0x07]), [Access::Write(DEVICE, 8, 0x1122_3344_5566_7788)]);
    assert_eq!(log(&[0x88, 0x27]), [Access::Write(DEVICE, 1, 0x77)]);
    assert_eq!(log(&[0x40, 0x88, 0x27]), [Access::Write(DEVICE, 1, 0)], "SPL");
    assert_eq!(log(&[0xC7, 0x07, 1, 2, 3, 4]), [Access::Write(DEVICE, 4, 0x0403_0201)]);
    let sign_extended = log(&[0x48, 0xC7, 0x07, 0xFF, 0xFF, 0xFF, 0xFF]);
    assert_eq!(sign_extended, [Access::Write(DEVICE, 8, u64::MAX)]);
}

#[test]
fn read_modify_write_reads_once_and_writes_once() {
    let (cpu, platform) = run(&[0xF0, 0x83, 0x0F, 0x04], |_| {});
    assert_eq!(platform.log, [Access::Read(DEVICE, 4), Access::Write(DEVICE, 4, 0x4433_2215)]);
    assert_eq!(cpu.flags & 1 << 6, 0);

    let (cpu, platform) = run(&[0x87, 0x07], |cpu| cpu.registers[0] = 9);
    assert_eq!(platform.log, [Access::Read(DEVICE, 4), Access::Write(DEVICE, 4, 9)]);
    assert_eq!(cpu.registers[0], 0x4433_2211);

    let (cpu, platform) = run(&[0x0F, 0xB1, 0x0F], |cpu| cpu.registers[0] = 0x4433_2211);
    assert_eq!(platform.log[1], Access::Write(DEVICE, 4, 0));
    assert_ne!(cpu.flags & 1 << 6, 0);
}

#[test]
fn compare_and_test_do_not_write() {
    let (cpu, platform) = run(&[0x3B, 0x07], |cpu| cpu.registers[0] = 0x4433_2211);
    assert_eq!(platform.log, [Access::Read(DEVICE, 4)]);
    assert_ne!(cpu.flags & 1 << 6, 0);

    let (cpu, platform) = run(&[0xF7, 0x07, 0, 0, 0, 0x40], |_| {});
    assert_eq!(platform.log.len(), 1);
    assert_eq!(cpu.flags & 1 << 6, 0);
}

#[test]
fn a_bit_number_in_a_register_reaches_other_words() {
    let (cpu, platform) = run(&[0x0F, 0xAB, 0x07], |cpu| cpu.registers[0] = 33);
    assert_eq!(platform.log[0], Access::Read(DEVICE + 4, 4));
    assert_eq!(platform.log[1], Access::Write(DEVICE + 4, 4, 0x4433_2213));
    assert_eq!(cpu.flags & 1, 0);

    let (_, platform) = run(&[0x0F, 0xA3, 0x07], |cpu| cpu.registers[0] = -1i32 as u32 as u64);
    assert_eq!(platform.log, [Access::Read(DEVICE - 4, 4)]);
}

#[test]
fn repeated_stores_count_down_and_stop() {
    let (cpu, platform) = run(&[0xF3, 0xAB], |cpu| {
        cpu.registers[1] = 3;
        cpu.registers[0] = 7;
    });
    assert_eq!(platform.log.len(), 3);
    assert_eq!(platform.log[2], Access::Write(DEVICE + 8, 4, 7));
    assert_eq!((cpu.registers[1], cpu.registers[7]), (0, DEVICE + 12));
}

#[test]
fn a_long_repetition_lets_the_guest_breathe() {
    let (mut cpu, mut platform) = (TestProcessor::new(Mode::Bits64), TestPlatform::new());
    cpu.registers[7] = DEVICE;
    cpu.registers[1] = 5000;

    let progress = emulate(&mut cpu, &mut platform, &instruction(&[0xF3, 0xAA]));

    assert_eq!(progress, Ok(Progress::Repeat));
    assert_eq!((cpu.rip, cpu.registers[1]), (0x1000, 5000 - 4096));
    let progress = emulate(&mut cpu, &mut platform, &instruction(&[0xF3, 0xAA]));
    assert_eq!(progress, Ok(Progress::Done));
    assert_eq!((platform.log.len(), cpu.rip), (5000, 0x1002));
}

#[test]
fn string_input_fills_ram_from_a_port() {
    let (cpu, platform) = run(&[0xF3, 0x66, 0x6D], |cpu| {
        cpu.registers[7] = 0x2000;
        cpu.registers[1] = 2;
        cpu.registers[2] = 0x1F0;
    });
    assert_eq!(platform.log, [Access::Input(0x1F0, 2), Access::Input(0x1F0, 2)]);
    assert_eq!(platform.memory.read_u32(Gpa::new(0x2000)), Ok(0x2212_2211));
    assert_eq!(cpu.registers[7], 0x2004);
}

#[test]
fn string_input_across_a_page_goes_on_in_the_next() {
    let (cpu, platform) = run(&[0xF3, 0x66, 0x6D], |cpu| {
        cpu.registers[7] = 0x1FFB;
        cpu.registers[1] = 4;
        cpu.registers[2] = 0x1F0;
    });
    assert_eq!(platform.log, [Access::Input(0x1F0, 2); 4]);
    assert_eq!(platform.memory.read_u64(Gpa::new(0x1FFB)), Ok(0x2214_2213_2212_2211));
    assert_eq!((cpu.registers[7], cpu.registers[1]), (0x2003, 0));
}

#[test]
fn string_output_walks_down_with_the_direction_flag() {
    let (cpu, platform) = run(&[0xF3, 0x6E], |cpu| {
        cpu.registers[6] = 0x2001;
        cpu.registers[1] = 2;
        cpu.registers[2] = 0x3F8;
        cpu.flags |= 1 << 10;
    });
    assert_eq!(platform.log, [Access::Output(0x3F8, 1, 0), Access::Output(0x3F8, 1, 0)]);
    assert_eq!(cpu.registers[6], 0x1FFF);
}

#[test]
fn real_mode_uses_segment_bases_and_16_bit_registers() {
    let (mut cpu, mut platform) = (TestProcessor::new(Mode::Bits16), TestPlatform::new());
    cpu.bases[3] = 0xF_0000;
    cpu.registers[3] = 0xABCD_0010;
    cpu.registers[6] = 0xFFFF;

    // mov ax, [bx + si + 2]
    let progress = emulate(&mut cpu, &mut platform, &instruction(&[0x8B, 0x40, 0x02]));

    assert_eq!(progress, Ok(Progress::Done));
    assert_eq!(platform.log, [Access::Read(0xF_0011, 2)]);
    assert_eq!(cpu.registers[0], 0x2211);
}

#[test]
fn relative_addresses_count_from_the_next_instruction() {
    let (_, platform) = run(&[0xC7, 0x05, 0, 0, 0x10, 0, 1, 0, 0, 0], |_| {});
    assert_eq!(platform.log, [Access::Write(0x10_100A, 4, 1)]);
}

#[test]
fn unknown_instructions_change_nothing() {
    let (mut cpu, mut platform) = (TestProcessor::new(Mode::Bits64), TestPlatform::new());
    let before = cpu.clone();
    for code in [&[0x0F, 0x0B][..], &[0x0F, 0x14, 0x07], &[0xF0, 0x8B, 0x07], &[]] {
        assert_eq!(emulate(&mut cpu, &mut platform, &instruction(code)), Err(Fault::Unsupported));
    }
    assert_eq!(cpu, before);
    assert!(platform.log.is_empty());
}

#[test]
fn a_non_canonical_address_is_a_general_protection_fault() {
    let (mut cpu, mut platform) = (TestProcessor::new(Mode::Bits64), TestPlatform::new());
    cpu.cr0 |= 1 << 31;
    cpu.cr4 |= 1 << 5;
    cpu.registers[7] = 1 << 47;

    let fault = emulate(&mut cpu, &mut platform, &instruction(&[0x8B, 0x07]));

    assert_eq!(fault, Err(Fault::GENERAL_PROTECTION));
}

/// Starts one instruction of 64-bit mode with page tables that map the first 4 GiB but for the page at 0x3000.
fn fault_of(code: &[u8], prepare: impl Fn(&mut TestProcessor)) -> (Fault, TestPlatform) {
    let (mut cpu, mut platform) = (TestProcessor::new(Mode::Bits64), TestPlatform::new());
    (cpu.cr0, cpu.cr3, cpu.cr4) = (cpu.cr0 | 1 << 31 | 1 << 16, 0x8000, 1 << 5);
    let entries = [(0x8000, 0x9003), (0x9000, 0xA003), (0xA000, 0xB003)];
    let pages = (0..16).map(|page| (0xB000 + page * 8, (page << 12) | if page == 3 { 0 } else { 3 }));
    let device = (0xB000 + 0x100 * 8, DEVICE | 3);
    for (at, entry) in entries.into_iter().chain(pages).chain([device]) {
        platform.memory.write_u64(Gpa::new(at), entry).unwrap();
    }
    prepare(&mut cpu);
    let before = cpu.clone();
    let Err(fault) = emulate(&mut cpu, &mut platform, &instruction(code)) else {
        panic!("{code:x?} went through");
    };
    assert_eq!(cpu, before, "registers changed");
    (fault, platform)
}

#[test]
fn a_device_is_not_read_when_its_value_has_no_place() {
    let missing_page =
        |address, error_code| Fault::Exception { vector: 14, error_code: Some(error_code), address };
    let to_ram = |cpu: &mut TestProcessor| {
        (cpu.registers[6], cpu.registers[7], cpu.registers[4]) = (DEVICE, 0x3008, 0x3010);
        cpu.registers[0] = 0x8000;
    };
    // MOVSD, PUSH [RSI], INSD, CMPSD
    for (code, address, error_code) in
        [(&[0xA5][..], 0x3008, 2), (&[0xFF, 0x36], 0x3008, 2), (&[0x6D], 0x3008, 2), (&[0xA7], 0x3008, 0)]
    {
        let (fault, platform) = fault_of(code, to_ram);
        assert_eq!(fault, missing_page(address, error_code), "{code:x?}");
        assert_eq!(platform.log, [], "{code:x?}");
    }
}

#[test]
fn the_address_of_a_fault_is_the_first_byte_that_is_missing() {
    let (fault, _) = fault_of(&[0x48, 0x89, 0x07], |cpu| cpu.registers[7] = 0x2FFE);
    assert_eq!(fault, Fault::Exception { vector: 14, error_code: Some(2), address: 0x3000 });
    let (fault, _) = fault_of(&[0x8B, 0x07], |cpu| cpu.registers[7] = 0x3FFE);
    assert_eq!(fault, Fault::Exception { vector: 14, error_code: Some(0), address: 0x3FFE });
    let (fault, _) = fault_of(&[0x8F, 0x07], |cpu| cpu.registers[4] = 1 << 60);
    assert_eq!(fault, Fault::STACK);
    let (fault, _) = fault_of(&[0x48, 0x0F, 0xC7, 0x0F], |cpu| cpu.registers[7] = 0x2008);
    assert_eq!(fault, Fault::GENERAL_PROTECTION, "CMPXCHG16B demands alignment");
}

#[test]
fn pairs_are_compared_as_one() {
    let equal = |cpu: &mut TestProcessor| {
        (cpu.registers[0], cpu.registers[2]) = (0x4433_2211, 0x4433_2212);
        (cpu.registers[3], cpu.registers[1]) = (1, 2);
    };
    let (cpu, platform) = run(&[0xF0, 0x0F, 0xC7, 0x0F], equal);
    assert_eq!(platform.log[2..], [Access::Write(DEVICE, 4, 1), Access::Write(DEVICE + 4, 4, 2)]);
    assert_eq!(cpu.flags, 2 | 1 << 6);

    let (cpu, platform) = run(&[0x48, 0x0F, 0xC7, 0x0F], equal);
    assert_eq!(platform.log[0], Access::Read(DEVICE, 8));
    assert_eq!(platform.log[3], Access::Write(DEVICE + 8, 8, 0x8877_6655_4433_2212));
    assert_eq!((cpu.registers[0], cpu.registers[2]), (0x8877_6655_4433_2211, 0x8877_6655_4433_2212));
    assert_eq!(cpu.flags, 2);
}

#[test]
fn an_address_made_of_the_register_that_changes_stays() {
    let (cpu, platform) = run(&[0x0F, 0xC1, 0x3F], |_| {});
    assert_eq!(platform.log[1], Access::Write(DEVICE, 4, 0x4443_2211));
    assert_eq!(cpu.registers[7], 0x4433_2211);
}

#[test]
fn push_and_pop_move_the_stack() {
    let stack = |cpu: &mut TestProcessor| cpu.registers[4] = 0x2008;
    let (cpu, platform) = run(&[0xFF, 0x37], stack);
    assert_eq!(platform.memory.read_u64(Gpa::new(0x2000)), Ok(0x8877_6655_4433_2211));
    assert_eq!(cpu.registers[4], 0x2000);
    let (cpu, platform) = run(&[0x66, 0x8F, 0x07], stack);
    assert_eq!((platform.log[0], cpu.registers[4]), (Access::Write(DEVICE, 2, 0), 0x200A));
    // POP [RSP + DEVICE]: RSP is what it will be.
    let (_, platform) = run(&[0x8F, 0x84, 0x24, 0, 0, 0x10, 0], stack);
    assert_eq!(platform.log[0], Access::Write(DEVICE + 0x2010, 8, 0));
}

#[test]
fn bytes_are_swapped_and_looked_up() {
    let (cpu, _) = run(&[0x0F, 0x38, 0xF0, 0x07], |_| {});
    assert_eq!(cpu.registers[0], 0x1122_3344);
    let (_, platform) = run(&[0x66, 0x0F, 0x38, 0xF1, 0x07], |cpu| cpu.registers[0] = 0x1234);
    assert_eq!(platform.log, [Access::Write(DEVICE, 2, 0x3412)]);
    let (cpu, platform) = run(&[0xD7], |cpu| (cpu.registers[3], cpu.registers[0]) = (DEVICE, 0x105));
    assert_eq!((platform.log[0], cpu.registers[0]), (Access::Read(DEVICE + 5, 1), 0x111));
    let (cpu, _) = run(&[0x0F, 0xBC, 0x07], |_| {});
    assert_eq!((cpu.registers[0], cpu.flags), (0, 2));
    let (cpu, _) = run(&[0x48, 0x0F, 0xBD, 0x07], |_| {});
    assert_eq!(cpu.registers[0], 63);
}

#[test]
fn the_quick_way_leaves_operands_alone_that_begin_in_the_page_before() {
    let mut cpu = TestProcessor::new(Mode::Bits64);
    let mut platform = TestPlatform::new();
    cpu.registers[7] = DEVICE - 3;
    let load = instruction(&[0x8B, 0x07]);
    assert!(!emulate_move(&mut cpu, &mut platform, Gpa::new(DEVICE), &load));
    assert_eq!(platform.log, []);
    cpu.registers[7] = DEVICE;
    assert!(emulate_move(&mut cpu, &mut platform, Gpa::new(DEVICE), &load));
    assert_eq!(platform.log, [Access::Read(DEVICE, 4)]);
}

fn random_processor() -> impl Strategy<Value = TestProcessor> {
    let mode = prop_oneof![Just(Mode::Bits16), Just(Mode::Bits32), Just(Mode::Bits64)];
    let registers = any::<[u64; 16]>();
    (mode, registers, any::<[u64; 4]>(), any::<[u64; 6]>(), 0u8..4).prop_map(
        |(mode, registers, control, bases, level)| {
            let mut cpu = TestProcessor::new(mode);
            cpu.registers = registers;
            cpu.rip = control[0];
            cpu.flags = control[1];
            cpu.cr0 |= control[2] & (1 << 31 | 1 << 16);
            cpu.cr3 = control[3] & 0xF000;
            cpu.cr4 = control[2];
            cpu.bases = bases;
            cpu.level = level;
            cpu.limits = bases.map(|base| (base >> 20) as u32);
            cpu.attributes = bases.map(|base| (base >> 52) as u16);
            cpu
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_bytes_and_no_registers_make_it_panic(
        mut cpu in random_processor(), bytes: [u8; 16], ram in prop::collection::vec(any::<u8>(), 0x1000)
    ) {
        let mut platform = TestPlatform::new();
        platform.memory.write(Gpa::new(0), &ram).unwrap();
        let _ = fetch(&cpu, &platform);
        let _ = emulate(&mut cpu, &mut platform, &InstructionBytes::new(bytes, 15));
    }

    #[test]
    fn the_quick_way_does_what_the_long_way_does(
        prefix in prop::sample::select(std::vec![
            std::vec![], std::vec![0x66], std::vec![0x48], std::vec![0x44], std::vec![0x66, 0x41], std::vec![0x40],
        ]),
        opcode in prop::sample::select(std::vec![
            std::vec![0x8B], std::vec![0x89], std::vec![0x88], std::vec![0x8A], std::vec![0xC6], std::vec![0xC7],
            std::vec![0x0F, 0xB6], std::vec![0x0F, 0xB7], std::vec![0x0F, 0xBE], std::vec![0x01],
        ]),
        operand: [u8; 10],
        registers: [u64; 16],
        is_long: bool,
    ) {
        let mut code = prefix;
        code.extend_from_slice(&opcode);
        code.extend_from_slice(&operand);
        code.truncate(15);
        let code = instruction(&code);
        let mut slow = TestProcessor::new(if is_long { Mode::Bits64 } else { Mode::Bits32 });
        slow.registers = registers;
        let mut quick = slow.clone();
        let (mut slow_platform, mut quick_platform) = (TestPlatform::new(), TestPlatform::new());
        let outcome = emulate(&mut slow, &mut slow_platform, &code);
        // Only where the operand is in one page of device memory do both mean the same.
        let at = match slow_platform.log.first() {
            Some(Access::Read(at, _) | Access::Write(at, _, _)) => *at,
            _ => return Ok(()),
        };
        if emulate_move(&mut quick, &mut quick_platform, Gpa::new(at), &code) {
            prop_assert_eq!(outcome, Ok(Progress::Done));
            prop_assert_eq!(slow_platform.log, quick_platform.log);
            prop_assert_eq!(slow, quick);
        }
    }
}
