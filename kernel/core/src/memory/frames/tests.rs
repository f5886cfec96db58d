use super::*;
use crate::testing::{FakeMachine, ram};
use proptest::prelude::*;
use std::collections::BTreeMap;

const RAM_BYTES: u64 = 64 << 20;

/// Something that is allocated: pages, and how many references or which kind.
#[derive(Debug)]
enum Held {
    Object { size: PageSize, references: u32 },
    Kernel { frame: KernelFrame<FakeMachine> },
    Block { pages: u64 },
}

#[derive(Clone, Debug)]
enum Step {
    Object { cpu: usize, is_large: bool },
    Share(usize),
    Drop { index: usize, cpu: usize },
    Kernel,
    Block(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (0..4usize, proptest::bool::weighted(0.2)).prop_map(|(cpu, is_large)| Step::Object { cpu, is_large }),
        2 => any::<usize>().prop_map(Step::Share),
        5 => (any::<usize>(), 0..4usize).prop_map(|(index, cpu)| Step::Drop { index, cpu }),
        2 => Just(Step::Kernel),
        1 => (1..=512u64).prop_map(Step::Block),
    ]
}

impl std::fmt::Debug for KernelFrame<FakeMachine> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}", self.address())
    }
}

fn frames() -> &'static Frames<FakeMachine> {
    FakeMachine::frames()
}

fn pages_of(held: &Held) -> u64 {
    match held {
        Held::Object { size, .. } => size.pages().raw(),
        Held::Kernel { .. } => 1,
        Held::Block { pages } => *pages,
    }
}

/// Whether no other allocation touches these pages.
fn insert(held: &mut BTreeMap<u64, Held>, address: Hpa, new: Held) {
    let (start, end) = (address.raw(), address.raw() + pages_of(&new) * 4096);
    let before = held.range(..end).next_back();
    let is_apart = before.is_none_or(|(other, what)| other + pages_of(what) * 4096 <= start);
    assert!(is_apart && start > 0 && end <= RAM_BYTES, "{address} was given out twice or does not exist");
    held.insert(start, new);
}

fn key_at(held: &BTreeMap<u64, Held>, index: usize) -> Option<u64> {
    held.keys().nth(index % held.len().max(1)).copied()
}

fn run(held: &mut BTreeMap<u64, Held>, step: Step) {
    match step {
        Step::Object { cpu, is_large } => {
            ram::set_cpu(cpu);
            let size = if is_large { PageSize::Large } else { PageSize::Small };
            if let Some(address) = frames().allocate_object(size) {
                assert!(address.is_aligned(size.bytes()));
                insert(held, address, Held::Object { size, references: 1 });
            }
        }
        Step::Share(index) => {
            let Some(key) = key_at(held, index) else { return };
            if let Some(Held::Object { size, references }) = held.get_mut(&key) {
                assert!(frames().share_object(Hpa::new(key), *size));
                *references += 1;
                assert!(frames().is_shared(Hpa::new(key), *size));
            }
        }
        Step::Drop { index, cpu } => {
            ram::set_cpu(cpu);
            let Some(key) = key_at(held, index) else { return };
            release(held, key);
        }
        Step::Kernel => {
            if let Some(frame) = frames().allocate_kernel() {
                assert_eq!(ram::read_entry(frame.address(), 511), 0);
                ram::write_entry(frame.address(), 511, 1);
                insert(held, frame.address(), Held::Kernel { frame });
            }
        }
        Step::Block(pages) => {
            if let Some(address) = frames().allocate_kernel_block(PageCount::new(pages)) {
                insert(held, address, Held::Block { pages });
            }
        }
    }
}

fn release(held: &mut BTreeMap<u64, Held>, key: u64) {
    let address = Hpa::new(key);
    match held.remove(&key) {
        Some(Held::Object { size, references }) => {
            frames().release_object(address, size);
            if references > 1 {
                held.insert(key, Held::Object { size, references: references - 1 });
            }
        }
        Some(Held::Kernel { frame }) => drop(frame),
        Some(Held::Block { pages }) => frames().free_kernel_block(address, PageCount::new(pages)),
        None => {}
    }
}

/// 2 MiB blocks that can be had now.
fn count_large() -> usize {
    let all: Vec<Hpa> = std::iter::from_fn(|| frames().allocate_object(PageSize::Large)).collect();
    all.iter().for_each(|block| frames().release_object(*block, PageSize::Large));
    all.len()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_frame_is_given_out_twice_and_none_is_lost(steps in prop::collection::vec(step(), 1..300)) {
        ram::set_up::<FakeMachine>(RAM_BYTES);
        let before = frames().counts();
        let large = count_large();
        let mut held = BTreeMap::new();
        for step in steps {
            run(&mut held, step);
            let counts = frames().counts();
            let object = held.values().filter(|held| matches!(held, Held::Object { .. })).map(pages_of).sum::<u64>();
            prop_assert_eq!(counts.object, PageCount::new(object));
        }
        while let Some(key) = key_at(&held, 0) {
            release(&mut held, key);
        }
        let after = frames().counts();
        prop_assert_eq!(after.object.raw(), 0);
        prop_assert_eq!(after.free.raw() + after.kernel.raw(), before.free.raw());
        // Everything joins again, but for what ring 0 keeps and what caches hold back.
        let kernel_blocks = (after.kernel.raw() >> BLOCK_ORDER) as usize;
        (0..4).for_each(|cpu| frames().drain(cpu, usize::MAX));
        prop_assert!(count_large() + kernel_blocks >= large);
    }
}

#[test]
fn ring_0_finds_frames_after_objects_took_all() {
    ram::set_up::<FakeMachine>(RAM_BYTES);

    while frames().allocate_object(PageSize::Small).is_some() {}

    assert!(frames().allocate_kernel().is_some());
    assert!(frames().counts().free.raw() >= 512);
}

#[test]
fn a_processor_gets_frames_of_its_node_first() {
    ram::set_up::<FakeMachine>(RAM_BYTES);
    frames().set_cpu_node(1, 1);

    ram::set_cpu(1);
    let near = frames().allocate_object(PageSize::Small).unwrap();
    ram::set_cpu(0);
    let far = frames().allocate_object(PageSize::Large).unwrap();

    assert!(near.raw() >= RAM_BYTES / 2);
    assert!(far.raw() < RAM_BYTES / 2);
}

#[test]
fn frames_in_other_processors_caches_are_not_lost() {
    ram::set_up::<FakeMachine>(RAM_BYTES);
    ram::set_cpu(1);
    let held = frames().allocate_object(PageSize::Small).unwrap();
    ram::set_cpu(0);

    let count = std::iter::from_fn(|| frames().allocate_object(PageSize::Small)).count();

    let reserve = frames().counts().free.raw();
    assert_eq!(count as u64 + 1 + reserve + 1, RAM_BYTES / 4096);
    frames().release_object(held, PageSize::Small);
}

#[test]
#[should_panic(expected = "freed twice")]
fn freeing_twice_is_noticed() {
    ram::set_up::<FakeMachine>(RAM_BYTES);
    let frame = frames().allocate_object(PageSize::Small).unwrap();

    frames().release_object(frame, PageSize::Small);
    frames().release_object(frame, PageSize::Small);
}

#[test]
fn what_is_taken_at_the_start_is_never_given_out() {
    ram::set_up::<FakeMachine>(RAM_BYTES);
    let range = |start, bytes| PhysicalRange { start: Hpa::new(start), bytes };
    let words = Frames::<FakeMachine>::table_words(1024) as usize;
    let table: Vec<_> = (0..words).map(|_| core::sync::atomic::AtomicU32::new(0)).collect();
    let own = Frames::<FakeMachine>::new(&FramesSetup {
        table: table.leak(),
        usable: &[range(0x1000, 0x10_0000), range(0x20_0800, 0x1000_0000)],
        kernel: &[range(0x8800, 0x1000), range(0x30_0000, 0x800)],
        reserved: &[range(0x8000, 0x1000), range(0, 0x2000)],
        nodes: &[],
    });

    let counts = own.counts();

    // The second range ends at the table's last frame; frames 1, 8, 9 and 0x300 are taken.
    assert_eq!(counts.total.raw(), 0x100 + 1024 - 0x201);
    assert_eq!(counts.kernel.raw(), 3);
    assert_eq!(counts.free.raw(), counts.total.raw() - 4);
    assert_eq!(counts.object.raw(), 0);
}
