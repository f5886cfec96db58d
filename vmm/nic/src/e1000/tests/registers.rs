//! Registers, EEPROM, PHY, interrupts.

use super::bench::{ADDRESS, BOTH, Bench, frame_to};
use crate::{
    Nowhere,
    e1000::{E1000, Model},
};
use alloc::{vec, vec::Vec};
use base_units::{Gpa, Nanos};
use spec::e1000::{RX_RING, TX_RING};
use vmm_bus::{AccessSize, Attention, Context, Device, Effects, FlatMemory, Line, Region};

/// A word of the EEPROM by the register.
fn word(bench: &mut Bench, model: Model, index: u32) -> u16 {
    let (shift, done) = if model == Model::I82540em { (8, 1 << 4) } else { (2, 1 << 1) };
    bench.write(0x14, index << shift | 1);
    let value = bench.read(0x14);
    assert_eq!(value & done, done);
    (value >> 16) as u16
}

/// A word of the EEPROM by its wires, as drivers of the 82540EM read it.
fn word_by_wire(bench: &mut Bench, index: u32) -> u16 {
    bench.write(0x10, 0x40);
    assert_eq!(bench.read(0x10) & 0x80, 0x80, "access is granted");
    bench.write(0x10, 0x42);
    for bit in (0..9).rev() {
        let data = ((0b110 << 6 | index) >> bit & 1) << 2;
        for clock in [0, 1, 0] {
            bench.write(0x10, 0x42 | data | clock);
        }
    }
    let mut word = 0;
    for _ in 0..16 {
        bench.write(0x10, 0x43);
        word = word << 1 | (bench.read(0x10) >> 3 & 1) as u16;
        bench.write(0x10, 0x42);
    }
    bench.write(0x10, 0);
    word
}

fn phy(bench: &mut Bench, register: u32) -> u16 {
    bench.write(0x20, 2 << 26 | 1 << 21 | register << 16);
    let value = bench.read(0x20);
    assert_eq!(value >> 28 & 5, 1, "ready, no error");
    value as u16
}

#[test]
fn the_eeprom_has_the_address_and_a_right_checksum() {
    for model in BOTH {
        let mut bench = Bench::untouched(model);
        let words: Vec<u16> = (0..64).map(|index| word(&mut bench, model, index)).collect();

        let address: Vec<u8> = words[..3].iter().flat_map(|word| word.to_le_bytes()).collect();
        assert_eq!(address, ADDRESS.0);
        assert_eq!(words.iter().fold(0u16, |sum, word| sum.wrapping_add(*word)), 0xBABA);
        for index in [0, 1, 2, 13, 63] {
            assert_eq!(word_by_wire(&mut bench, index), words[index as usize]);
        }
        assert_eq!((bench.read(0x5400), bench.read(0x5404)), (0x0100_5452, 0x8000_0302));
    }
}

#[test]
fn the_phy_says_who_it_is_and_whether_there_is_a_link() {
    for (model, id) in [(Model::I82540em, 0x0C20), (Model::I82574l, 0x0CB1)] {
        let mut bench = Bench::untouched(model);
        assert_eq!((phy(&mut bench, 2), phy(&mut bench, 3)), (0x0141, id));
        assert_eq!(phy(&mut bench, 1) & 0x24, 0x24);
        assert_eq!(bench.read(8) & 0xC3, 0x83);
        bench.write(0x20, 2 << 26 | 2 << 21);
        assert_eq!(bench.read(0x20) >> 28, 5, "no such PHY");

        let mut card = E1000::new(model, ADDRESS, Line { pin: 17, source: 3 }, Nowhere);
        let memory = FlatMemory::new(Gpa::new(0), 16);
        let mut context = Context { now: Nanos::ZERO, memory: &memory, effects: &mut Effects::new() };
        assert_eq!(card.read(Region(0), 8, AccessSize::Dword, &mut context) & 2, 0);
        card.write(Region(0), 0x20, AccessSize::Dword, 2 << 26 | 1 << 21 | 1 << 16, &mut context);
        assert_eq!(card.read(Region(0), 0x20, AccessSize::Dword, &mut context) & 0x24, 0);
    }
}

#[test]
fn the_pin_follows_causes_and_mask() {
    for model in BOTH {
        let mut bench = Bench::new(model);
        bench.write(0xC8, 4);
        assert_eq!(bench.effects.take_attention() & Attention::LINES, Attention::empty());

        bench.write(0xD0, 4);
        assert!(bench.effects.take_attention().contains(Attention::LINES));
        let asserted = if model == Model::I82574l { 0x8100_0000 } else { 0 };
        assert_eq!(bench.read(0xC0), 4 | asserted);
        assert!(bench.effects.take_attention().contains(Attention::LINES));
        assert_eq!(bench.read(0xC0), 0);
        bench.write(0xD8, 4);
        assert_eq!(bench.read(0xD0), 0);
    }
}

#[test]
fn the_82574_masks_itself_and_keeps_masked_causes() {
    let mut bench = Bench::new(Model::I82574l);
    bench.write(0xD0, 0x80);
    bench.write(0xC8, 4);
    assert_eq!(bench.read(0xC0) & 4, 4);
    assert_eq!(bench.read(0xC0) & 4, 4, "masked causes stay");

    bench.write(0xE0, u32::MAX);
    bench.write(0x18, 1 << 27);
    bench.write(0xC8, 0x80);
    assert_eq!(bench.read(0xC0) >> 31, 1);
    assert_eq!(bench.read(0xD0), 0);
}

#[test]
fn with_msi_each_new_assertion_is_a_message() {
    let mut bench = Bench::new(Model::I82574l);
    let at = bench.capability(5);
    bench.configure(at + 4, 0);
    bench.configure(at + 12, 0x41);
    bench.configure(at + 2, 0x81);
    bench.write(0xD0, 0x80);
    for expected in [vec![0x41], vec![]] {
        bench.receive(&frame_to(ADDRESS, 64));
        assert_eq!(bench.messages(), expected);
    }
    bench.read(0xC0);
    bench.receive(&frame_to(ADDRESS, 64));
    assert_eq!(bench.messages(), [0x41]);
}

#[test]
fn with_msix_each_queue_has_its_vector() {
    let mut bench = Bench::new(Model::I82574l);
    bench.use_msix();
    // Receive queue 0: vector 2; transmit queue 0: vector 1; others: vector 4.
    bench.write(0xE4, 0x800C_090A);
    bench.write(0xDC, 0x0050_0000);
    bench.write(0xD0, 0x0150_0004);

    bench.receive(&frame_to(ADDRESS, 64));
    assert_eq!(bench.messages(), [2]);
    bench.receive(&frame_to(ADDRESS, 64));
    assert_eq!(bench.messages(), [2], "the cause was cleared by the message");
    bench.send(&frame_to(ADDRESS, 64));
    assert_eq!(bench.messages(), [1]);
    bench.with(|card, context| card.link_changed(context));
    assert_eq!(bench.messages(), [4]);
    bench.with(|card, context| card.link_changed(context));
    assert_eq!(bench.messages(), [], "nobody has taken it");
    assert_eq!(bench.read(0xC0) & 0x8100_0004, 0x8100_0004);
    bench.with(|card, context| card.link_changed(context));
    assert_eq!(bench.messages(), [4]);
}

#[test]
fn a_masked_queue_waits_until_it_is_unmasked() {
    let mut bench = Bench::new(Model::I82574l);
    bench.use_msix();
    bench.write(0xE4, 0x8);
    bench.write(0xDC, 0x0010_0000);
    bench.receive(&frame_to(ADDRESS, 64));
    assert_eq!(bench.messages(), []);
    bench.write(0xD0, 0x0010_0000);
    assert_eq!(bench.messages(), [0]);
}

#[test]
fn registers_are_reached_through_ports_too() {
    for (model, region) in [(Model::I82540em, Region(1)), (Model::I82574l, Region(2))] {
        let mut bench = Bench::new(model);
        let value = bench.with(|card, context| {
            card.write(region, 0, AccessSize::Dword, 0x5400, context);
            card.read(region, 4, AccessSize::Dword, context)
        });
        assert_eq!(value, 0x0100_5452);
        bench.with(|card, context| {
            card.write(region, 0, AccessSize::Dword, 0x38, context);
            card.write(region, 4, AccessSize::Dword, 0x88A8, context);
        });
        assert_eq!(bench.read(0x38), 0x88A8);
    }
}

#[test]
fn a_reset_forgets_what_the_driver_did() {
    for model in BOTH {
        let fresh = Bench::untouched(model).card.save();
        let mut bench = Bench::new(model);
        bench.write(0x5400, 7);
        bench.write(0xD0, 7);
        bench.send(&frame_to(ADDRESS, 64));
        bench.write(0, 1 << 26);
        assert_eq!(bench.card.save(), fresh);
        assert_eq!((bench.read(RX_RING), bench.read(TX_RING), bench.read(0xD0)), (0, 0, 0));

        bench.use_registers();
        bench.with(|card, context| card.reset(context));
        bench.configure(4, 6);
        assert_eq!(bench.card.save(), fresh);
    }
}

#[test]
fn the_driver_gets_the_bus_back_when_it_asks() {
    let mut bench = Bench::untouched(Model::I82574l);
    assert_eq!(bench.read(8) >> 19 & 1, 1);
    bench.write(0, 4);
    assert_eq!(bench.read(8) >> 19 & 1, 0);
}

#[test]
fn the_semaphore_is_given_to_one() {
    let mut bench = Bench::untouched(Model::I82574l);
    assert_eq!((bench.read(0x5B50), bench.read(0x5B50)), (0, 1));
    bench.write(0x5B50, 0);
    assert_eq!(bench.read(0x5B50), 0);
}

#[test]
fn the_82540_has_no_messages_and_the_82574_has_a_pci_express_capability() {
    let mut bench = Bench::untouched(Model::I82574l);
    for id in [1, 5, 0x10, 0x11] {
        bench.capability(id);
    }
    let mut bench = Bench::untouched(Model::I82540em);
    assert_eq!(bench.with(|card, context| card.config_read(0x34, AccessSize::Byte, context)), 0);
}

impl Bench {
    fn use_registers(&mut self) {
        for (at, value) in [(0x38, 1), (0x20, 0x0420_4140), (0x5200, 1), (0x10, 0x47), (0x100, 2)] {
            self.write(at, value);
        }
    }
}
