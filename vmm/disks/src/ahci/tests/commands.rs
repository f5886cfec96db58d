//! Commands that go well.

use super::bench::{
    Bench, CI, CMD, Command, DATA, DHRS, FRAMES, IS, PSS, RAM, SCTL, SERR, SIG, SSTS, TFD, disk, pattern,
    read_dma, write_dma,
};
use alloc::vec;
use proptest::prelude::*;
use spec::ata::command as ata;
use vmm_bus::{AccessSize, Attention, Device, volume::Access};

fn text(words: &[u8]) -> vec::Vec<u8> {
    words.chunks(2).flat_map(|word| [word[1], word[0]]).collect()
}

#[test]
fn a_driver_finds_the_controller_and_its_drive() {
    let mut bench = Bench::untouched(vec![Some(disk(Access::ReadWrite)), None]);
    assert_eq!(bench.with(|ahci, context| ahci.config_read(0, AccessSize::Dword, context)), 0x2922_8086);
    assert_eq!(bench.with(|ahci, context| ahci.config_read(8, AccessSize::Dword, context)) >> 8, 0x01_06_01);
    assert_eq!(bench.global_read(0x0C), 0x3F, "six ports");
    assert_eq!(bench.global_read(0) & 0x1F, 5);
    assert_eq!(bench.global_read(4), 1 << 31);

    assert_eq!((bench.read(SSTS), bench.global_read(0x1A8)), (0x133, 0));
    assert_eq!(bench.read(TFD), 0x7F, "nothing is received yet");
    bench.set_up();

    assert_eq!(bench.read(SIG), 0x101);
    assert_eq!(bench.read(TFD), 0x150);
    assert_eq!(bench.read(CMD) & 0xC017, 0xC017);
    assert_eq!(bench.peek(FRAMES + 0x40, 3), [0x34, 0, 0x50]);
}

#[test]
fn a_link_reset_shows_a_new_drive() {
    let mut bench = Bench::new();
    bench.write(CMD, 0x10);
    bench.write(SCTL, 0x301);
    assert_eq!((bench.read(SSTS), bench.read(TFD)), (0, 0x7F));

    bench.write(SCTL, 0x300);

    assert_eq!((bench.read(SSTS), bench.read(SIG), bench.read(TFD)), (0x133, 0x101, 0x150));
    assert_eq!(bench.read(SERR) & 1 << 26, 1 << 26);
    assert_eq!(bench.read(IS) & 1 << 6, 1 << 6);
    bench.write(SERR, 1 << 26);
    assert_eq!(bench.read(IS) & 1 << 6, 0);
}

#[test]
fn a_software_reset_by_two_frames_brings_the_signature() {
    let mut bench = Bench::new();
    bench.run(read_dma(0, 1), &[(DATA, 512)]);
    for control in [4, 0] {
        bench.prepare(0, &Command::default(), &[]);
        bench.poke(super::bench::TABLES, &[0x27, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, control]);
        bench.write(CI, 1);
        assert_eq!(bench.read(CI), 0);
    }

    assert_eq!((bench.read(SIG), bench.read(TFD)), (0x101, 0x150));
}

#[test]
fn identify_names_the_disk_and_adds_up_to_zero() {
    let mut bench = Bench::new();

    let answer = bench
        .run(Command { code: ata::IDENTIFY, ..Command::default() }, &[(DATA, 256), (DATA + 0x1000, 256)]);

    assert_eq!(answer, (0x50, 0));
    let data = [bench.peek(DATA, 256), bench.peek(DATA + 0x1000, 256)].concat();
    assert_eq!(data.iter().copied().fold(0, u8::wrapping_add), 0);
    assert_eq!(text(&data[54..94]).trim_ascii_end(), b"Corten disk");
    assert_eq!(text(&data[20..40]).trim_ascii_end(), b"serial-1");
    assert_eq!(u32::from_le_bytes(data[120..124].try_into().unwrap()), 4096);
    assert_eq!(u64::from_le_bytes(data[200..208].try_into().unwrap()), 4096);
    assert_eq!(data[153] & 1, 1, "queued commands");
    assert_eq!(bench.read(IS) & (PSS | DHRS), PSS, "data in by PIO ends with its setup frame");
    assert_eq!(bench.peek(FRAMES + 0x20, 3), [0x5F, 0x60, 0x58]);
    assert_eq!(bench.peek(FRAMES + 0x20 + 15, 3), [0x50, 0, 2]);
    assert_eq!(bench.moved(0), 512);
}

#[test]
fn a_read_is_spread_over_its_descriptors() {
    let mut bench = Bench::new();

    let answer = bench.run(read_dma(3, 4), &[(DATA, 100), (DATA + 0x1000, 924), (DATA + 0x2000, 4096)]);

    let expected = &pattern(8)[3 * 512..7 * 512];
    assert_eq!(answer, (0x50, 0));
    assert_eq!(bench.peek(DATA, 100), expected[..100]);
    assert_eq!(bench.peek(DATA + 0x1000, 924), expected[100..1024]);
    assert_eq!(bench.peek(DATA + 0x2000, 1024), expected[1024..]);
    assert_eq!(bench.peek(DATA + 0x2400, 4), [0; 4], "nothing behind the end");
    assert_eq!((bench.moved(0), bench.read(CI), bench.read(IS) & DHRS), (2048, 0, DHRS));
    assert_eq!(bench.global_read(8), 1);
}

#[test]
fn every_way_to_write_is_read_back_in_every_way() {
    let writes = [
        ata::WRITE_SECTORS,
        ata::WRITE_SECTORS_EXT,
        ata::WRITE_MULTIPLE,
        ata::WRITE_MULTIPLE_EXT,
        ata::WRITE_DMA,
        ata::WRITE_DMA_EXT,
        ata::WRITE_DMA_FUA_EXT,
    ];
    let reads = [
        ata::READ_SECTORS,
        ata::READ_SECTORS_EXT,
        ata::READ_MULTIPLE,
        ata::READ_MULTIPLE_EXT,
        ata::READ_DMA,
        ata::READ_DMA_EXT,
    ];
    let mut bench = Bench::new();
    for (round, write) in writes.into_iter().enumerate() {
        bench.poke(DATA, &vec![round as u8 + 1; 40 * 512]);
        assert_eq!(bench.run(Command::dma(write, 17, 40), &[(DATA, 40 * 512)]), (0x50, 0));
        for read in reads {
            bench.poke(DATA, &vec![0; 40 * 512]);
            assert_eq!(bench.run(Command::dma(read, 17, 40), &[(DATA, 40 * 512)]), (0x50, 0));
            assert_eq!(bench.peek(DATA, 40 * 512), vec![round as u8 + 1; 40 * 512], "{write:x} {read:x}");
        }
    }
    assert_eq!(bench.content()[..17 * 512], pattern(17));
}

#[test]
fn old_software_addresses_by_cylinder_head_and_sector() {
    let mut bench = Bench::new();
    // Cylinder 2, head 5, sector 7 of 16 heads with 63 sectors.
    let sector = (2 * 16 + 5) * 63 + 7 - 1;
    let place =
        Command { code: ata::READ_SECTORS, lba: 2 << 8 | 7, count: 1, device: 5, ..Command::default() };

    assert_eq!(bench.run(place, &[(DATA, 512)]), (0x50, 0));

    assert_eq!(bench.peek(DATA, 512), pattern(4096)[sector * 512..(sector + 1) * 512]);
    let shape = Command { code: ata::INITIALIZE_PARAMETERS, count: 10, device: 3, ..Command::default() };
    assert_eq!(bench.run(shape, &[]), (0x50, 0));
    let beyond = Command { lba: 11, device: 0, ..place };
    assert_eq!(bench.run(beyond, &[(DATA, 512)]), (0x51, 0x10), "sector 11 of 10");
}

#[test]
fn a_long_transfer_is_continued_later_and_survives_a_move_to_another_machine() {
    let mut bench = Bench::new();
    bench.prepare(0, &read_dma(0, 4096), &[(DATA, 1 << 21)]);
    bench.effects.take_attention();
    bench.write(CI, 1);
    assert_eq!(bench.read(CI), 1, "2 MiB take more than one call");
    assert_eq!(bench.read(TFD) & 0x80, 0x80, "busy");
    assert!(bench.effects.attention().contains(Attention::DEADLINE));

    let mut twin = bench.twin();
    for machine in [&mut bench, &mut twin] {
        machine.settle();
        assert_eq!((machine.read(CI), machine.read(TFD) & 0xFF), (0, 0x50));
        assert_eq!(machine.peek(DATA, 1 << 21), pattern(4096));
    }
}

#[test]
fn the_interrupt_is_a_level_until_port_and_controller_are_told() {
    let mut bench = Bench::new();
    bench.effects.take_attention();
    bench.run(read_dma(0, 1), &[(DATA, 512)]);
    let is_pending = |bench: &mut Bench| {
        bench.with(|ahci, context| ahci.config_read(6, AccessSize::Word, context)) & 8 != 0
    };
    assert!(is_pending(&mut bench));

    bench.global_write(8, 1);
    assert!(is_pending(&mut bench), "the port still wants attention");
    bench.write(IS, DHRS);
    bench.global_write(8, 1);

    assert!(!is_pending(&mut bench));
}

#[test]
fn a_message_is_sent_for_each_completion_and_again_for_what_remains() {
    let mut bench = Bench::new();
    bench.with(|ahci, context| {
        ahci.config_write(0x44, AccessSize::Dword, 0xFEE0_0000, context);
        ahci.config_write(0x4C, AccessSize::Word, 0x31, context);
        ahci.config_write(0x42, AccessSize::Word, 1, context);
    });
    bench.run(read_dma(0, 1), &[(DATA, 512)]);
    assert_eq!(bench.effects.drain_messages().count(), 1);

    bench.global_write(8, 1);
    assert_eq!(bench.effects.drain_messages().count(), 1, "the port was not looked at");
    bench.write(IS, DHRS);
    bench.global_write(8, 1);
    assert_eq!(bench.effects.drain_messages().count(), 0);
}

#[test]
fn trimmed_sectors_stay_readable_and_flushes_succeed() {
    let mut bench = Bench::new();
    let range: u64 = 8 << 48 | 100;
    bench.poke(DATA, &[0; 512]);
    bench.poke(DATA, &range.to_le_bytes());
    let trim = Command { feature: 1, count: 1, ..Command::dma(ata::DATA_SET_MANAGEMENT, 0, 1) };

    assert_eq!(bench.run(trim, &[(DATA, 512)]), (0x50, 0));
    for code in [ata::FLUSH, ata::FLUSH_EXT, ata::STANDBY_IMMEDIATE, ata::READ_VERIFY_EXT] {
        assert_eq!(bench.run(Command::dma(code, 0, 1), &[]), (0x50, 0));
    }
    assert_eq!(bench.run(read_dma(100, 8), &[(DATA, 4096)]), (0x50, 0));
    let beyond: u64 = 8 << 48 | 4090;
    bench.poke(DATA, &beyond.to_le_bytes());
    assert_eq!(bench.run(trim, &[(DATA, 512)]).0, 0x51);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_disk_holds_what_a_model_holds(
        steps in prop::collection::vec((any::<bool>(), 0u64..4100, 1u16..64, any::<u8>(), any::<bool>()), 1..24),
    ) {
        let mut bench = Bench::new();
        let mut model = pattern(4096);
        for (is_write, lba, count, value, moves) in steps {
            let bytes = usize::from(count) * 512;
            let place = lba as usize * 512..lba as usize * 512 + bytes;
            let fits = place.end <= model.len();
            if is_write {
                bench.poke(DATA, &vec![value; bytes]);
            }
            let command = if is_write { write_dma(lba, count) } else { read_dma(lba, count) };
            let answer = bench.run(command, &[(DATA, 512), (DATA + 512, bytes as u32)]);
            prop_assert_eq!(answer, if fits { (0x50, 0) } else { (0x51, 0x10) });
            if !fits {
                bench.restart();
            } else if is_write {
                model[place].fill(value);
            } else {
                prop_assert_eq!(bench.peek(DATA, bytes), &model[place]);
            }
            if moves {
                bench = bench.twin();
            }
        }
        prop_assert_eq!(bench.content(), &model[..]);
        prop_assert_eq!(bench.peek(RAM as u64 - 16, 16), vec![0; 16]);
    }
}
