//! What firmware's flash driver sees.

use crate::{BLOCK_BYTES, Flash, REGION, Rom, rom::RomWindow};
use alloc::{boxed::Box, vec, vec::Vec};
use base_units::{Gpa, Nanos};
use proptest::prelude::*;
use vmm_bus::{
    AccessSize, Attention, Context, Device, DirectId, Effects, FlatMemory, Region, VecMemory, volume::Access,
};
use vmm_snapshot::RestoreError;

const START: u64 = 0xFFC0_0000;

struct Bench {
    flash: Flash,
    memory: FlatMemory,
    effects: Effects,
}

impl Bench {
    fn new(access: Access, content: Vec<u8>) -> Self {
        let array = VecMemory::new(DirectId(7), content);
        Self {
            flash: Flash::new(Gpa::new(START), access, Box::new(array)),
            memory: FlatMemory::new(Gpa::new(0), 0),
            effects: Effects::new(),
        }
    }

    fn store() -> Self {
        Self::new(Access::ReadWrite, (0..4 * BLOCK_BYTES).map(|index| (index % 251) as u8).collect())
    }

    fn write(&mut self, offset: u64, value: u8) {
        self.write_sized(offset, AccessSize::Byte, u64::from(value));
    }

    fn write_sized(&mut self, offset: u64, size: AccessSize, value: u64) {
        let mut context = Context { now: Nanos::ZERO, memory: &self.memory, effects: &mut self.effects };
        self.flash.write(REGION, offset, size, value, &mut context);
    }

    fn read(&mut self, offset: u64) -> u8 {
        let mut context = Context { now: Nanos::ZERO, memory: &self.memory, effects: &mut self.effects };
        self.flash.read(REGION, offset, AccessSize::Byte, &mut context) as u8
    }

    fn program(&mut self, offset: u64, value: u8) {
        self.write(offset, 0x10);
        self.write(offset, value);
    }

    fn is_visible(&self) -> bool {
        let mut ranges = 0;
        self.flash.direct_ranges(&mut |range| {
            assert_eq!((range.start.raw(), range.bytes, range.offset), (START, self.flash.bytes(), 0));
            assert!(!range.is_writable);
            ranges += 1;
        });
        ranges == 1
    }

    fn changes(&mut self) -> Vec<u64> {
        let mut starts = vec![];
        self.flash.take_changes(|start, content| {
            assert_eq!(content.len() as u64, BLOCK_BYTES);
            starts.push(start);
        });
        starts
    }
}

#[test]
fn a_driver_that_probes_finds_flash() {
    let mut bench = Bench::store();
    let original = bench.read(1);

    bench.write(1, 0x50);
    assert_eq!(bench.read(1), original, "not RAM: the array shows");
    bench.write(1, 0x70);
    assert_eq!(bench.read(1), 0, "not ROM: the status shows, and was cleared");
    bench.write(1, 0xFF);
    assert_eq!(bench.read(1), original);
}

#[test]
fn programmed_bytes_are_there_when_the_array_shows_again() {
    let mut bench = Bench::store();

    bench.program(5, 0xAB);
    assert_eq!(bench.read(5) & 0x80, 0x80, "ready");
    assert!(!bench.is_visible());
    assert!(bench.effects.take_attention().contains(Attention::DIRECT));
    bench.write(5, 0xFF);

    assert!(bench.is_visible());
    assert!(bench.effects.take_attention().contains(Attention::DIRECT));
    assert_eq!((bench.read(4), bench.read(5), bench.read(6)), (4, 0xAB, 6));
    assert_eq!(bench.changes(), [0]);
    assert_eq!(bench.changes(), []);
}

#[test]
fn erasing_sets_one_block_to_ones() {
    let mut bench = Bench::store();

    bench.write(BLOCK_BYTES + 77, 0x20);
    bench.write(BLOCK_BYTES + 77, 0xD0);
    bench.write(0, 0xFF);

    assert_eq!((bench.read(BLOCK_BYTES), bench.read(2 * BLOCK_BYTES - 1)), (0xFF, 0xFF));
    assert_eq!(bench.read(BLOCK_BYTES - 1), ((BLOCK_BYTES - 1) % 251) as u8);
    assert_eq!(bench.read(2 * BLOCK_BYTES), (2 * BLOCK_BYTES % 251) as u8);
    assert_eq!(bench.changes(), [BLOCK_BYTES]);
}

#[test]
fn an_erase_without_confirmation_does_nothing() {
    let mut bench = Bench::store();

    bench.write(0, 0x20);
    bench.write(0, 0xFF);

    assert_eq!(bench.read(3), 3);
    assert!(!bench.flash.has_changes());
}

#[test]
fn a_buffered_write_lands_when_it_is_confirmed() {
    let mut bench = Bench::store();

    bench.write(0x100, 0xE8);
    assert_eq!(bench.read(0x100), 0x80, "the buffer is free");
    bench.write(0x100, 3);
    for (offset, value) in (0x100..).zip([9, 8, 7, 6]) {
        bench.write(offset, value);
    }
    assert!(!bench.flash.has_changes());
    bench.write(0x100, 0xD0);
    bench.write(0x100, 0xFF);

    assert_eq!(
        [0x100, 0x101, 0x102, 0x103, 0x104].map(|at| bench.read(at)),
        [9, 8, 7, 6, (0x104 % 251) as u8]
    );
}

#[test]
fn a_buffered_write_that_is_too_long_is_a_wrong_sequence() {
    let mut bench = Bench::store();

    bench.write(0, 0xE8);
    bench.write_sized(0, AccessSize::Word, 0x1000);

    assert_eq!(bench.read(0), 0xB0);
}

#[test]
fn wide_writes_program_all_their_bytes() {
    let mut bench = Bench::store();

    bench.write_sized(8, AccessSize::Dword, 0x40);
    bench.write_sized(8, AccessSize::Dword, 0x4433_2211);
    bench.write(0, 0xFF);

    assert_eq!([8, 9, 10, 11].map(|at| bench.read(at)), [0x11, 0x22, 0x33, 0x44]);
}

#[test]
fn a_read_only_chip_refuses_with_a_status() {
    let mut bench = Bench::new(Access::ReadOnly, vec![1; BLOCK_BYTES as usize]);

    bench.program(0, 0);
    assert_eq!(bench.read(0), 0x92, "ready, program failed, protected");
    bench.write(0, 0x50);
    bench.write(0, 0x20);
    bench.write(0, 0xD0);
    assert_eq!(bench.read(0), 0xA2, "ready, erase failed, protected");
    bench.write(0, 0xFF);
    assert_eq!(bench.read(0), 1);
    assert!(!bench.flash.has_changes());
}

#[test]
fn writes_behind_the_end_are_refused() {
    let mut bench = Bench::store();

    bench.write_sized(4 * BLOCK_BYTES - 1, AccessSize::Word, 0x10);
    bench.write_sized(4 * BLOCK_BYTES - 1, AccessSize::Word, 0x2233);

    assert_eq!(bench.read(0) & 0x10, 0x10);
}

#[test]
fn the_chip_names_itself() {
    let mut bench = Bench::store();

    bench.write(0, 0x90);
    assert_eq!((bench.read(0), bench.read(1), bench.read(2)), (0x89, 0x18, 0));
    bench.write(0, 0x98);
    assert_eq!([0x10, 0x11, 0x12].map(|at| bench.read(at)), *b"QRY");
    assert_eq!(bench.read(0x27), 14, "2^14 bytes");
    assert_eq!([0x2C, 0x2D, 0x2E, 0x2F, 0x30].map(|at| bench.read(at)), [1, 3, 0, 16, 0]);
    assert_eq!([0x31, 0x32, 0x33].map(|at| bench.read(at)), *b"PRI");
}

#[test]
fn content_survives_a_reset_and_the_array_shows() {
    let mut bench = Bench::store();
    bench.program(0, 0x77);

    let mut context = Context { now: Nanos::ZERO, memory: &bench.memory, effects: &mut bench.effects };
    bench.flash.reset(&mut context);

    assert!(bench.is_visible());
    assert_eq!(bench.read(0), 0x77);
}

#[test]
fn saved_state_holds_the_written_blocks_alone() {
    let mut bench = Bench::store();
    bench.program(BLOCK_BYTES, 0x77);
    let saved = bench.flash.save();
    assert!(saved.bytes().len() < 2 * BLOCK_BYTES as usize);

    let mut twin = Bench::store();
    twin.flash.restore(saved.as_saved()).unwrap();
    twin.write(0, 0xFF);
    assert_eq!((twin.read(BLOCK_BYTES), twin.read(2)), (0x77, 2));

    let mut other = Bench::store();
    other.program(0, 1);
    assert!(matches!(other.flash.restore(saved.as_saved()), Err(RestoreError::Impossible(_))));
    let mut small = Bench::new(Access::ReadWrite, vec![0; BLOCK_BYTES as usize]);
    assert!(matches!(small.flash.restore(saved.as_saved()), Err(RestoreError::Impossible(_))));
}

#[test]
fn a_rom_answers_at_each_of_its_places() {
    let content = (0..2 * BLOCK_BYTES).map(|index| (index / BLOCK_BYTES) as u8).collect();
    let windows = vec![
        RomWindow { start: Gpa::new(0xFFFF_E000), bytes: 2 * BLOCK_BYTES, offset: 0 },
        RomWindow { start: Gpa::new(0xF_F000), bytes: BLOCK_BYTES, offset: BLOCK_BYTES },
    ];
    let mut rom = Rom::new(Box::new(VecMemory::new(DirectId(1), content)), windows);
    let memory = FlatMemory::new(Gpa::new(0), 0);
    let mut effects = Effects::new();
    let mut context = Context { now: Nanos::ZERO, memory: &memory, effects: &mut effects };

    assert_eq!(rom.read(Region(0), 0, AccessSize::Byte, &mut context) as u8, 0);
    assert_eq!(rom.read(Region(1), 0, AccessSize::Byte, &mut context) as u8, 1);
    assert_eq!(rom.read(Region(2), 0, AccessSize::Word, &mut context) as u16, 0xFFFF);
    rom.write(Region(1), 0, AccessSize::Byte, 9, &mut context);
    assert_eq!(rom.read(Region(1), 0, AccessSize::Byte, &mut context) as u8, 1);
    let mut offsets = vec![];
    rom.direct_ranges(&mut |range| offsets.push(range.offset));
    assert_eq!(offsets, [0, BLOCK_BYTES]);
}

proptest! {
    /// The driver's view of the chip is that of an array of bytes.
    #[test]
    fn the_chip_is_an_array(steps in prop::collection::vec((0u64..4 * BLOCK_BYTES, any::<u8>(), 0u8..8), 0..60)) {
        let mut bench = Bench::store();
        let mut model: Vec<u8> = (0..4 * BLOCK_BYTES).map(|index| (index % 251) as u8).collect();
        for (offset, value, kind) in steps {
            if kind == 0 {
                bench.write(offset, 0x20);
                bench.write(offset, 0xD0);
                let start = (offset - offset % BLOCK_BYTES) as usize;
                model[start..start + BLOCK_BYTES as usize].fill(0xFF);
            } else {
                bench.program(offset, value);
                model[offset as usize] = value;
            }
        }
        bench.write(0, 0xFF);
        for (offset, byte) in (0..).zip(&model) {
            prop_assert_eq!(bench.read(offset), *byte);
        }
    }

    #[test]
    fn no_guest_makes_the_chip_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        crate::fuzz::drive(&bytes);
        crate::fuzz::restore(&bytes);
    }
}
