//! Bus mastering.

use super::bench::{Bench, DATA, RAM, TABLE, pattern};
use alloc::vec;
use spec::ata::command as ata;
use vmm_bus::{AccessSize, Device};

const START: u32 = 1;
const TO_MEMORY: u32 = 8;

#[test]
fn a_read_goes_to_its_descriptors_and_interrupts_once() {
    let mut bench = Bench::new();
    bench.descriptors(&[(DATA as u32, 512), (DATA as u32 + 0x1000, 1536)]);
    bench.command(0, ata::READ_DMA, 5, 4);
    assert!(!bench.is_interrupting(), "the drive waits for the bus master");

    bench.master_start(START | TO_MEMORY);

    assert!(bench.is_interrupting());
    assert_eq!((bench.master_status() & 7, bench.get(7)), (4, 0x50));
    assert_eq!(bench.peek(DATA, 512), pattern(6)[5 * 512..]);
    assert_eq!(bench.peek(DATA + 0x1000, 1536), pattern(9)[6 * 512..]);
}

#[test]
fn the_bus_master_may_be_started_before_the_command() {
    let mut bench = Bench::new();
    bench.poke(DATA, &[0x77; 1024]);
    bench.descriptors(&[(DATA as u32, 1024)]);
    bench.master_start(START);
    assert_eq!(bench.master_status() & 7, 1);

    bench.command(0, ata::WRITE_DMA, 3, 2);

    assert_eq!(bench.master_status() & 7, 4);
    assert_eq!(bench.content()[3 * 512..5 * 512], [0x77; 1024]);
}

#[test]
fn more_descriptors_than_data_leave_it_active_and_fewer_leave_the_drive_waiting() {
    let mut bench = Bench::new();
    bench.descriptors(&[(DATA as u32, 1024)]);
    bench.command(0, ata::READ_DMA, 0, 1);
    bench.master_start(START | TO_MEMORY);
    assert_eq!(bench.master_status() & 7, 5);
    bench.output(4, 0, AccessSize::Byte, 0);
    assert_eq!(bench.master_status() & 7, 4);
    bench.get(7);

    bench.descriptors(&[(DATA as u32, 512)]);
    bench.command(0, ata::READ_DMA, 0, 2);
    bench.master_start(START | TO_MEMORY);

    assert_eq!((bench.master_status() & 7, bench.is_interrupting()), (0, false));
    assert_eq!(bench.alternate() & 0x80, 0x80);
    bench.control(4);
    bench.control(0);
    assert_eq!(bench.get(7), 0x50);
}

#[test]
fn memory_that_is_none_fails_the_transfer() {
    let mut bench = Bench::new();
    for (table, start) in [(TABLE as u32, RAM as u32 - 256), (RAM as u32, 0)] {
        bench.descriptors(&[(start, 512)]);
        bench.output(4, 4, AccessSize::Dword, table);
        bench.command(0, ata::READ_DMA, 0, 1);
        bench.master_start(START | TO_MEMORY);

        assert_eq!(bench.master_status() & 7, 6);
        assert_eq!(bench.get(7) & 0x89, 1);
        bench.output(4, 0, AccessSize::Byte, 0);
    }
}

#[test]
fn a_long_transfer_goes_on_in_another_machine() {
    let mut bench = Bench::new();
    let pieces: vec::Vec<(u32, u32)> =
        (0..32).map(|index| (DATA as u32 + index * 0x1_0000, 0x1_0000)).collect();
    bench.descriptors(&pieces);
    bench.command_ext(ata::READ_DMA_EXT, 0, 4096);
    bench.master_start(START | TO_MEMORY);
    assert_eq!((bench.master_status() & 7, bench.is_interrupting()), (1, false));

    let mut twin = bench.twin();
    twin.settle();

    assert_eq!(twin.master_status() & 7, 4);
    assert_eq!(twin.peek(DATA, 1 << 21), pattern(4096));
}

#[test]
fn registers_of_both_channels_are_apart() {
    let mut bench = Bench::new();
    bench.output(4, 12, AccessSize::Dword, 0x1234_5677);
    bench.output(4, 10, AccessSize::Byte, 0x60);

    assert_eq!(bench.input(4, 12, AccessSize::Dword), 0x1234_5674);
    assert_eq!((bench.input(4, 10, AccessSize::Byte), bench.input(4, 2, AccessSize::Byte)), (0x60, 0));
}

#[test]
fn a_state_with_other_drives_is_refused() {
    let saved = Bench::new().ide.save();
    assert!(Bench::with_drives(vec![]).ide.restore(saved.as_saved()).is_err());
    assert!(Bench::with_content(pattern(8)).ide.restore(saved.as_saved()).is_err());
}
