//! What goes wrong, and drivers that mean harm.

use super::bench::{
    Bench, CI, CLB, CMD, Command, DATA, FB, HBFS, IS, LIST, OFS, RAM, SACT, TABLES, TFD, TFES, disk, pattern,
    read_dma, write_dma,
};
use alloc::{vec, vec::Vec};
use proptest::prelude::*;
use spec::ata::command as ata;
use vmm_bus::{AccessSize, Device, volume::Access};

#[test]
fn a_failed_command_stops_the_list_until_it_is_started_again() {
    let mut bench = Bench::new();
    assert_eq!(bench.run(read_dma(4096, 1), &[(DATA, 512)]), (0x51, 0x10));
    assert_eq!(bench.read(IS) & TFES, TFES);
    assert_eq!(bench.read(CI), 1, "the slot shows which command failed");

    bench.prepare(1, &read_dma(0, 1), &[(DATA, 512)]);
    bench.write(CI, 2);
    assert_eq!(bench.read(CI), 3);
    bench.restart();
    assert_eq!(bench.read(CI), 0);

    assert_eq!(bench.run(read_dma(0, 1), &[(DATA, 512)]), (0x50, 0));
}

#[test]
fn unknown_commands_and_those_of_cd_roms_are_aborted() {
    let mut bench = Bench::new();
    for code in [ata::NOP, ata::PACKET, ata::IDENTIFY_PACKET, ata::DEVICE_RESET, 0xFF, 0xF9] {
        assert_eq!(bench.run(Command { code, ..Command::default() }, &[(DATA, 512)]), (0x51, 4), "{code:x}");
        bench.restart();
    }
}

#[test]
fn a_read_only_disk_refuses_every_change() {
    let mut bench = Bench::untouched(vec![Some(disk(Access::ReadOnly))]);
    bench.set_up();
    let trim = Command { feature: 1, ..Command::dma(ata::DATA_SET_MANAGEMENT, 0, 1) };
    let queued = Command { feature: 1, ..Command::dma(ata::WRITE_QUEUED, 0, 0) };
    for command in [write_dma(0, 1), Command::dma(ata::WRITE_SECTORS, 0, 1), trim, queued] {
        assert_eq!(bench.run(command, &[(DATA, 512)]), (0x51, 0x44));
        bench.restart();
    }
    assert_eq!(bench.run(read_dma(0, 1), &[(DATA, 512)]), (0x50, 0));
    assert_eq!(bench.content(), pattern(4096));
}

#[test]
fn too_few_descriptors_are_an_overflow() {
    let mut bench = Bench::new();

    assert_eq!(bench.run(read_dma(0, 2), &[(DATA, 512)]).0, 0x51);

    assert_eq!(bench.read(IS) & (OFS | TFES), OFS | TFES);
    bench.restart();
    assert_eq!(bench.run(read_dma(0, 2), &[(DATA, 1024)]), (0x50, 0));
}

#[test]
fn memory_that_is_none_is_a_bus_fault_wherever_it_is_named() {
    let outside = RAM as u64;
    for place in 0..4 {
        let mut bench = Bench::new();
        bench.prepare(0, &read_dma(0, 1), &[(DATA, 512)]);
        match place {
            0 => bench.write(CLB, outside as u32),
            1 => bench.poke(LIST + 8, &outside.to_le_bytes()),
            2 => bench.poke(TABLES + 0x80, &(outside - 256).to_le_bytes()),
            _ => bench.write(FB, outside as u32),
        }
        bench.write(CI, 1);
        assert_eq!(bench.read(IS) & HBFS, HBFS, "{place}");
        bench.write(CLB, LIST as u32);
        bench.write(FB, super::bench::FRAMES as u32);
        bench.restart();
        assert_eq!(bench.run(read_dma(0, 1), &[(DATA, 512)]), (0x50, 0));
    }
}

#[test]
fn a_thousand_empty_looking_descriptors_hold_nobody_up() {
    let mut bench = Bench::new();
    // Two bytes each: the smallest that there is.
    let pieces: Vec<(u64, u32)> = (0..4000).map(|_| (DATA, 2)).collect();
    bench.prepare(0, &read_dma(0, 4096), &pieces);
    bench.write(CI, 1);
    assert_eq!(bench.read(CI), 1);
    assert_eq!(bench.moved(0), 0);

    bench.settle();

    assert_eq!(bench.read(IS) & OFS, OFS);
    assert_eq!(bench.moved(0), 8000);
}

#[test]
fn stopping_the_list_gives_up_the_command_at_hand() {
    let mut bench = Bench::new();
    bench.prepare(0, &read_dma(0, 4096), &[(DATA, 1 << 21)]);
    bench.write(CI, 1);

    bench.write(CMD, 0x10);

    assert_eq!((bench.read(CI), bench.read(SACT)), (0, 0));
    bench.write(CMD, 0x19);
    assert_eq!(bench.read(TFD) & 0x88, 0);
    bench.restart();
    assert_eq!(bench.run(read_dma(1, 1), &[(DATA, 512)]), (0x50, 0));
}

#[test]
fn nothing_moves_without_bus_mastering() {
    let mut bench = Bench::new();
    bench.with(|ahci, context| ahci.config_write(4, AccessSize::Word, 2, context));
    bench.prepare(0, &read_dma(0, 1), &[(DATA, 512)]);
    bench.write(CI, 1);
    assert_eq!(bench.read(CI), 1);

    bench.with(|ahci, context| ahci.config_write(4, AccessSize::Word, 6, context));

    assert_eq!(bench.read(CI), 0);
}

#[test]
fn a_reset_forgets_everything_but_the_disk() {
    let mut bench = Bench::new();
    bench.run(write_dma(0, 1), &[(DATA, 512)]);
    bench.global_write(4, 1);
    assert_eq!(bench.global_read(4), 1 << 31);
    assert_eq!((bench.read(CMD), bench.read(CI)), (6, 0));
    assert_eq!(bench.content()[..512], [0; 512]);

    bench.set_up();
    assert_eq!(bench.run(read_dma(0, 1), &[(DATA, 512)]), (0x50, 0));
}

#[test]
fn a_state_of_another_disk_is_refused() {
    let saved = Bench::new().ahci.save();
    for drives in [vec![], vec![Some(disk(Access::ReadOnly))], vec![None, Some(disk(Access::ReadWrite))]] {
        assert!(Bench::untouched(drives).ahci.restore(saved.as_saved()).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_sequence_of_accesses_and_tables_breaks_the_controller(
        accesses in prop::collection::vec((0u8..5, 0u64..0x200, any::<u32>()), 0..120),
    ) {
        let mut bench = Bench::new();
        bench.prepare(0, &read_dma(0, 64), &[(DATA, 1 << 15)]);
        for (kind, at, value) in accesses {
            match kind {
                0 => bench.global_write(at & !3, value),
                1 => bench.poke(LIST + at, &value.to_le_bytes()),
                2 => bench.poke(TABLES + at, &value.to_le_bytes()),
                3 => bench.write(CI, value & 0xF),
                _ => { bench.global_read(at); }
            }
            bench.with(|ahci, context| ahci.advance(context));
            bench.effects.drain_messages();
        }
        let twin = bench.twin();
        prop_assert_eq!(twin.ahci.save(), bench.ahci.save());
    }
}
