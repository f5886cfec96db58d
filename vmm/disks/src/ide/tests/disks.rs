//! Disks through the data register.

use super::bench::{Bench, SECTORS, disk, pattern};
use alloc::{vec, vec::Vec};
use proptest::prelude::*;
use spec::ata::command as ata;
use vmm_bus::{AccessSize, Device, Region};

#[test]
fn drives_are_found_by_reset_and_signature() {
    let mut bench = Bench::new();
    bench.control(0x04);
    assert_eq!(bench.alternate(), 0x80);
    bench.control(0x00);

    let signature = |bench: &mut Bench| [2, 3, 4, 5, 7].map(|port| bench.get(port));
    assert_eq!(signature(&mut bench), [1, 1, 0, 0, 0x50]);
    bench.put(6, 0xB0);
    assert_eq!(signature(&mut bench), [1, 1, 0x14, 0xEB, 0]);
    assert_eq!(bench.get(6), 0xB0);
    assert_eq!(bench.input(0x12, 7, AccessSize::Byte), 0, "nobody on the second channel");
}

#[test]
fn registers_keep_what_was_written_and_what_was_before() {
    let mut bench = Bench::new();
    bench.put(6, 0xE0);
    bench.put(2, 0x12);
    bench.put(2, 0x34);
    bench.put(4, 0x56);
    bench.put(4, 0x78);

    assert_eq!((bench.get(2), bench.get(4)), (0x34, 0x78));
    bench.control(0x80);
    assert_eq!((bench.get(2), bench.get(4)), (0x12, 0x56));
    bench.put(3, 0);
    assert_eq!(bench.get(2), 0x34, "a write shows the newest again");
}

#[test]
fn a_repeated_input_reads_as_single_ones_do() {
    for pieces in [&[512, 512][..], &[6, 506, 1024][..], &[700, 324][..]] {
        let mut bench = Bench::new();
        bench.command_ext(ata::READ_SECTORS_EXT, 3, 2);
        let mut read = Vec::new();
        for bytes in pieces {
            let mut part = vec![0xEE; *bytes];
            bench.with(|ide, context| ide.read_string(Region(0x10), 0, AccessSize::Word, &mut part, context));
            read.extend(part);
        }
        assert_eq!(read.get(..1024), pattern(SECTORS).get(3 * 512..5 * 512), "{pieces:?}");
        assert!(read.iter().skip(1024).all(|byte| *byte == 0), "nothing is left");
        assert_eq!(bench.get(7), 0x50);
        assert!(!bench.is_interrupting());
    }
}

#[test]
fn a_missing_second_drive_reads_as_zero_and_takes_no_command() {
    let mut bench = Bench::with_drives(vec![Some(disk(pattern(8)))]);
    bench.put(6, 0xF0);
    bench.put(2, 0x55);
    assert_eq!((bench.get(2), bench.get(7)), (0, 0));

    bench.put(7, ata::IDENTIFY);

    assert_eq!(bench.get(7), 0);
    assert!(!bench.is_interrupting());
}

#[test]
fn identify_comes_with_one_interrupt_and_nothing_after_it() {
    let mut bench = Bench::new();
    bench.command(0, ata::IDENTIFY, 0, 0);
    assert!(bench.is_interrupting());
    assert_eq!(bench.alternate(), 0x58);
    assert!(bench.is_interrupting(), "the other status register acknowledges nothing");
    assert_eq!(bench.get(7), 0x58);
    assert!(!bench.is_interrupting());

    let data = bench.read_data(512);

    assert_eq!(data.iter().copied().fold(0, u8::wrapping_add), 0);
    assert_eq!(data[187] & 0x60, 0x60, "a cable with 80 wires");
    assert_eq!((bench.alternate(), bench.is_interrupting()), (0x50, false));
}

#[test]
fn each_sector_of_a_read_interrupts_and_multiple_sectors_do_together() {
    for (code, block) in [(ata::READ_SECTORS, 1), (ata::READ_MULTIPLE, 4)] {
        let mut bench = Bench::new();
        bench.command(0, ata::SET_MULTIPLE, 0, 4);
        bench.get(7);
        bench.command(0, code, 100, 8);
        let mut data = Vec::new();
        for _ in 0..8 / block {
            assert!(bench.is_interrupting());
            assert_eq!(bench.get(7), 0x58);
            assert!(!bench.is_interrupting());
            data.extend(bench.read_data(block * 512));
        }
        assert_eq!(data, pattern(SECTORS)[100 * 512..108 * 512]);
        assert_eq!((bench.get(7), bench.is_interrupting()), (0x50, false));
    }
}

#[test]
fn a_write_wants_its_first_sector_silently_and_ends_with_an_interrupt() {
    let mut bench = Bench::new();
    bench.command(0, ata::WRITE_SECTORS, 7, 2);
    assert_eq!((bench.get(7), bench.is_interrupting()), (0x58, false));
    bench.write_data(&[0x11; 512]);
    assert!(bench.is_interrupting());
    assert_eq!(bench.get(7), 0x58);
    bench.write_data(&[0x22; 512]);
    assert!(bench.is_interrupting());

    assert_eq!(bench.get(7), 0x50);
    assert_eq!(bench.content()[7 * 512..8 * 512], [0x11; 512]);
    assert_eq!(bench.content()[8 * 512..9 * 512], [0x22; 512]);
}

#[test]
fn sectors_behind_the_end_are_not_found() {
    let mut bench = Bench::new();
    bench.command(0, ata::READ_SECTORS, 4095, 2);
    assert_eq!((bench.get(7), bench.get(1)), (0x51, 0x10));
    bench.command_ext(ata::READ_SECTORS_EXT, 1 << 40, 1);
    assert_eq!((bench.get(7), bench.get(1)), (0x51, 0x10));
    bench.command(0, ata::READ_NATIVE_MAX, 0, 0);
    assert_eq!([3, 4, 5].map(|port| bench.get(port)), [0xFF, 0x0F, 0]);
}

#[test]
fn interrupts_can_be_switched_off() {
    let mut bench = Bench::new();
    bench.control(2);
    bench.command(0, ata::FLUSH, 0, 0);
    assert!(!bench.is_interrupting());

    bench.control(0);

    assert!(bench.is_interrupting());
}

#[test]
fn a_reset_in_the_middle_of_data_ends_it() {
    let mut bench = Bench::new();
    bench.command(0, ata::READ_SECTORS, 0, 4);
    bench.read_data(100);
    bench.control(4);
    bench.control(0);

    assert_eq!((bench.get(7), bench.read_data(4)), (0x50, vec![0; 4]));
}

#[test]
fn queued_commands_are_not_for_this_interface() {
    let mut bench = Bench::new();
    bench.command_ext(ata::READ_QUEUED, 0, 0);
    assert_eq!((bench.get(7), bench.get(1)), (0x51, 4));
}

#[test]
fn firmware_finds_the_channels_switched_on() {
    let mut bench = Bench::new();
    let read =
        |bench: &mut Bench, at| bench.with(|ide, context| ide.config_read(at, AccessSize::Dword, context));
    assert_eq!(read(&mut bench, 0), 0x7010_8086);
    assert_eq!(read(&mut bench, 8) >> 8, 0x01_01_80);
    assert_eq!(read(&mut bench, 0x40), 0x8000_8000);
}

#[test]
fn a_second_disk_does_not_answer_for_the_first() {
    let mut bench = Bench::with_drives(vec![Some(disk(pattern(8))), Some(disk(vec![9; 4096]))]);
    bench.command(0x10, ata::READ_SECTORS, 1, 1);
    assert_eq!(bench.read_data(512), vec![9; 512]);
    bench.command(0, ata::READ_SECTORS, 1, 1);
    assert_eq!(bench.read_data(512), pattern(2)[512..]);
    bench.put(7, ata::EXECUTE_DIAGNOSTIC);
    assert_eq!((bench.get(1), bench.get(6) & 0x10), (1, 0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn the_disk_holds_what_a_model_holds(
        steps in prop::collection::vec((0u8..4, 0u32..4100, 1u8..9, any::<u8>(), 0usize..600), 1..12),
    ) {
        let mut bench = Bench::new();
        let mut model = pattern(SECTORS);
        for (kind, lba, count, value, moved_after) in steps {
            let bytes = usize::from(count) * 512;
            let place = lba as usize * 512..lba as usize * 512 + bytes;
            let fits = place.end <= model.len();
            let is_write = kind & 1 != 0;
            match kind {
                0 => bench.command(0, ata::READ_SECTORS, lba, count),
                1 => bench.command(0, ata::WRITE_MULTIPLE, lba, count),
                2 => bench.command_ext(ata::READ_MULTIPLE_EXT, u64::from(lba), u16::from(count)),
                _ => bench.command_ext(ata::WRITE_SECTORS_EXT, u64::from(lba), u16::from(count)),
            }
            if !fits {
                prop_assert_eq!((bench.get(7), bench.get(1)), (0x51, 0x10));
                continue;
            }
            let first = moved_after.min(bytes) & !1;
            let data = vec![value; bytes];
            if is_write {
                bench.write_data(&data[..first]);
                bench = bench.twin();
                bench.write_data(&data[first..]);
                model[place].fill(value);
            } else {
                let mut data = bench.read_data(first);
                bench = bench.twin();
                data.extend(bench.read_data(bytes - first));
                prop_assert_eq!(&data[..], &model[place]);
            }
            prop_assert_eq!(bench.get(7), 0x50);
        }
        prop_assert_eq!(bench.content(), &model[..]);
    }

    #[test]
    fn no_sequence_of_accesses_breaks_the_controller(
        accesses in prop::collection::vec((any::<bool>(), 0usize..5, 0u64..16, 0usize..3, any::<u32>()), 0..400),
    ) {
        let mut bench = Bench::new();
        let sizes = [AccessSize::Byte, AccessSize::Word, AccessSize::Dword];
        for (is_write, region, port, size, value) in accesses {
            let region = [0x10, 0x10, 0x11, 4, 0x12][region];
            // Commands that exist, most of the time.
            let value = if port == 7 && value & 0x100 == 0 { [0xA0, 0x20, 0x30, 0xC8, 0xCA, 0xEC][value as usize % 6] } else { value };
            if is_write {
                bench.output(region, port, sizes[size], value);
            } else {
                bench.input(region, port, sizes[size]);
            }
            bench.with(|ide, context| ide.advance(context));
        }
        bench.twin();
    }
}
