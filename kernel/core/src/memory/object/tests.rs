use super::*;
use crate::memory;
use crate::testing::{FakeMachine, ram};
use proptest::prelude::*;
use std::collections::BTreeSet;

type Memory = MemoryObject<FakeMachine>;

const PAGE: u64 = PAGE_BYTES;

/// An object and what it should hold.
struct Tracked {
    memory: Arc<Memory>,
    /// A number in the first word of each page.
    pages: Vec<u64>,
    dirty: Option<BTreeSet<u64>>,
}

#[derive(Clone, Debug)]
enum Step {
    Write { object: usize, page: u64, value: u64 },
    Commit { object: usize, page: u64, count: u64 },
    Decommit { object: usize, page: u64, count: u64 },
    Clone { object: usize, page: u64, count: u64 },
    Drop(usize),
    Start(usize),
    Stop(usize),
    Collect { object: usize, page: u64, count: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    let range = || (any::<usize>(), any::<u64>(), 1..1500u64);
    prop_oneof![
        10 => (any::<usize>(), any::<u64>(), 1..u64::MAX)
            .prop_map(|(object, page, value)| Step::Write { object, page, value }),
        1 => (any::<usize>(), any::<u64>(), 1..40u64)
            .prop_map(|(object, page, count)| Step::Commit { object, page, count }),
        3 => range().prop_map(|(object, page, count)| Step::Decommit { object, page, count }),
        3 => range().prop_map(|(object, page, count)| Step::Clone { object, page, count }),
        1 => any::<usize>().prop_map(Step::Drop),
        1 => any::<usize>().prop_map(Step::Start),
        1 => any::<usize>().prop_map(Step::Stop),
        3 => range().prop_map(|(object, page, count)| Step::Collect { object, page, count }),
    ]
}

impl Tracked {
    fn new(group: &Arc<Group>, pages: u64, flags: MemoryFlags) -> Self {
        let memory = Memory::create(group.clone(), pages * PAGE, flags).unwrap();
        Self { memory, pages: vec![0; pages as usize], dirty: None }
    }

    fn clamp(&self, page: u64, count: u64) -> Range<u64> {
        let len = self.pages.len() as u64;
        let start = page % len;
        start..(start + count).min(len)
    }

    fn write(&mut self, page: u64, value: u64) {
        let page = page % self.pages.len() as u64;
        self.memory.write(page * PAGE, &value.to_le_bytes()).unwrap();
        self.pages[page as usize] = value;
        if let Some(dirty) = &mut self.dirty {
            dirty.insert(page);
        }
    }

    fn decommit(&mut self, range: Range<u64>) {
        let rest = |page: u64| (range.end - page) * PAGE;
        let mut next = Some(range.start);
        while let Some(page) = next {
            next = self.memory.decommit(page * PAGE, rest(page)).unwrap().next;
        }
        for page in range {
            // Giving back a page that was never made changes nothing, so it need not be reported.
            if self.pages[page as usize] != 0 {
                self.pages[page as usize] = 0;
                if let Some(dirty) = &mut self.dirty {
                    dirty.insert(page);
                }
            }
        }
    }

    fn clone_range(&self, range: Range<u64>, group: &Arc<Group>) -> Self {
        let bytes = (range.end - range.start) * PAGE;
        let memory = self.memory.clone_range(range.start * PAGE, bytes, group.clone()).unwrap();
        Self { memory, pages: self.pages[range.start as usize..range.end as usize].to_vec(), dirty: None }
    }

    /// What must be reported is; more may be, if large pages are involved.
    fn collect(&mut self, range: Range<u64>) {
        let mut bitmap = vec![0; (range.end - range.start).div_ceil(8) as usize];
        let bytes = (range.end - range.start) * PAGE;
        let step = self.memory.collect_dirty(range.start * PAGE, bytes, 0, &mut bitmap);
        let count = step.map(|step| step.count);
        let Some(dirty) = &mut self.dirty else {
            assert_eq!(count, Err(Error::BadState));
            return;
        };
        assert_eq!(count.unwrap(), bitmap.iter().map(|byte| u64::from(byte.count_ones())).sum::<u64>());
        for page in range.clone() {
            let bit = page - range.start;
            let is_reported = bitmap[bit as usize / 8] >> (bit % 8) & 1 != 0;
            assert!(is_reported || !dirty.contains(&page), "page {page} was written and not reported");
            dirty.remove(&page);
        }
    }

    fn check(&self) {
        for (page, value) in self.pages.iter().enumerate() {
            let mut word = [0; 8];
            self.memory.read(page as u64 * PAGE, &mut word).unwrap();
            assert_eq!(u64::from_le_bytes(word), *value, "page {page}");
        }
    }
}

/// Takes steps from page 0 on until one is the last; how many there were.
fn in_steps(mut step: impl FnMut(u64) -> memory::Step) -> u64 {
    let mut count = 1;
    let mut from = 0;
    while let Some(next) = step(from).next {
        (from, count) = (next, count + 1);
    }
    count
}

fn run(objects: &mut Vec<Tracked>, group: &Arc<Group>, step: Step) {
    let len = objects.len();
    match step {
        Step::Write { object, page, value } => objects[object % len].write(page, value),
        Step::Commit { object, page, count } => {
            let object = &objects[object % len];
            let range = object.clamp(page, count);
            object.memory.commit(range.start * PAGE, (range.end - range.start) * PAGE).unwrap();
        }
        Step::Decommit { object, page, count } => {
            let range = objects[object % len].clamp(page, count);
            objects[object % len].decommit(range);
        }
        Step::Clone { object, page, count } => {
            let origin = &objects[object % len];
            let clone = origin.clone_range(origin.clamp(page, count), group);
            objects.push(clone);
        }
        Step::Drop(object) if len > 1 => drop(objects.swap_remove(object % len)),
        Step::Drop(_) => {}
        Step::Start(object) => {
            in_steps(|from| objects[object % len].memory.start_tracking(from).unwrap());
            objects[object % len].dirty = Some(BTreeSet::new());
        }
        Step::Stop(object) => {
            in_steps(|from| objects[object % len].memory.stop_tracking(from));
            objects[object % len].dirty = None;
        }
        Step::Collect { object, page, count } => {
            let range = objects[object % len].clamp(page, count);
            objects[object % len].collect(range);
        }
    }
}

fn compare(flags: MemoryFlags, steps: Vec<Step>) {
    ram::set_up::<FakeMachine>(512 << 20);
    let group = Group::root();
    let mut objects = vec![Tracked::new(&group, 1300, flags)];
    for step in steps {
        run(&mut objects, &group, step);
    }
    objects.iter().for_each(Tracked::check);
    clean_up();
    let own: u64 = objects.iter().map(|object| object.memory.info().committed_bytes).sum();
    assert_eq!(group.info().memory_bytes, own);
    drop(objects);
    clean_up();
    assert_eq!((group.info().memory_bytes, group.info().kernel_bytes), (0, 0));
    assert_eq!(FakeMachine::frames().counts().object.raw(), 0, "a frame is lost");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn objects_of_small_pages_hold_what_the_model_holds(steps in prop::collection::vec(step(), 1..80)) {
        compare(MemoryFlags::empty(), steps);
    }

    #[test]
    fn objects_of_large_pages_hold_what_the_model_holds(steps in prop::collection::vec(step(), 1..80)) {
        compare(MemoryFlags::LARGE_PAGES, steps);
    }
}

fn set_up() -> Arc<Group> {
    ram::set_up::<FakeMachine>(64 << 20);
    Group::root()
}

#[test]
fn an_empty_terabyte_costs_nothing() {
    let group = set_up();
    let free = FakeMachine::frames().counts().free;

    let memory = Memory::create(group, 1 << 40, MemoryFlags::HUGE_PAGES).unwrap();
    let mut word = [1; 8];
    memory.read((1 << 40) - 8, &mut word).unwrap();

    assert_eq!(word, [0; 8]);
    assert_eq!(FakeMachine::frames().counts().free, free);
    assert_eq!(memory.info().committed_bytes, 0);
}

#[test]
fn a_page_of_1_gib_is_zeroed_in_steps() {
    ram::set_up::<FakeMachine>(5 << 30);
    let group = Group::root();
    let used = FakeMachine::frames().counts().object;
    let (gib, pages) = (1u64 << 30, (1 << 30) / PAGE);
    let memory = Memory::create(group.clone(), 3 * gib, MemoryFlags::HUGE_PAGES).unwrap();

    let steps = in_steps(|from| memory.commit(from * PAGE, gib - from * PAGE).unwrap());
    assert_eq!((steps, memory.info().committed_bytes), (pages / memory::STEP_PAGES, gib));

    // Who cannot come again gets a smaller page meanwhile, and what is half done is given back in the end.
    assert_eq!(memory.commit(gib, gib), Ok(memory::Step { count: 0, next: Some(pages) }));
    memory.write(gib, &[7]).unwrap();
    assert_eq!(memory.info().committed_bytes, gib + (2 << 20));
    drop(memory);
    while FakeMachine::kernel().clear_remains() {}
    assert_eq!(group.info().memory_bytes, 0);
    assert_eq!(FakeMachine::frames().counts().object, used);
}

#[test]
fn what_was_written_is_reported_in_steps() {
    ram::set_up::<FakeMachine>(256 << 20);
    let group = Group::root();
    let pages = 40_000;
    let memory = Memory::create(group, pages * PAGE, MemoryFlags::empty()).unwrap();
    in_steps(|from| memory.commit(from * PAGE, (pages - from) * PAGE).unwrap());
    memory.write(9 * PAGE, &[1]).unwrap();
    assert!(in_steps(|from| memory.start_tracking(from).unwrap()) > 30);
    let written = [5, 16_390, 39_999];
    for page in written {
        memory.write(page * PAGE, &[1]).unwrap();
    }

    let (mut found, mut steps) = (Vec::new(), 0);
    let mut from = Some(3);
    while let Some(first) = from {
        let mut bitmap = vec![0u8; 8 * 1024];
        let step = memory.collect_dirty(first * PAGE, (pages - first) * PAGE, 5, &mut bitmap).unwrap();
        let bits = (0..8 * bitmap.len() as u64).filter(|bit| bitmap[*bit as usize / 8] >> (bit % 8) & 1 == 1);
        found.extend(bits.map(|bit| first + bit - 5));
        (from, steps) = (step.next, steps + 1);
    }

    assert_eq!((found, steps), (written.to_vec(), 3));
    assert!(in_steps(|from| memory.stop_tracking(from)) > 30);
}

#[test]
fn small_pages_serve_where_large_ones_are_gone() {
    let group = set_up();
    let taken: Vec<_> =
        std::iter::from_fn(|| FakeMachine::frames().allocate_object(PageSize::Large)).collect();
    FakeMachine::frames().release_object(taken[0], PageSize::Small);

    let memory = Memory::create(group, 4 << 20, MemoryFlags::LARGE_PAGES).unwrap();
    memory.write(0, &[7]).unwrap();

    assert_eq!(memory.info().committed_bytes, PAGE);
}

#[test]
fn a_group_at_its_limit_gets_no_page() {
    let root = set_up();
    let limits = abi::GroupLimits { memory_bytes: 2 * PAGE, ..abi::GroupLimits::default() };
    let group = Group::below(&root, &limits).unwrap();
    let memory = Memory::create(group.clone(), 16 * PAGE, MemoryFlags::empty()).unwrap();

    assert_eq!(memory.commit(0, 16 * PAGE), Err(Error::NoMemory));

    assert_eq!(memory.info().committed_bytes, 2 * PAGE);
    assert_eq!(memory.decommit(0, 16 * PAGE), Ok(memory::Step { count: 2, next: None }));
    assert_eq!(group.info().memory_bytes, 0);
}

#[test]
fn the_boot_bundle_is_copied_before_it_is_written() {
    let group = set_up();
    ram::write(Hpa::new(0x1000), &[1; 16]);
    ram::write(Hpa::new(0x2000), &[2; 16]);
    let boot = Memory::boot(Hpa::new(0x1000), 2 * PAGE).unwrap();
    let clone = boot.clone_range(PAGE, PAGE, group.clone()).unwrap();
    assert_eq!(group.info().memory_bytes, 0);

    clone.write(1, &[9]).unwrap();

    let mut bytes = [0; 3];
    clone.read(0, &mut bytes).unwrap();
    assert_eq!(bytes, [2, 9, 2]);
    boot.read(PAGE, &mut bytes).unwrap();
    assert_eq!(bytes, [2, 2, 2]);
    assert_eq!(boot.write(0, &[1]), Err(Error::AccessDenied));
    assert_eq!(group.info().memory_bytes, PAGE);
}

#[test]
fn device_memory_is_never_touched_by_ring_0() {
    set_up();
    let device = Memory::physical(Hpa::new(0xfee0_0000), PAGE, Caching::Uncached).unwrap();

    assert_eq!(device.read(0, &mut [0]), Err(Error::Unsupported));
    assert_eq!(device.write(0, &[0]), Err(Error::Unsupported));
    assert_eq!(device.decommit(0, PAGE), Err(Error::Unsupported));
    assert!(device.clone_range(0, PAGE, Group::root()).is_err());
}

#[test]
fn hostile_ranges_are_refused() {
    let group = set_up();
    let memory = Memory::create(group.clone(), 4 * PAGE, MemoryFlags::empty()).unwrap();

    for bytes in [0, 1, PAGE + 1, OBJECT_BYTES_MAX + PAGE, u64::MAX] {
        assert!(Memory::create(group.clone(), bytes, MemoryFlags::empty()).is_err());
        assert!(Memory::boot(Hpa::new(u64::MAX - 4095), bytes).is_err());
    }
    for (offset, bytes) in [(u64::MAX, 1), (0, 5 * PAGE), (4 * PAGE, PAGE), (1, PAGE), (PAGE, u64::MAX)] {
        assert!(memory.commit(offset, bytes).is_err());
        assert!(memory.decommit(offset, bytes).is_err());
        assert!(memory.clone_range(offset, bytes, group.clone()).is_err());
        assert!(memory.collect_dirty(offset, bytes, 0, &mut [0]).is_err());
    }
    assert_eq!(memory.clone_range(0, 0, group.clone()).map(drop), Err(Error::BadArgument));
    assert_eq!(memory.read(4 * PAGE - 1, &mut [0; 2]), Err(Error::OutOfRange));
    assert_eq!(memory.write(u64::MAX, &[0; 2]), Err(Error::OutOfRange));
    assert_eq!(memory.decommit(4 * PAGE, 0), Ok(memory::Step::default()));
}

/// Frees what is left of objects that are gone.
fn clean_up() {
    while <FakeMachine as crate::Machine>::kernel().clean_up() {}
}

/// Does all steps; how many there were, and the sum of their counts.
fn all_steps(mut step: impl FnMut(u64) -> memory::Step) -> (u32, u64) {
    let (mut steps, mut sum, mut next) = (0, 0, Some(0));
    while let Some(page) = next {
        let done = step(page);
        steps += 1;
        sum += done.count;
        next = done.next;
    }
    (steps, sum)
}

#[test]
fn many_pages_are_made_shared_and_given_back_in_steps() {
    ram::set_up::<FakeMachine>(256 << 20);
    let group = Group::root();
    let pages = 4 * STEP_PAGES + 1;
    let bytes = pages * PAGE;
    let memory = MemoryObject::<FakeMachine>::create(group.clone(), bytes, MemoryFlags::empty()).unwrap();
    let rest = |page: u64| bytes - page * PAGE;

    assert_eq!(all_steps(|page| memory.commit(page * PAGE, rest(page)).unwrap()), (5, pages));
    let clone = memory.begin_clone(0, bytes, group.clone()).unwrap();
    assert_eq!(all_steps(|page| memory.clone_some(&clone, 0, page).unwrap()), (5, pages));
    assert_eq!(all_steps(|page| memory.decommit(page * PAGE, rest(page)).unwrap()), (5, pages));

    assert_eq!(clone.info().committed_bytes, bytes);
    assert_eq!(memory.info().committed_bytes, 0);
}

#[test]
fn what_is_not_there_takes_no_steps() {
    ram::set_up::<FakeMachine>(64 << 20);
    let memory = MemoryObject::<FakeMachine>::create(Group::root(), 1 << 46, MemoryFlags::empty()).unwrap();
    for page in [5, 1 << 20, (1 << 34) - 1] {
        memory.write(page * PAGE, b"x").unwrap();
    }

    let steps = all_steps(|page| memory.decommit(page * PAGE, (1 << 46) - page * PAGE).unwrap());

    assert_eq!(steps, (3, 3));
}

#[test]
fn large_pages_are_not_cut_by_steps() {
    ram::set_up::<FakeMachine>(64 << 20);
    let group = Group::root();
    let bytes = 12 << 20;
    let memory = MemoryObject::<FakeMachine>::create(group.clone(), bytes, MemoryFlags::LARGE_PAGES).unwrap();
    all_steps(|page| memory.commit(page * PAGE, bytes - page * PAGE).unwrap());
    let kernel_bytes = group.info().kernel_bytes;

    // From a page in the middle of the first: only that one is cut.
    let steps = all_steps(|page| memory.decommit(page.max(3) * PAGE, bytes - page.max(3) * PAGE).unwrap());

    assert_eq!(steps, (3, bytes / PAGE - 3));
    assert_eq!(group.info().kernel_bytes, kernel_bytes + PAGE);
}

#[test]
fn a_large_object_that_goes_is_freed_bit_by_bit() {
    ram::set_up::<FakeMachine>(256 << 20);
    let group = Group::root();
    let pages = 3 * STEP_PAGES;
    let memory =
        MemoryObject::<FakeMachine>::create(group.clone(), pages * PAGE, MemoryFlags::empty()).unwrap();
    all_steps(|page| memory.commit(page * PAGE, (pages - page) * PAGE).unwrap());

    drop(memory);

    assert_eq!(group.info().memory_bytes, 2 * STEP_PAGES * PAGE);
    let kernel = <FakeMachine as crate::Machine>::kernel();
    let mut turns = 0;
    while kernel.clean_up() {
        turns += 1;
    }
    assert_eq!((turns, group.info().memory_bytes, group.info().kernel_bytes), (2, 0, 0));
}

#[test]
fn pages_of_a_gone_object_serve_who_needs_them_now() {
    ram::set_up::<FakeMachine>(256 << 20);
    let pages = 3 * STEP_PAGES;
    let limits = abi::GroupLimits { memory_bytes: pages * PAGE, ..abi::GroupLimits::default() };
    let group = Group::below(&Group::root(), &limits).unwrap();
    let make = || {
        let bytes = pages * PAGE;
        let memory = MemoryObject::<FakeMachine>::create(group.clone(), bytes, MemoryFlags::empty()).unwrap();
        all_steps(|page| memory.commit(page * PAGE, bytes - page * PAGE).unwrap());
        memory
    };
    drop(make());

    assert_eq!(make().info().committed_bytes, pages * PAGE);
}
