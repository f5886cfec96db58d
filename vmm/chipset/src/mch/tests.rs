//! What the memory controller hub promises.

use super::{Mch, SHADOW_BYTES, SHADOW_REGION, SHADOW_START, Shadow};
use alloc::{boxed::Box, vec, vec::Vec};
use base_units::{Gpa, Nanos};
use vmm_bus::{
    AccessSize, Attention, Context, Device, DirectId, DirectRange, Effects, FlatMemory, GuestMemory,
    VecMemory,
    pci::{Space, Window},
};

const RAM: DirectId = DirectId(7);
const ROM: DirectId = DirectId(8);

struct Bench {
    mch: Mch,
    effects: Effects,
    memory: FlatMemory,
}

impl Bench {
    fn new() -> Self {
        // A ROM whose bytes are the numbers of their pages, of which 128 KiB show below 1 MiB.
        let rom = (0..0x4_0000).map(|at| (at >> 12) as u8).collect();
        let shadow = Shadow::new(RAM, Box::new(VecMemory::new(ROM, rom)), 0x2_0000);
        let mch = Mch::new(Gpa::new(0x8000_0000), shadow);
        Self { mch, effects: Effects::new(), memory: FlatMemory::new(SHADOW_START, SHADOW_BYTES as usize) }
    }

    fn read_memory(&mut self, at: u64) -> u8 {
        let mut context = Context { now: Nanos::ZERO, memory: &self.memory, effects: &mut self.effects };
        self.mch.read(SHADOW_REGION, at - SHADOW_START.raw(), AccessSize::Byte, &mut context) as u8
    }

    fn write_memory(&mut self, at: u64, value: u8) {
        let mut context = Context { now: Nanos::ZERO, memory: &self.memory, effects: &mut self.effects };
        let offset = at - SHADOW_START.raw();
        self.mch.write(SHADOW_REGION, offset, AccessSize::Byte, value.into(), &mut context);
    }

    /// What the guest sees as memory: start, bytes, which memory, from where, whether it may write.
    fn ranges(&self) -> Vec<(u64, u64, DirectId, u64, bool)> {
        let mut ranges = vec![];
        self.mch.direct_ranges(&mut |range: DirectRange| {
            let DirectRange { start, bytes, memory, offset, is_writable } = range;
            ranges.push((start.raw(), bytes, memory, offset, is_writable));
        });
        ranges
    }

    fn write(&mut self, offset: u16, size: AccessSize, value: u32) {
        let mut context = Context { now: Nanos::ZERO, memory: &self.memory, effects: &mut self.effects };
        self.mch.config_write(offset, size, value, &mut context);
    }

    fn read(&mut self, offset: u16, size: AccessSize) -> u32 {
        let mut context = Context { now: Nanos::ZERO, memory: &self.memory, effects: &mut self.effects };
        self.mch.config_read(offset, size, &mut context)
    }
}

#[test]
fn it_is_a_q35_as_firmware_looks_for_it() {
    let mut bench = Bench::new();

    assert_eq!(bench.read(0, AccessSize::Dword), 0x29C0_8086);
    assert_eq!(bench.read(0xB0, AccessSize::Word), 0x8000);
}

#[test]
fn pciexbar_opens_configuration_space() {
    let mut bench = Bench::new();
    assert_eq!(bench.mch.windows(), []);
    for (low, start, mib) in
        [(0xB000_0001_u32, 0xB000_0000, 256), (0xE800_0003, 0xE800_0000, 128), (0xEC00_0005, 0xEC00_0000, 64)]
    {
        bench.write(0x64, AccessSize::Dword, 0);
        bench.write(0x60, AccessSize::Dword, low);

        let window = *bench.mch.windows().first().unwrap_or_else(|| panic!("no window"));
        assert!(bench.effects.take_attention().contains(Attention::WINDOWS));
        let Window { space, start: at, bytes, .. } = window;
        assert_eq!((space, at, bytes), (Space::Configuration, start, mib << 20));
    }
    bench.write(0x60, AccessSize::Dword, 0xB000_0007);
    assert_eq!(bench.mch.windows(), [], "a size that is reserved");
}

#[test]
fn firmware_can_shadow_itself_and_finds_smram_locked() {
    let mut bench = Bench::new();
    bench.write(0x90, AccessSize::Dword, 0xFFFF_FFFF);
    assert_eq!(bench.read(0x90, AccessSize::Dword), 0x3333_3330);

    bench.write(0x9D, AccessSize::Byte, 0x4A);
    assert_eq!(bench.read(0x9D, AccessSize::Byte), 0x12);
}

#[test]
fn the_end_of_the_rom_shows_below_1_mib_after_a_reset() {
    let mut bench = Bench::new();

    assert_eq!(bench.ranges(), [(0xE_0000, 0x2_0000, ROM, 0x2_0000, false)]);
    assert_eq!((bench.read_memory(0xE_0000), bench.read_memory(0xF_FFFF)), (0x20, 0x3F));
    assert_eq!(bench.read_memory(0xC_0000), 0xFF, "nothing is there");

    bench.write(0x90, AccessSize::Byte, 0x30);
    assert!(bench.effects.take_attention().contains(Attention::DIRECT));
    let mut context = Context { now: Nanos::ZERO, memory: &bench.memory, effects: &mut bench.effects };
    bench.mch.reset(&mut context);
    assert!(bench.effects.take_attention().contains(Attention::DIRECT));
    assert_eq!(bench.read_memory(0xF_0000), 0x30);
}

#[test]
fn firmware_copies_itself_to_ram_and_protects_it() {
    let mut bench = Bench::new();

    // Reads show the ROM, writes reach RAM.
    bench.write(0x90, AccessSize::Byte, 0x20);
    let copied = bench.read_memory(0xF_1234);
    bench.write_memory(0xF_1234, copied ^ 0xFF);
    assert_eq!(bench.read_memory(0xF_1234), 0x31);

    // Reads show RAM, nothing is written any more.
    bench.write(0x90, AccessSize::Byte, 0x10);
    assert_eq!(bench.read_memory(0xF_1234), !0x31);
    bench.write_memory(0xF_1234, 0);
    assert_eq!(bench.memory.read_u8(Gpa::new(0xF_1234)), Ok(!0x31));
    assert_eq!(bench.ranges()[1], (0xF_0000, 0x1_0000, RAM, 0xF_0000, false));
}

#[test]
fn each_segment_has_attributes_of_its_own() {
    let mut bench = Bench::new();
    bench.write(0x90, AccessSize::Dword, 0x3333_3330);
    bench.write(0x94, AccessSize::Dword, 0x0033_3333);
    assert_eq!(bench.ranges(), [(0xC_0000, 0x4_0000, RAM, 0xC_0000, true)], "all RAM is one range");

    bench.write(0x91, AccessSize::Byte, 0x13);
    bench.write(0x95, AccessSize::Byte, 0x03);

    assert_eq!(
        bench.ranges(),
        [
            (0xC_0000, 0x4000, RAM, 0xC_0000, true),
            (0xC_4000, 0x4000, RAM, 0xC_4000, false),
            (0xC_8000, 0x1_C000, RAM, 0xC_8000, true),
            (0xE_4000, 0x4000, ROM, 0x2_4000, false),
            (0xE_8000, 0x1_8000, RAM, 0xE_8000, true),
        ]
    );
}

#[test]
fn whatever_the_attributes_memory_and_reads_are_the_same() {
    let mut bench = Bench::new();
    let rom: Vec<u8> = (0..0x4_0000).map(|at| (at >> 12) as u8).collect();
    assert_eq!(bench.memory.write(SHADOW_START, &[0xAA; SHADOW_BYTES as usize]), Ok(()));
    for pattern in 0..4096_u32 {
        bench.write(0x90, AccessSize::Dword, pattern.wrapping_mul(0x9E37_79B9));
        bench.write(0x94, AccessSize::Dword, pattern.wrapping_mul(0x85EB_CA6B));
        let ranges = bench.ranges();
        for at in (SHADOW_START.raw()..0x10_0000).step_by(0x2000) {
            let shown = ranges.iter().find(|(start, bytes, ..)| (*start..start + bytes).contains(&at));
            let expected = shown.map_or(0xFF, |(start, _, memory, offset, _)| match *memory {
                RAM => 0xAA,
                _ => rom[(offset + at - start) as usize],
            });
            assert_eq!(bench.read_memory(at), expected, "{at:x} with {pattern}");
        }
    }
}

#[test]
fn a_restored_hub_has_the_windows_of_the_saved_one() {
    let mut bench = Bench::new();
    bench.write(0x60, AccessSize::Dword, 0xB000_0001);
    let mut twin = Bench::new();

    assert_eq!(twin.mch.restore(bench.mch.save().as_saved()), Ok(()));

    assert_eq!(twin.mch.windows(), bench.mch.windows());
}
