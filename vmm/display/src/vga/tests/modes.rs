//! What modes show.

use super::machine::{BYTES_320, Machine, PAIRS_320, PLANES_640, TEXT_80};
use crate::{Screen, Size};
use alloc::{string::ToString, vec, vec::Vec};
use base_units::{Gpa, Nanos};
use proptest::prelude::*;
use vmm_bus::{AccessSize, Attention, DirectId, DirectRange};

/// Loads one character of the first font: through plane 2, as a video BIOS does.
fn load_glyph(machine: &mut Machine, character: u8, lines: &[u8]) {
    for (port, index, value) in [(0x3C4, 2, 4), (0x3C4, 4, 7), (0x3CE, 4, 2), (0x3CE, 5, 0), (0x3CE, 6, 4)] {
        machine.set(port, index, value);
    }
    machine.poke(u64::from(character) * 32, lines);
    for (port, index, value) in
        [(0x3C4, 2, 3), (0x3C4, 4, 3), (0x3CE, 4, 0), (0x3CE, 5, 0x10), (0x3CE, 6, 0x0E)]
    {
        machine.set(port, index, value);
    }
}

fn text_machine() -> Machine {
    let mut machine = Machine::new();
    machine.set_mode(&TEXT_80);
    machine
}

#[test]
fn text_is_read_back_as_characters_with_the_cursor() {
    let mut machine = text_machine();

    for (at, character) in (0u64..).zip(b"Welcome to GRUB!") {
        machine.poke(0x1_8000 + 160 + at * 2, &[*character, 0x07]);
    }
    machine.poke(0x1_8000 + 160 * 24, &[0xC9, 0x07, 0xCD, 0x07]);
    machine.set(0x3D4, 0x0E, 0);
    machine.set(0x3D4, 0x0F, 96);

    let page = machine.vga.text().expect("a text mode");
    assert_eq!((page.columns, page.rows), (80, 25));
    assert_eq!(page.row(1), "Welcome to GRUB!");
    assert_eq!(page.row(24).trim_start_matches('\0'), "╔═");
    assert_eq!(page.cursor, Some((16, 1)));
    assert_eq!(page.to_string().lines().count(), 25);
}

#[test]
fn text_can_be_written_without_exits_where_its_window_is() {
    let machine = text_machine();

    let text = DirectRange {
        start: Gpa::new(0xB_8000),
        bytes: 0x8000,
        memory: DirectId(7),
        offset: super::machine::MEMORY as u64,
        is_writable: true,
    };
    assert_eq!(machine.direct(), [text]);
}

#[test]
fn text_survives_the_loading_of_a_font() {
    let mut machine = text_machine();
    machine.poke(0x1_8000, b"A\x1fB\x1f");

    load_glyph(&mut machine, b'A', &[0x80, 0x01]);

    assert_eq!([0x1_8000, 0x1_8001, 0x1_8002, 0x1_8003].map(|at| machine.peek(at)), *b"A\x1fB\x1f");
    assert_eq!(machine.vga.text().map(|page| page.row(0).starts_with("AB")), Some(true));
}

#[test]
fn characters_are_nine_dots_wide_and_lines_reach_across() {
    let mut machine = text_machine();
    machine.set_palette(0, &[[0, 0, 0], [0, 0, 42], [0, 42, 0]]);
    machine.set_palette(0x3F, &[[63, 63, 63]]);
    load_glyph(&mut machine, b'A', &[0x81]);
    load_glyph(&mut machine, 0xC4, &[0x01]);
    machine.set(0x3D4, 0x0A, 0x20);
    machine.poke(0x1_8000, &[b'A', 0x1F, 0xC4, 0x1F]);

    let picture = machine.picture();

    assert_eq!((picture.len(), picture[0].len()), (400, 720));
    let (ink, paper) = (0x00FF_FFFF, 0x0000_00AA);
    assert_eq!(picture[0][..9], [ink, paper, paper, paper, paper, paper, paper, ink, paper]);
    assert_eq!(picture[0][16..18], [ink, ink], "a line character goes on in the ninth dot");
    assert_eq!(picture[1][..9], [paper; 9]);
}

#[test]
fn the_cursor_blinks() {
    let mut machine = text_machine();
    machine.set_palette(7, &[[63, 0, 0]]);
    machine.poke(0x1_8000, b" \x07");

    let lit = machine.picture();
    machine.now = Nanos::from_millis(150);
    let dark = machine.picture();

    assert_eq!(lit[13][..9], [0x00FF_0000; 9]);
    assert_eq!(lit[12][..9], [0; 9]);
    assert_eq!(dark[13][..9], [0; 9]);
}

#[test]
fn planes_make_sixteen_colours() {
    let mut machine = Machine::new();
    machine.set_mode(&PLANES_640);
    machine.set_palette(0x3F, &[[63, 63, 63]]);
    machine.set_palette(4, &[[42, 0, 0]]);
    machine.set(0x3C4, 2, 0b0100);
    machine.poke(80 * 479, &[0xF0]);
    machine.set(0x3C4, 2, 0b1111);
    machine.poke(80 * 479 + 1, &[0x01]);

    let picture = machine.picture();

    assert_eq!((picture.len(), picture[0].len()), (480, 640));
    assert_eq!(picture[479][..5], [0x00AA_0000, 0x00AA_0000, 0x00AA_0000, 0x00AA_0000, 0]);
    assert_eq!(picture[479][14..16], [0, 0x00FF_FFFF]);
}

#[test]
fn bytes_make_256_colours_and_are_direct() {
    let mut machine = Machine::new();
    machine.set_mode(&BYTES_320);
    machine.set_palette(200, &[[1, 2, 63]]);
    machine.poke(320 * 199 + 319, &[200]);

    let picture = machine.picture();

    assert_eq!((picture.len(), picture[0].len()), (400, 640));
    assert_eq!(picture[399][637..], [0, 0x0004_08FF, 0x0004_08FF]);
    assert_eq!(picture[398][639], 0x0004_08FF);
    assert_eq!(machine.direct().len(), 1);
    assert_eq!((machine.direct()[0].start, machine.direct()[0].offset), (Gpa::new(0xA_0000), 0));
}

#[test]
fn lines_take_turns_in_two_halves_in_four_colours() {
    let mut machine = Machine::new();
    machine.set_mode(&PAIRS_320);
    machine.set_palette(3, &[[63, 0, 0]]);
    machine.poke(0x1_8000 + 0x2000, &[0b1100_0000]);
    machine.poke(0x1_8000 + 80, &[0b0000_0011]);

    let picture = machine.picture();

    assert_eq!((picture.len(), picture[0].len()), (400, 640));
    let lit: Vec<usize> = (0..8).filter(|y| picture[*y].contains(&0x00FF_0000)).collect();
    assert_eq!(lit, [2, 3, 4, 5]);
    assert_eq!(picture[2][..3], [0x00FF_0000, 0x00FF_0000, 0]);
    assert_eq!(picture[4][5..9], [0, 0x00FF_0000, 0x00FF_0000, 0]);
}

#[test]
fn the_extension_shows_pixels_of_every_depth() {
    let white = 0x00FF_FFFF;
    for (depth, bytes) in [(15, &[0xFF, 0x7F][..]), (16, &[0xFF; 2]), (24, &[0xFF; 3]), (32, &[0xFF; 4])] {
        let mut machine = Machine::new();
        machine.set_vbe_mode(800, 600, depth);

        machine.poke(0, bytes);

        let picture = machine.picture();
        assert_eq!((picture.len(), picture[0].len()), (600, 800));
        assert_eq!(picture[0][..2], [white, 0], "{depth}");
    }
}

#[test]
fn the_extensions_frame_buffer_is_direct_where_the_bar_is() {
    let mut machine = Machine::new();
    machine.configure(0x10, 0xE000_0000);
    machine.configure(0x04, 0x0002);
    assert!(machine.take_attention().contains(Attention::DIRECT));

    machine.set_vbe_mode(1024, 768, 32);
    machine.vbe(5, 3);

    let ranges = machine.direct();
    assert_eq!(ranges[0].start, Gpa::new(0xE000_0000));
    assert_eq!((ranges[0].offset, ranges[0].bytes), (0, super::machine::MEMORY as u64));
    assert_eq!((ranges[1].start, ranges[1].bytes), (Gpa::new(0xA_0000), 0x1_0000));
    assert_eq!(ranges[1].offset, 3 * 0x1_0000);
    machine.write(crate::vga::FRAME_BUFFER_REGION, 3 * 0x1_0000, AccessSize::Dword, 0x1234_5678);
    assert_eq!(machine.peek(0), 0x78, "both show the same memory");
}

#[test]
fn a_black_screen_is_shown_before_any_mode() {
    let machine = Machine::new();

    assert_eq!(machine.vga.frame(Nanos::ZERO).size(), Size { width: 720, height: 400 });
    assert!(machine.picture().iter().flatten().all(|pixel| *pixel == 0));
    assert_eq!(machine.vga.text(), None);
}

#[test]
fn only_changed_lines_are_shown_again() {
    let mut machine = Machine::new();
    machine.set_vbe_mode(64, 48, 32);
    let mut screen = Screen::new();
    let mut look = |machine: &Machine| {
        let mut lines = vec![];
        screen.update(&mut machine.vga.frame(machine.now), |y, _| lines.push(y));
        lines
    };
    assert_eq!(look(&machine), (0..48).collect::<Vec<_>>());
    assert!(look(&machine).is_empty());

    machine.poke(64 * 4 * 20, &[1]);
    machine.poke(64 * 4 * 33 + 252, &[1]);

    assert_eq!(look(&machine), [20, 33]);
    assert!(look(&machine).is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_registers_make_a_picture_impossible(
        sequencer: [u8; 5],
        crtc in prop::collection::vec(any::<u8>(), 25),
        graphics in prop::collection::vec(any::<u8>(), 9),
        attribute in prop::collection::vec(any::<u8>(), 21),
        vbe in prop::option::of(prop::collection::vec(any::<u16>(), 10)),
    ) {
        let mut machine = Machine::new();
        machine.output(0x3C2, 1);
        (0..).zip(sequencer).for_each(|(index, value)| machine.set(0x3C4, index, value));
        (0..25u8).zip(crtc).rev().for_each(|(index, value)| machine.set(0x3D4, index, value));
        (0..).zip(graphics).for_each(|(index, value)| machine.set(0x3CE, index, value));
        (0..).zip(attribute).for_each(|(index, value)| machine.set_attribute(index, value));
        machine.output(0x3C0, 0x20);
        (0..).zip(vbe.into_iter().flatten()).for_each(|(index, value)| machine.vbe(index, value));

        let size = machine.vga.frame(machine.now).size();
        prop_assert!((1..=2560).contains(&size.width) && (1..=1600).contains(&size.height), "{:?}", size);
        let mut frame = machine.vga.frame(machine.now);
        let mut line = vec![0; size.width as usize];
        for y in [0, size.height / 2, size.height - 1] {
            frame.line(y, &mut line);
        }
        let _ = machine.vga.text();
    }
}
