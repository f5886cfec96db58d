//! What the floppy controller promises.

use super::{Disk, Floppy, Geometry, PORTS, region};
use alloc::{vec, vec::Vec};
use base_units::{Gpa, Nanos};
use proptest::prelude::*;
use vmm_bus::{
    AccessSize, ByteVolume, Context, Device, Effects, FlatMemory, GuestMemory, Line, Region, volume::Access,
};

type Volume = ByteVolume<Vec<u8>>;

const DISK_BYTES: usize = 1_474_560;
const BUFFER: u32 = 0x1_0000;
const READ: u8 = 0xE6;
const WRITE: u8 = 0xC5;

/// A disk on which each sector is full of its number.
fn numbered(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|index| (index / 512 % 251) as u8).collect()
}

fn disk(content: Vec<u8>, access: Access) -> Option<Disk<Volume>> {
    Disk::new(ByteVolume::new(content), access)
}

struct Bench {
    floppy: Floppy<Volume>,
    effects: Effects,
    memory: FlatMemory,
}

impl Bench {
    fn with_disk(disk: Option<Disk<Volume>>) -> Self {
        let floppy = Floppy::new(Line { pin: 6, source: 0 }, [disk, None]);
        let memory = FlatMemory::new(Gpa::new(0), 0x40000);
        let mut bench = Self { floppy, effects: Effects::new(), memory };
        bench.output(0x3F2, 0x1C);
        assert!(bench.floppy.asserted, "the end of the reset interrupts");
        for drive in 0..4 {
            assert_eq!(bench.command(&[0x08]), [0xC0 | drive, 0]);
        }
        bench.output(0x3F7, 0);
        bench.command(&[0x03, 0xDF, 0x02]);
        bench
    }

    fn new() -> Self {
        Self::with_disk(disk(numbered(DISK_BYTES), Access::ReadWrite))
    }

    fn place(port: u16) -> (Region, u64) {
        let range = PORTS.iter().find(|(first, count)| (*first..first + count).contains(&port));
        let (first, _) = range.unwrap_or_else(|| panic!("port {port:#x}"));
        (region(*first), u64::from(port - first))
    }

    fn output(&mut self, port: u16, value: u8) {
        let (region, offset) = Self::place(port);
        let mut context = Context { now: Nanos::ZERO, memory: &self.memory, effects: &mut self.effects };
        self.floppy.write(region, offset, AccessSize::Byte, u64::from(value), &mut context);
    }

    fn input(&mut self, port: u16) -> u8 {
        let (region, offset) = Self::place(port);
        let mut context = Context { now: Nanos::ZERO, memory: &self.memory, effects: &mut self.effects };
        self.floppy.read(region, offset, AccessSize::Byte, &mut context) as u8
    }

    /// Sends a command; the result.
    fn command(&mut self, bytes: &[u8]) -> Vec<u8> {
        for byte in bytes {
            assert_eq!(self.input(0x3F4) & 0xC0, 0x80, "it takes a byte");
            self.output(0x3F5, *byte);
        }
        self.result()
    }

    fn result(&mut self) -> Vec<u8> {
        let mut result = Vec::new();
        while self.input(0x3F4) & 0xC0 == 0xC0 {
            result.push(self.input(0x3F5));
        }
        result
    }

    /// Lets channel 2 move so many bytes at [`BUFFER`].
    fn program_dma(&mut self, mode: u8, bytes: u16) {
        let [low, high] = (bytes - 1).to_le_bytes();
        for (port, value) in
            [(0x0A, 6), (0x0C, 0), (0x0B, mode), (0x04, 0), (0x04, 0), (0x81, (BUFFER >> 16) as u8)]
        {
            self.output(port, value);
        }
        for (port, value) in [(0x05, low), (0x05, high), (0x0A, 2)] {
            self.output(port, value);
        }
    }

    fn memory_at(&self, offset: u64, bytes: usize) -> Vec<u8> {
        let mut content = vec![0; bytes];
        assert_eq!(self.memory.read(Gpa::new(u64::from(BUFFER) + offset), &mut content), Ok(()));
        content
    }

    fn content(&self, sector: usize) -> Vec<u8> {
        let disk = self.floppy.disk(0).unwrap_or_else(|| panic!("no disk"));
        disk.volume().content().get(sector * 512..sector * 512 + 512).map(<[u8]>::to_vec).unwrap_or_default()
    }

    fn seek(&mut self, track: u8) {
        assert_eq!(self.command(&[0x0F, 0, track]), []);
        assert_eq!(self.command(&[0x08]), [0x20, track]);
    }
}

#[test]
fn sectors_are_read_by_dma_until_its_count_ends() {
    let mut bench = Bench::new();
    bench.seek(3);
    bench.program_dma(0x46, 1024);

    // Track 3, side 1, sector 17 and the next one: sectors 3 * 36 + 18 + 16 of the disk.
    let result = bench.command(&[READ, 0x04, 3, 1, 17, 2, 18, 0x1B, 0xFF]);

    assert_eq!(result, [0x04, 0, 0, 4, 0, 1, 2], "the next sector is on the next track");
    assert_eq!(bench.memory_at(0, 512), vec![142; 512]);
    assert_eq!(bench.memory_at(512, 513), [vec![143; 512], vec![0]].concat());
}

#[test]
fn a_multi_track_read_goes_on_on_the_other_side() {
    let mut bench = Bench::new();
    bench.program_dma(0x46, 1024);

    assert_eq!(bench.command(&[READ, 0, 0, 0, 18, 2, 18, 0x1B, 0xFF]), [0x04, 0, 0, 0, 1, 2, 2]);

    assert_eq!(bench.memory_at(512, 1), [18]);
}

#[test]
fn a_read_that_dma_does_not_end_ends_with_the_track() {
    let mut bench = Bench::new();
    bench.program_dma(0x46, 4096);

    assert_eq!(bench.command(&[0x46, 0, 0, 0, 18, 2, 18, 0x1B, 0xFF]), [0x40, 0x80, 0, 1, 0, 1, 2]);
}

#[test]
fn a_command_waits_for_its_channel_to_open() {
    let mut bench = Bench::new();
    assert_eq!(bench.command(&[READ, 0, 0, 0, 1, 2, 18, 0x1B, 0xFF]), []);
    assert_eq!(bench.input(0x3F4), 0x10);

    bench.program_dma(0x46, 512);

    assert_eq!(bench.result().len(), 7);
}

#[test]
fn sectors_are_written_and_protected_disks_are_not() {
    let mut bench = Bench::new();
    assert_eq!(bench.memory.write(Gpa::new(u64::from(BUFFER)), &[0x77; 512]), Ok(()));
    bench.program_dma(0x4A, 512);
    assert_eq!(bench.command(&[WRITE, 0, 0, 0, 5, 2, 18, 0x1B, 0xFF]), [0, 0, 0, 0, 0, 6, 2]);
    assert_eq!((bench.content(4), bench.content(5)), (vec![0x77; 512], vec![5; 512]));

    let mut bench = Bench::with_disk(disk(numbered(DISK_BYTES), Access::ReadOnly));
    bench.program_dma(0x4A, 512);
    let result = bench.command(&[WRITE, 0, 0, 0, 5, 2, 18, 0x1B, 0xFF]);
    assert_eq!(result.get(..3), Some([0x40, 0x02, 0].as_slice()));
    assert_eq!(bench.content(4), vec![4; 512]);
    assert_eq!(bench.command(&[0x04, 0]), [0x78], "the drive says so too");
}

#[test]
fn data_move_by_hand_without_dma() {
    let mut bench = Bench::new();
    bench.command(&[0x03, 0xDF, 0x03]);
    for byte in [0x46, 0, 0, 0, 18, 2, 18, 0x1B, 0xFF] {
        bench.output(0x3F5, byte);
    }
    assert_eq!(bench.input(0x3F4), 0xF0);
    assert!(bench.floppy.asserted);

    let data: Vec<u8> = (0..512).map(|_| bench.input(0x3F5)).collect();

    assert_eq!(data, vec![17; 512]);
    assert_eq!(bench.result(), [0x40, 0x80, 0, 1, 0, 1, 2]);
}

#[test]
fn a_track_is_formatted() {
    let mut bench = Bench::new();
    bench.seek(1);
    let addresses: Vec<u8> = (1..=18).flat_map(|sector| [1, 1, sector, 2]).collect();
    assert_eq!(bench.memory.write(Gpa::new(u64::from(BUFFER)), &addresses), Ok(()));
    bench.program_dma(0x4A, 72);

    let result = bench.command(&[0x4D, 0x04, 2, 18, 0x54, 0xF6]);

    assert_eq!(result.get(..3), Some([0x04, 0, 0].as_slice()));
    assert_eq!((bench.content(53), bench.content(54)), (vec![53; 512], vec![0xF6; 512]));
    assert_eq!((bench.content(71), bench.content(72)), (vec![0xF6; 512], vec![72; 512]));
}

#[test]
fn what_is_not_there_is_not_found() {
    for (command, status) in [
        ([READ, 0, 0, 0, 19, 2, 19, 0x1B, 0xFF], [0x40, 0x04, 0x00]),
        ([READ, 0, 5, 0, 1, 2, 18, 0x1B, 0xFF], [0x40, 0x04, 0x10]),
        ([READ, 0, 0, 0, 1, 3, 18, 0x1B, 0xFF], [0x40, 0x04, 0x00]),
        ([0xA6, 0, 0, 0, 1, 2, 18, 0x1B, 0xFF], [0x40, 0x01, 0x00]),
        ([READ, 1, 0, 0, 1, 2, 18, 0x1B, 0xFF], [0x41, 0x01, 0x00]),
    ] {
        let mut bench = Bench::new();
        bench.program_dma(0x46, 512);
        assert_eq!(bench.command(&command).get(..3), Some(status.as_slice()), "{command:x?}");
    }
}

#[test]
fn the_data_rate_must_be_that_of_the_disk() {
    let mut bench = Bench::new();
    bench.output(0x3F7, 2);
    assert_eq!(bench.command(&[0x4A, 0]).get(..2), Some([0x40, 0x01].as_slice()));
    bench.output(0x3F7, 0);

    assert_eq!(bench.command(&[0x4A, 0]), [0, 0, 0, 0, 0, 2, 2]);
}

#[test]
fn the_change_line_falls_when_the_head_moves_over_a_disk() {
    let mut bench = Bench::new();
    assert_eq!(bench.input(0x3F7), 0x80);
    bench.command(&[0x07, 0]);
    assert_eq!(bench.input(0x3F7), 0);

    let old = bench.floppy.replace_disk(0, None);
    assert!(old.is_some());
    bench.command(&[0x07, 0]);
    assert_eq!(bench.input(0x3F7), 0x80, "there is no disk");
    assert_eq!(bench.command(&[0x08]), [0x20, 0]);
}

#[test]
fn it_says_what_it_is_and_keeps_its_settings() {
    let mut bench = Bench::new();
    assert_eq!(bench.command(&[0x10]), [0x90]);
    assert_eq!(bench.command(&[0x18]), [0x80], "no such command");
    assert_eq!(bench.command(&[0x08]), [0x80], "nothing to tell");
    bench.command(&[0x13, 0, 0x57, 0]);
    assert_eq!(bench.command(&[0x94]), [0x10]);
    bench.output(0x3F4, 0x80);

    let registers = bench.command(&[0x08]);
    assert_eq!(registers, [0xC0, 0], "it was reset");
    assert_eq!(bench.command(&[0x0E]), [0, 0, 0, 0, 0xDF, 0x02, 0, 0x80, 0x57, 0]);
}

#[test]
fn sizes_say_geometries() {
    let of = |bytes| {
        Geometry::of_bytes(bytes).map(|geometry| (geometry.tracks, geometry.sectors, geometry.cmos_type))
    };
    assert_eq!(of(1_474_560), Some((80, 18, 4)));
    assert_eq!(of(2_949_120), Some((80, 36, 5)));
    assert_eq!(of(1_228_800), Some((80, 15, 2)));
    assert_eq!(of(737_280), Some((80, 9, 3)));
    assert_eq!(of(10_000), Some((80, 18, 4)), "cut short");
    assert_eq!((of(0), of(3_000_000)), (None, None));
}

#[test]
fn an_image_that_was_cut_short_is_empty_behind_its_end() {
    let mut bench = Bench::with_disk(disk(numbered(700), Access::ReadWrite));
    bench.program_dma(0x46, 1536);

    assert_eq!(bench.command(&[READ, 0, 0, 0, 1, 2, 18, 0x1B, 0xFF]).first(), Some(&0));

    let expected = [vec![0; 512], vec![1; 188], vec![0; 836]].concat();
    assert_eq!(bench.memory_at(0, 1536), expected);
}

const TARGETS: [u16; 14] =
    [0x3F2, 0x3F4, 0x3F5, 0x3F5, 0x3F5, 0x3F5, 0x3F5, 0x3F7, 0x0A, 0x0B, 0x04, 0x05, 0x81, 0x0F];

fn act(bench: &mut Bench, step: (usize, u8, bool)) -> u8 {
    let (target, value, reads) = step;
    let port = TARGETS.get(target % TARGETS.len()).copied().unwrap_or(0x3F5);
    if !reads {
        bench.output(port, value);
    }
    bench.input(port)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_access_panics_and_a_restored_controller_goes_on_as_the_saved_one(
        before in prop::collection::vec((any::<usize>(), any::<u8>(), any::<bool>()), 0..150),
        after in prop::collection::vec((any::<usize>(), any::<u8>(), any::<bool>()), 0..80),
    ) {
        let small = || Bench::with_disk(disk(numbered(327_680), Access::ReadOnly));
        let mut bench = small();
        for step in before { act(&mut bench, step); }
        let mut twin = small();

        prop_assert_eq!(twin.floppy.restore(bench.floppy.save().as_saved()), Ok(()));

        for step in after {
            prop_assert_eq!(act(&mut bench, step), act(&mut twin, step));
        }
        prop_assert_eq!(bench.floppy.save(), twin.floppy.save());
    }
}
