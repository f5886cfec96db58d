//! What the memory controller hub promises.

use super::Mch;
use base_units::{Gpa, Nanos};
use vmm_bus::{
    AccessSize, Attention, Context, Device, Effects, FlatMemory,
    pci::{Space, Window},
};

struct Bench {
    mch: Mch,
    effects: Effects,
    memory: FlatMemory,
}

impl Bench {
    fn new() -> Self {
        let mch = Mch::new(Gpa::new(0x8000_0000));
        Self { mch, effects: Effects::new(), memory: FlatMemory::new(Gpa::new(0), 0) }
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
fn a_restored_hub_has_the_windows_of_the_saved_one() {
    let mut bench = Bench::new();
    bench.write(0x60, AccessSize::Dword, 0xB000_0001);
    let mut twin = Bench::new();

    assert_eq!(twin.mch.restore(bench.mch.save().as_saved()), Ok(()));

    assert_eq!(twin.mch.windows(), bench.mch.windows());
}
