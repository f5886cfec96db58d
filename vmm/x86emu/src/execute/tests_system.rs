//! Claims about descriptors, far transfers and tasks.

use super::testing::*;
use crate::*;
use base_units::Gpa;
use vmm_bus::GuestMemory;

/// Where tables and states of the tests lie.
const GDT: u64 = 0x4000;
const STACK: u64 = 0x3000;
const OLD_STATE: u64 = 0x5000;
const NEW_STATE: u64 = 0x6000;
const CODE_32: u64 = 0x00CF_9A00_0000_FFFF;
const DATA_32: u64 = 0x00CF_9200_0000_FFFF;
const OLD_TASK: u16 = 0x28;
const NEW_TASK: u16 = 0x30;

/// An entry for a 32-bit task state of this type.
fn task_entry(base: u64, kind: u64) -> u64 {
    0x67 | base << 16 | (0x80 | kind) << 40
}

/// 32-bit protected mode with a GDT: 8 code, 10 data, 18 an LDT, 20 absent data, 28 and 30 tasks.
fn machine() -> (TestProcessor, TestPlatform) {
    let (mut cpu, platform) = (TestProcessor::new(Mode::Bits32), TestPlatform::new());
    cpu.tables[0] = TableRegister { base: GDT, limit: 0x3F };
    (cpu.registers[4], cpu.registers[3]) = (STACK, 0x2000);
    let entries = [
        0,
        CODE_32,
        DATA_32,
        0x0000_8200_0000_0027,
        DATA_32 & !(0x80 << 40),
        task_entry(OLD_STATE, 0xB),
        task_entry(NEW_STATE, 9),
    ];
    for (index, entry) in (0..).zip(entries) {
        platform.memory.write_u64(Gpa::new(GDT + 8 * index), entry).unwrap();
    }
    (cpu, platform)
}

fn put(platform: &TestPlatform, at: u64, value: u32) {
    platform.memory.write_u32(Gpa::new(at), value).unwrap();
}

fn word(platform: &TestPlatform, at: u64) -> u32 {
    platform.memory.read_u32(Gpa::new(at)).unwrap()
}

fn type_of(platform: &TestPlatform, selector: u16) -> u8 {
    platform.memory.read_u8(Gpa::new(GDT + u64::from(selector & !7) + 5)).unwrap()
}

fn refused(vector: u8, selector: u16) -> Fault {
    Fault::Exception { vector, error_code: Some(selector), address: 0 }
}

#[test]
fn ltr_marks_the_task_busy_and_takes_no_busy_one() {
    let (mut cpu, mut platform) = machine();
    cpu.registers[0] = u64::from(NEW_TASK);
    let ltr = instruction(&[0x0F, 0x00, 0xD8]);
    assert_eq!(emulate(&mut cpu, &mut platform, &ltr), Ok(Progress::Done));
    let expected = Segment { selector: NEW_TASK, attributes: 0x8B, limit: 0x67, base: NEW_STATE };
    assert_eq!((cpu.system[1], type_of(&platform, NEW_TASK)), (expected, 0x8B));
    assert_eq!(emulate(&mut cpu, &mut platform, &ltr), Err(refused(13, NEW_TASK)));
    for (selector, vector) in [(0, 13), (0x34, 13), (0x38, 13), (0x40, 13), (0x10, 13)] {
        cpu.registers[0] = u64::from(selector);
        let fault = emulate(&mut cpu, &mut platform, &ltr);
        assert_eq!(fault, Err(refused(vector, selector)), "{selector:x}");
    }
}

#[test]
fn ltr_takes_a_task_from_a_table_in_rom() {
    let (mut cpu, mut platform) = machine();
    (cpu.tables[0].base, platform.answer) = (DEVICE, task_entry(0x1234, 9));
    cpu.registers[0] = 8;
    assert_eq!(emulate(&mut cpu, &mut platform, &instruction(&[0x0F, 0x00, 0xD8])), Ok(Progress::Done));
    assert_eq!(platform.log, [Access::Read(DEVICE + 8, 8), Access::Write(DEVICE + 13, 1, 0x8B)]);
    assert_eq!(cpu.system[1].base, 0x1234);
}

#[test]
fn long_mode_has_tasks_of_sixteen_bytes() {
    let (mut cpu, mut platform) = machine();
    (cpu.efer, cpu.code_attributes) = (1 << 10, 1 << 9);
    (cpu.cr0, cpu.registers[0]) = (1, u64::from(NEW_TASK));
    put(&platform, GDT + 0x38, 0xFFFF_8000);
    let ltr = instruction(&[0x0F, 0x00, 0xD8]);
    assert_eq!(emulate(&mut cpu, &mut platform, &ltr), Ok(Progress::Done));
    assert_eq!(cpu.system[1].base, 0xFFFF_8000_0000_6000);
    cpu.tables[0].limit = 0x3E;
    put(&platform, GDT + 0x34, 0x8900);
    assert_eq!(emulate(&mut cpu, &mut platform, &ltr), Err(refused(13, NEW_TASK)));
}

#[test]
fn local_tables_and_selectors_come_and_go() {
    let (mut cpu, mut platform) = machine();
    put(&platform, 0x2000, 0x18);
    assert_eq!(emulate(&mut cpu, &mut platform, &instruction(&[0x0F, 0x00, 0x13])), Ok(Progress::Done));
    assert_eq!(cpu.system[0], Segment { selector: 0x18, attributes: 0x82, limit: 0x27, base: 0 });
    put(&platform, 0x2000, 0xFFFF_FFFF);
    assert_eq!(emulate(&mut cpu, &mut platform, &instruction(&[0x0F, 0x00, 0x03])), Ok(Progress::Done));
    assert_eq!(word(&platform, 0x2000), 0xFFFF_0018, "SLDT writes 16 bits");
    cpu.level = 3;
    cpu.cr4 = 1 << 11;
    let fault = emulate(&mut cpu, &mut platform, &instruction(&[0x0F, 0x00, 0x03]));
    assert_eq!(fault, Err(Fault::GENERAL_PROTECTION), "UMIP");
}

#[test]
fn table_registers_have_the_width_of_the_mode() {
    let (mut cpu, mut platform) = machine();
    platform.memory.write_u64(Gpa::new(0x2000), 0x1234_5678_0FFF).unwrap();
    assert_eq!(emulate(&mut cpu, &mut platform, &instruction(&[0x0F, 0x01, 0x1B])), Ok(Progress::Done));
    assert_eq!(cpu.tables[1], TableRegister { base: 0x1234_5678, limit: 0xFFF });
    assert_eq!(emulate(&mut cpu, &mut platform, &instruction(&[0x66, 0x0F, 0x01, 0x1B])), Ok(Progress::Done));
    assert_eq!(cpu.tables[1].base, 0x34_5678, "16 bits take 24 of the address");
    assert_eq!(emulate(&mut cpu, &mut platform, &instruction(&[0x0F, 0x01, 0x43, 0x10])), Ok(Progress::Done));
    assert_eq!((word(&platform, 0x2010), word(&platform, 0x2014)), (0x4000_003F, 0));
    cpu.level = 3;
    let fault = emulate(&mut cpu, &mut platform, &instruction(&[0x0F, 0x01, 0x1B]));
    assert_eq!(fault, Err(Fault::GENERAL_PROTECTION));
}

#[test]
fn lmsw_sets_protection_and_never_clears_it() {
    let (mut cpu, mut platform) = machine();
    (cpu.cr0, cpu.code_attributes) = (0x10, 0);
    put(&platform, 0x2000, 0xFFF3);
    let lmsw = instruction(&[0x67, 0x0F, 0x01, 0x33]);
    assert_eq!(emulate(&mut cpu, &mut platform, &lmsw), Ok(Progress::Done));
    assert_eq!(cpu.cr0, 0x13);
    put(&platform, 0x2000, 8);
    assert_eq!(emulate(&mut cpu, &mut platform, &lmsw), Ok(Progress::Done));
    assert_eq!(cpu.cr0, 0x19);
}

#[test]
fn segments_are_loaded_marked_and_refused() {
    let (mut cpu, mut platform) = machine();
    let load = instruction(&[0x8E, 0xE0]);
    cpu.registers[0] = 0x10;
    assert_eq!(emulate(&mut cpu, &mut platform, &load), Ok(Progress::Done));
    assert_eq!((cpu.attributes[4], cpu.limits[4], type_of(&platform, 0x10)), (0xC93, u32::MAX, 0x93));
    cpu.registers[0] = 3;
    assert_eq!(emulate(&mut cpu, &mut platform, &load), Ok(Progress::Done));
    assert_eq!((cpu.attributes[4], cpu.selectors[4]), (0, 3), "null");
    for (modrm, selector, vector) in
        [(0xE0, 0x20, 11), (0xD0, 0x20, 12), (0xD0, 8, 13), (0xD0, 0, 13), (0xE0, 0x18, 13), (0xD0, 0x13, 13)]
    {
        cpu.registers[0] = selector;
        let fault = emulate(&mut cpu, &mut platform, &instruction(&[0x8E, modrm]));
        assert_eq!(fault, Err(refused(vector, selector as u16 & !3)), "{selector:x}");
    }
}

#[test]
fn real_mode_keeps_the_limits_that_segments_had() {
    let (mut cpu, mut platform) = (TestProcessor::new(Mode::Bits16), TestPlatform::new());
    (cpu.limits[3], cpu.registers[0]) = (u32::MAX, 0x1234);
    assert_eq!(emulate(&mut cpu, &mut platform, &instruction(&[0x8E, 0xD8])), Ok(Progress::Done));
    assert_eq!((cpu.bases[3], cpu.limits[3], cpu.selectors[3]), (0x1_2340, u32::MAX, 0x1234));
}

#[test]
fn far_calls_return() {
    let (mut cpu, mut platform) = machine();
    let call = instruction(&[0x9A, 0x78, 0x56, 0x34, 0x12, 8, 0]);
    assert_eq!(emulate(&mut cpu, &mut platform, &call), Ok(Progress::Done));
    assert_eq!((cpu.rip, cpu.registers[4], cpu.selectors[1]), (0x1234_5678, STACK - 8, 8));
    assert_eq!((word(&platform, STACK - 4), word(&platform, STACK - 8)), (8, 0x1007));
    assert_eq!(type_of(&platform, 8), 0x9B);
    assert_eq!(emulate(&mut cpu, &mut platform, &instruction(&[0xCA, 4, 0])), Ok(Progress::Done));
    assert_eq!((cpu.rip, cpu.registers[4]), (0x1007, STACK + 4));
    let fault = emulate(&mut cpu, &mut platform, &instruction(&[0xEA, 0, 0, 0, 0, 0x10, 0]));
    assert_eq!(fault, Err(refused(13, 0x10)), "data is not executed");
}

#[test]
fn iret_restores_flags() {
    let (mut cpu, mut platform) = machine();
    for (index, value) in (0..).zip([0x1111u32, 8, 0x0020_3ED7]) {
        put(&platform, STACK + 4 * index, value);
    }
    assert_eq!(emulate(&mut cpu, &mut platform, &instruction(&[0xCF])), Ok(Progress::Done));
    assert_eq!((cpu.rip, cpu.flags, cpu.registers[4]), (0x1111, 0x0020_3ED7, STACK + 12));
}

/// Two tasks; the current one is at `OLD_STATE`.
fn tasks() -> (TestProcessor, TestPlatform) {
    let (mut cpu, platform) = machine();
    cpu.system[1] = Segment { selector: OLD_TASK, attributes: 0x8B, limit: 0x67, base: OLD_STATE };
    (cpu.registers[1], cpu.debug[1]) = (0x1234, 0x7FF);
    for (offset, value) in
        [(32, 0x2222), (36, 2), (44, 0x9999), (56, STACK), (72, 0x10), (76, 8), (80, 0x10), (84, 0x10)]
    {
        put(&platform, NEW_STATE + offset, value as u32);
    }
    // CALL far 30:0, then IRET.
    platform.memory.write(Gpa::new(0x1000), &[0x9A, 0, 0, 0, 0, 0x30, 0]).unwrap();
    platform.memory.write(Gpa::new(0x2222), &[0xCF]).unwrap();
    (cpu, platform)
}

fn switch(cause: TaskCause) -> TaskSwitch {
    TaskSwitch { selector: NEW_TASK, cause, error_code: None }
}

#[test]
fn a_called_task_returns() {
    let (mut cpu, mut platform) = tasks();
    assert_eq!(switch_task(&mut cpu, &mut platform, switch(TaskCause::Call)), Ok(None));
    assert_eq!((cpu.rip, cpu.registers[1], cpu.registers[4], cpu.flags), (0x2222, 0x9999, STACK, 0x4002));
    assert_eq!((cpu.cr0 & 8, cpu.debug[1], cpu.system[1].base), (8, 0x6AA, NEW_STATE));
    assert_eq!((type_of(&platform, OLD_TASK), type_of(&platform, NEW_TASK)), (0x8B, 0x8B));
    assert_eq!((word(&platform, NEW_STATE), word(&platform, OLD_STATE + 32)), (u32::from(OLD_TASK), 0x1007));
    assert_eq!((word(&platform, OLD_STATE + 44), word(&platform, OLD_STATE + 76) as u16), (0x1234, 8));

    // The old task has no CR3 to load and its selectors are those of the test.
    for index in [88, 92] {
        put(&platform, OLD_STATE + index, 0);
    }
    let back = TaskSwitch { selector: OLD_TASK, cause: TaskCause::InterruptReturn, error_code: None };
    assert_eq!(switch_task(&mut cpu, &mut platform, back), Ok(None));
    assert_eq!((cpu.rip, cpu.registers[1], cpu.flags), (0x1007, 0x1234, 2));
    assert_eq!((type_of(&platform, OLD_TASK), type_of(&platform, NEW_TASK)), (0x8B, 0x89));
    assert_eq!(word(&platform, NEW_STATE + 36) & 0x4000, 0, "NT is saved as clear");
}

#[test]
fn an_error_code_goes_to_the_new_tasks_stack() {
    let (mut cpu, mut platform) = tasks();
    let event = TaskSwitch { error_code: Some(0x5678), ..switch(TaskCause::Event) };
    assert_eq!(switch_task(&mut cpu, &mut platform, event), Ok(None));
    assert_eq!((word(&platform, STACK - 4), cpu.registers[4]), (0x5678, STACK - 4));
    assert_eq!(word(&platform, OLD_STATE + 32), 0x1000, "the instruction runs again");
}

#[test]
fn a_state_of_16_bits_has_half_of_everything() {
    let (mut cpu, mut platform) = tasks();
    platform.memory.write_u64(Gpa::new(GDT + 0x30), 0x2B | NEW_STATE << 16 | 0x81 << 40).unwrap();
    platform.memory.write(Gpa::new(NEW_STATE), &[0; 104]).unwrap();
    for (offset, value) in [(14, 0x2222), (16, 2), (20, 0x9999), (26, 0x3000), (36, 8), (38, 0x10)] {
        platform.memory.write_u16(Gpa::new(NEW_STATE + offset), value).unwrap();
    }
    assert_eq!(switch_task(&mut cpu, &mut platform, switch(TaskCause::Jump)), Ok(None));
    assert_eq!((cpu.rip, cpu.registers[1], cpu.selectors[1]), (0x2222, 0xFFFF_9999, 8));
    assert_eq!((type_of(&platform, OLD_TASK), type_of(&platform, NEW_TASK)), (0x89, 0x83));
}

#[test]
fn a_bad_state_is_refused_before_anything_happens() {
    let refuse = |change: fn(&mut TestProcessor, &TestPlatform), cause, fault| {
        let (mut cpu, mut platform) = tasks();
        change(&mut cpu, &platform);
        let before = cpu.clone();
        assert_eq!(switch_task(&mut cpu, &mut platform, switch(cause)), Err(fault));
        assert_eq!(cpu, before);
    };
    refuse(|_, _| {}, TaskCause::InterruptReturn, refused(10, NEW_TASK));
    refuse(
        |_, platform| platform.memory.write_u8(Gpa::new(GDT + 0x35), 0x8B).unwrap(),
        TaskCause::Jump,
        refused(13, NEW_TASK),
    );
    refuse(
        |_, platform| platform.memory.write_u8(Gpa::new(GDT + 0x35), 0x09).unwrap(),
        TaskCause::Call,
        refused(11, NEW_TASK),
    );
    refuse(
        |_, platform| platform.memory.write_u8(Gpa::new(GDT + 0x30), 0x66).unwrap(),
        TaskCause::Call,
        refused(10, NEW_TASK),
    );
    refuse(|cpu, _| cpu.tables[0].limit = 0x36, TaskCause::Call, refused(13, NEW_TASK));
}

#[test]
fn a_fault_behind_the_switch_is_the_new_tasks() {
    let fault_of = |offset: u64, value: u32| {
        let (mut cpu, mut platform) = tasks();
        put(&platform, NEW_STATE + offset, value);
        let fault = switch_task(&mut cpu, &mut platform, switch(TaskCause::Jump));
        assert_eq!((cpu.rip, cpu.registers[1]), (0x2222, 0x9999), "the new task's registers are there");
        fault
    };
    assert_eq!(fault_of(76, 0x10), Ok(Some(refused(10, 0x10))), "data in CS");
    assert_eq!(fault_of(80, 0), Ok(Some(refused(10, 0))), "no stack");
    assert_eq!(fault_of(84, 0x20), Ok(Some(refused(11, 0x20))), "absent data");
    assert_eq!(fault_of(96, 0x10), Ok(Some(refused(10, 0x10))), "an LDT that is none");
    let trap = Fault::Exception { vector: 1, error_code: None, address: 0 };
    assert_eq!(fault_of(100, 1), Ok(Some(trap)));
}
