//! Claims about segments: limits, types, widths.

use super::testing::*;
use crate::*;
use base_units::Gpa;
use vmm_bus::GuestMemory;

/// Runs a load or store of AX at DS:BX (or SS:BP) in protected mode.
fn protected(code: &[u8], prepare: impl Fn(&mut TestProcessor)) -> Result<Progress, Fault> {
    let (mut cpu, mut platform) = (TestProcessor::new(Mode::Bits32), TestPlatform::new());
    (cpu.registers[3], cpu.registers[5]) = (0x1000, 0x1000);
    prepare(&mut cpu);
    emulate(&mut cpu, &mut platform, &instruction(code))
}

#[test]
fn segments_bound_every_access() {
    let (load, store, stack) = ([0x8B, 0x03], [0x89, 0x03], [0x8B, 0x45, 0x00]);
    let done = Ok(Progress::Done);
    let refused = Err(Fault::GENERAL_PROTECTION);
    assert_eq!(protected(&load, |cpu| cpu.limits[3] = 0x1003), done);
    assert_eq!(protected(&load, |cpu| cpu.limits[3] = 0x1002), refused);
    assert_eq!(protected(&stack, |cpu| cpu.limits[2] = 0x1002), Err(Fault::STACK));
    assert_eq!(protected(&load, |cpu| cpu.registers[3] = 0xFFFF_FFFE), refused);
    // Read-only data, code that can be read and code that cannot, a null segment.
    assert_eq!(protected(&load, |cpu| cpu.attributes[3] = 0xC91), done);
    assert_eq!(protected(&store, |cpu| cpu.attributes[3] = 0xC91), refused);
    assert_eq!(protected(&load, |cpu| cpu.attributes[3] = 0xC9B), done);
    assert_eq!(protected(&store, |cpu| cpu.attributes[3] = 0xC9B), refused);
    assert_eq!(protected(&load, |cpu| cpu.attributes[3] = 0xC99), refused);
    assert_eq!(protected(&load, |cpu| cpu.attributes[3] = 0), refused);
}

#[test]
fn an_expand_down_segment_ends_below() {
    let load = [0x8B, 0x03];
    let (done, refused) = (Ok(Progress::Done), Err(Fault::GENERAL_PROTECTION));
    let down = |attributes: u16, limit: u32, offset: u64| {
        protected(&load, |cpu| {
            (cpu.attributes[3], cpu.limits[3], cpu.registers[3]) = (attributes, limit, offset)
        })
    };
    assert_eq!(down(0xC97, 0xFFF, 0x1000), done);
    assert_eq!(down(0xC97, 0x1000, 0x1000), refused);
    assert_eq!(down(0x097, 0xFFF, 0xFFFC), done);
    assert_eq!(down(0x097, 0xFFF, 0xFFFD), refused);
}

#[test]
fn big_real_mode_reaches_as_far_as_its_limits() {
    // mov eax, [ebx] in a 16-bit segment.
    let load = [0x66, 0x67, 0x8B, 0x03];
    let at = |limit: u32, attributes: u16| {
        let (mut cpu, mut platform) = (TestProcessor::new(Mode::Bits16), TestPlatform::new());
        (cpu.registers[3], cpu.limits[3], cpu.attributes[3]) = (DEVICE, limit, attributes);
        (emulate(&mut cpu, &mut platform, &instruction(&load)), platform.log)
    };
    assert_eq!(at(u32::MAX, 0x93), (Ok(Progress::Done), std::vec![Access::Read(DEVICE, 4)]));
    assert_eq!(at(0xFFFF, 0x93), (Err(Fault::GENERAL_PROTECTION), std::vec![]));
    assert_eq!(at(u32::MAX, 0).0, Ok(Progress::Done), "real mode does not look at types");
}

#[test]
fn the_stack_is_as_wide_as_its_segment_says() {
    let (mut cpu, mut platform) = (TestProcessor::new(Mode::Bits32), TestPlatform::new());
    (cpu.registers[4], cpu.registers[3], cpu.attributes[2]) = (0xABCD_0000, DEVICE, 0x93);
    cpu.limits[2] = 0xFFFF;
    assert_eq!(emulate(&mut cpu, &mut platform, &instruction(&[0xFF, 0x33])), Ok(Progress::Done));
    assert_eq!(cpu.registers[4], 0xABCD_FFFC);
    assert_eq!(platform.memory.read_u32(Gpa::new(0xFFFC)), Ok(0x4433_2211));
}
