//! Guests that break the rules.

use super::driver::{COMMAND_RING, DOORBELLS, Driver, INPUT, OPERATIONAL, SEGMENT_TABLE};
use base_units::Gpa;
use proptest::prelude::*;
use spec::xhci::{
    CRCR, DCBAAP, STS_CONTROLLER_ERROR, STS_HALTED, STS_SYSTEM_ERROR, TRB_CHAIN, code, endpoint, trb,
};
use vmm_bus::{AccessSize, Device, GuestMemory, Region};
use vmm_chipset::i8042::{Key, Stroke};

const NOWHERE: u64 = 0x7000_0000;

#[test]
fn rings_and_contexts_in_memory_that_is_not_there_are_host_system_errors() {
    let mut driver = Driver::running();
    driver.write64(OPERATIONAL + CRCR, NOWHERE | 1);
    driver.write(DOORBELLS, 0);
    assert_eq!(driver.status() & (STS_SYSTEM_ERROR | STS_HALTED), STS_SYSTEM_ERROR | STS_HALTED);

    let mut driver = Driver::running();
    let (_, slot) = driver.command(trb::ENABLE_SLOT, 0, 0);
    driver.put_command(trb::ADDRESS_DEVICE, NOWHERE, u32::from(slot) << 24);
    driver.write(DOORBELLS, 0);
    assert_ne!(driver.status() & STS_SYSTEM_ERROR, 0);

    let mut driver = Driver::running();
    driver.write_port(1, spec::xhci::PORT_RESET);
    driver.write64(OPERATIONAL + DCBAAP, NOWHERE);
    let (_, slot) = driver.command(trb::ENABLE_SLOT, 0, 0);
    driver.prepare_address(slot, 1);
    driver.put_command(trb::ADDRESS_DEVICE, INPUT, u32::from(slot) << 24);
    driver.write(DOORBELLS, 0);
    assert_ne!(driver.status() & STS_SYSTEM_ERROR, 0);
    // Nothing runs until it is reset.
    driver.write(OPERATIONAL, 1);
    assert_ne!(driver.status() & STS_HALTED, 0);
    driver.set_up();
    assert_eq!(driver.status() & (STS_HALTED | STS_SYSTEM_ERROR), 0);
}

#[test]
fn a_segment_of_no_size_is_an_error_of_the_controller() {
    let mut driver = Driver::running();
    driver.memory.write_u32(Gpa::new(SEGMENT_TABLE + 8), 3).unwrap();
    driver.put_command(trb::NO_OP_COMMAND, 0, 0);
    driver.write(DOORBELLS, 0);

    assert_ne!(driver.status() & STS_CONTROLLER_ERROR, 0);
}

#[test]
fn links_in_a_circle_end() {
    let mut driver = Driver::running();
    let link = u128::from(COMMAND_RING) | u128::from(u32::from(trb::LINK) << 10 | 1) << 96;
    driver.memory.write(Gpa::new(COMMAND_RING), &link.to_le_bytes()).unwrap();
    driver.write(DOORBELLS, 0);

    assert_ne!(driver.status() & STS_CONTROLLER_ERROR, 0);
}

#[test]
fn a_descriptor_without_an_end_is_a_trb_error() {
    let (mut driver, slot) = Driver::with_device(1);
    let chained = u32::from(trb::NORMAL) << 10 | TRB_CHAIN;
    for _ in 0..super::driver::RING_TRBS * 2 {
        driver.put(slot, 3, 0, 1, chained);
    }
    // The ring is full of it now, whatever the cycle bits say: one that never flips.
    let ring = driver.ring_of(slot, 3);
    for index in 0..super::driver::RING_TRBS - 1 {
        let raw = 1u128 << 64 | u128::from(chained | 1) << 96;
        driver.memory.write(Gpa::new(ring + index * 16), &raw.to_le_bytes()).unwrap();
    }
    let link = u128::from(ring) | u128::from(u32::from(trb::LINK) << 10 | 1) << 96;
    let last = Gpa::new(ring + (super::driver::RING_TRBS - 1) * 16);
    driver.memory.write(last, &link.to_le_bytes()).unwrap();
    driver.ring(slot, 3);
    driver.stroke(4, Stroke::Press);

    assert_eq!(driver.events().last().map(|event| event.code()), Some(code::TRB));
    assert_eq!(driver.output(slot, 3, 0) & 7, endpoint::ERROR);
    let names = u32::from(slot) << 24 | 3 << 16;
    assert_eq!(driver.command(trb::SET_DEQUEUE, ring | 1, names).0, code::SUCCESS);
    assert_eq!(driver.output(slot, 3, 0) & 7, endpoint::STOPPED);
}

#[test]
fn endpoints_that_no_device_has_do_not_answer() {
    let mut driver = Driver::running();
    let slot = driver.address(1);
    driver.input(0, 0, 0);
    driver.input(0, 1, 1 << 2);
    driver.input(3, 1, 8 << 16 | 2 << 3);
    let ring = driver.ring_of(slot, 2);
    driver.input(3, 2, ring as u32 | 1);
    assert_eq!(driver.command(trb::CONFIGURE_ENDPOINT, INPUT, u32::from(slot) << 24).0, code::SUCCESS);
    driver.put(slot, 2, 0x8000, 8, u32::from(trb::NORMAL) << 10 | 1 << 5);
    driver.ring(slot, 2);

    assert_eq!(driver.events().last().map(|event| event.code()), Some(code::TRANSACTION));
}

#[test]
fn stages_out_of_order_are_trb_errors() {
    for kind in [trb::DATA, trb::STATUS, trb::NORMAL, trb::SETUP] {
        let mut driver = Driver::running();
        let slot = driver.address(1);
        driver.put(slot, 1, 0x8000, 8, u32::from(kind) << 10 | 1 << 5);
        driver.ring(slot, 1);
        assert_eq!(driver.events().last().map(|event| event.code()), Some(code::TRB));
    }
}

/// What a guest does at random.
#[derive(Clone, Debug)]
enum Deed {
    Write(u64, u32),
    Read(u64),
    Poke(u64, u32),
    Stroke(u8, bool),
    Ask(bool),
}

fn deed() -> impl Strategy<Value = Deed> {
    let register = prop_oneof![0..0x80u64, 0x440..0x480u64, 0x1000..0x10A0u64, 0x2000..0x2048u64];
    prop_oneof![
        (register.clone(), any::<u32>()).prop_map(|(at, value)| Deed::Write(at & !3, value)),
        (0x2000..0x2010u64, 0..8u32).prop_map(|(at, value)| Deed::Write(at & !3, value)),
        register.prop_map(Deed::Read),
        (0x1000..0x6000u64, any::<u32>()).prop_map(|(at, value)| Deed::Poke(at & !3, value)),
        (0x1_0000..0x2_8000u64, any::<u32>()).prop_map(|(at, value)| Deed::Poke(at & !3, value)),
        (any::<u8>(), any::<bool>()).prop_map(|(usage, is_pressed)| Deed::Stroke(usage, is_pressed)),
        any::<bool>().prop_map(Deed::Ask),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn nothing_that_a_guest_does_is_too_much(deeds in proptest::collection::vec(deed(), 0..200)) {
        let (mut driver, slot) = Driver::with_device(1);
        for deed in deeds {
            match deed {
                Deed::Write(at, value) => driver.write(at, u64::from(value)),
                Deed::Read(at) => drop(driver.with(|device, context| device.read(Region(0), at, AccessSize::Qword, context))),
                Deed::Poke(at, value) => driver.memory.write_u32(Gpa::new(at), value).unwrap(),
                Deed::Stroke(usage, is_pressed) => {
                    let stroke = if is_pressed { Stroke::Press } else { Stroke::Release };
                    driver.with(|device, context| device.stroke(Key(usage), stroke, context));
                }
                Deed::Ask(true) => drop(driver.ask(slot, 8)),
                Deed::Ask(false) => driver.with(|device, context| device.advance(context)),
            }
        }
    }
}
