//! Registers.

use super::machine::{Machine, TEXT_80};
use crate::vga::MEMORY_REGION;
use base_units::Nanos;
use vmm_bus::{AccessSize, Device};

#[test]
fn the_attribute_controller_takes_index_and_data_in_turns_until_the_status_is_read() {
    let mut machine = Machine::new();
    machine.output(0x3C2, 1);

    machine.input(0x3DA);
    machine.output(0x3C0, 0x05);
    machine.output(0x3C0, 0x2A);
    machine.output(0x3C0, 0x06);
    machine.input(0x3DA);
    machine.output(0x3C0, 0x05);

    assert_eq!(machine.input(0x3C1), 0x2A);
}

#[test]
fn registers_answer_at_the_ports_of_the_modes_kind_only() {
    let mut machine = Machine::new();

    machine.set(0x3B4, 0x0C, 0x12);
    assert_eq!(machine.input(0x3B5), 0x12);
    assert_eq!(machine.input(0x3D5), 0xFF);
    machine.output(0x3C2, 1);

    assert_eq!(machine.input(0x3D5), 0x12);
    assert_eq!(machine.input(0x3B5), 0xFF);
}

#[test]
fn protected_registers_keep_their_values_but_one_bit() {
    let mut machine = Machine::new();
    machine.set_mode(&TEXT_80);

    machine.set(0x3D4, 0x01, 0);
    machine.set(0x3D4, 0x07, 0);

    machine.output(0x3D4, 0x01);
    assert_eq!(machine.input(0x3D5), 0x4F);
    machine.output(0x3D4, 0x07);
    assert_eq!(machine.input(0x3D5), 0x0F);
}

#[test]
fn the_palette_counts_on_by_itself() {
    let mut machine = Machine::new();
    machine.set_palette(254, &[[1, 2, 3], [4, 5, 6], [7, 8, 9]]);

    machine.output(0x3C7, 255);
    let read: [u8; 6] = core::array::from_fn(|_| machine.input(0x3C9));

    assert_eq!(read, [4, 5, 6, 7, 8, 9]);
    assert_eq!(machine.input(0x3C7), 3);
}

#[test]
fn the_retrace_comes_and_goes_with_time() {
    let mut machine = Machine::new();
    machine.output(0x3C2, 1);
    let mut seen = [0u32; 2];

    for step in 0..1000 {
        machine.now = Nanos::new(step * 20_000);
        seen[usize::from(machine.input(0x3DA) >> 3 & 1)] += 1;
    }

    assert!(seen[1] > 50 && seen[0] > seen[1] * 5, "{seen:?}");
}

#[test]
fn the_extension_says_its_version_memory_and_limits() {
    let mut machine = Machine::new();

    assert_eq!(machine.read_vbe(0), 0xB0C5);
    assert_eq!(machine.read_vbe(10), (super::machine::MEMORY / 0x1_0000) as u16);
    machine.vbe(4, 2);
    assert_eq!([1, 2, 3].map(|index| machine.read_vbe(index)), [2560, 1600, 32]);
    assert_eq!(machine.read(MEMORY_REGION, 0x600, AccessSize::Dword), 8);
    assert_eq!(machine.read(MEMORY_REGION, 0x604, AccessSize::Dword), 0x1E1E_1E1E);
}

#[test]
fn impossible_modes_become_possible_ones() {
    let mut machine = Machine::new();

    machine.set_vbe_mode(u16::MAX, u16::MAX, 77);

    // 4 MiB hold 1600 lines of 2560 bytes.
    assert_eq!([1, 2, 3].map(|index| machine.read_vbe(index)), [2560, 1600, 8]);
    machine.vbe(3, 32);
    assert_eq!(machine.read_vbe(2), (super::machine::MEMORY / 10240) as u16);
    machine.vbe(9, 5000);
    assert_eq!(machine.read_vbe(9), 0);
}

#[test]
fn ports_answer_in_memory_too_and_edid_is_there() {
    let mut machine = Machine::new();

    machine.write(MEMORY_REGION, 0x402, AccessSize::Byte, 0x01);
    machine.write(MEMORY_REGION, 0x414, AccessSize::Word, 0x770C);

    assert_eq!(machine.input(0x3CC), 1);
    machine.output(0x3D4, 0x0C);
    assert_eq!(machine.input(0x3D5), 0x77);
    assert_eq!(machine.read(MEMORY_REGION, 0, AccessSize::Qword), 0x00FF_FFFF_FFFF_FF00);
}

#[test]
fn a_new_mode_starts_black_unless_told_otherwise() {
    let mut machine = Machine::new();
    machine.set_vbe_mode(640, 480, 32);
    machine.poke(0, &[0xFF; 4]);

    machine.vbe(4, 0);
    machine.vbe(4, 0xC1);
    assert_eq!(machine.peek(0), 0xFF);
    machine.vbe(4, 0);
    machine.vbe(4, 0x41);

    assert_eq!(machine.peek(0), 0);
}

#[test]
fn a_new_mode_shows_nothing_of_the_text_before_it() {
    let mut machine = Machine::new();
    machine.set_mode(&TEXT_80);
    machine.poke(0x1_8000, &[b'A'; 0x8000]);

    machine.set_vbe_mode(640, 480, 32);

    assert!(machine.picture().iter().flatten().all(|pixel| *pixel == 0));
}

#[test]
fn bar_0_is_prefetchable_and_as_large_as_the_memory() {
    let mut machine = Machine::new();
    machine.configure(0x10, 0xFFFF_FFFF);

    assert_eq!(
        machine.vga.function.config_read(0x10, AccessSize::Dword),
        !(super::machine::MEMORY as u32 - 1) | 8
    );
    assert!(machine.vga.windows().is_empty(), "it is not decoded");
}
