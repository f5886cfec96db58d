//! Spaces with processors that keep translations as long as they may.

use super::*;
use crate::memory::table;
use crate::testing::{FakeMachine, ram};
use abi::MemoryFlags;
use base_units::{Gpa, Uva};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet, HashMap};

type Memory = MemoryObject<FakeMachine>;
type Guest = GuestSpace<FakeMachine>;

const PAGE: u64 = PAGE_BYTES;
const CPUS: usize = 3;
const OBJECT_PAGES: u64 = 1100;
const SPACE_PAGES: u64 = 2400;
const ALL: Permissions = Permissions { write: true, execute: true };

/// One processor's TLB for one space: page to frame, with the right to write, and whether the processor knows that the
/// page is dirty.
type Tlb = HashMap<u64, (Hpa, bool, bool)>;

/// EPT: the dirty bit of an entry.
const DIRTY: u64 = 1 << 9;

struct World {
    group: Arc<Group>,
    format: Format,
    spaces: Vec<Arc<Guest>>,
    /// Index of the object and its page behind each mapped page, by space.
    mapped: Vec<BTreeMap<u64, (usize, u64)>>,
    objects: Vec<Arc<Memory>>,
    contents: Vec<Vec<u64>>,
    dirty: Vec<Option<BTreeSet<u64>>>,
    tlbs: HashMap<(usize, usize), Tlb>,
    /// What each processor has logged: spaces and pages.
    logs: HashMap<usize, Vec<(usize, u64)>>,
}

#[derive(Clone, Debug)]
enum Step {
    Access { cpu: usize, space: usize, page: u64, write: Option<u64> },
    Copy { cpu: usize, space: usize, page: u64, write: Option<u64> },
    Map { space: usize, page: u64, object: usize, first: u64, count: u64 },
    Unmap { cpu: usize, space: usize, page: u64, count: u64 },
    Clone { cpu: usize, object: usize },
    Decommit { cpu: usize, object: usize, first: u64, count: u64 },
    Start { cpu: usize, object: usize },
    Collect { cpu: usize, object: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let cpu = || 0..CPUS;
    let write = || proptest::option::of(1..u64::MAX);
    // Few pages, so that the steps meet.
    let page = || prop_oneof![3 => 0..24u64, 1 => 0..SPACE_PAGES];
    let object = || any::<usize>();
    prop_oneof![
        12 => (cpu(), 0..2usize, page(), write()).prop_map(|(cpu, space, page, write)| Step::Access { cpu, space, page, write }),
        4 => (cpu(), 0..2usize, page(), write()).prop_map(|(cpu, space, page, write)| Step::Copy { cpu, space, page, write }),
        3 => (0..2usize, page(), object(), 0..600u64, 1..1100u64)
            .prop_map(|(space, page, object, first, count)| Step::Map { space, page, object, first, count }),
        1 => (cpu(), 0..2usize, page(), 1..600u64).prop_map(|(cpu, space, page, count)| Step::Unmap { cpu, space, page, count }),
        1 => (cpu(), object()).prop_map(|(cpu, object)| Step::Clone { cpu, object }),
        1 => (cpu(), object(), page(), 1..600u64).prop_map(|(cpu, object, first, count)| Step::Decommit { cpu, object, first, count }),
        1 => (cpu(), object()).prop_map(|(cpu, object)| Step::Start { cpu, object }),
        2 => (cpu(), object()).prop_map(|(cpu, object)| Step::Collect { cpu, object }),
    ]
}

impl World {
    fn new(flags: MemoryFlags, nesting: Nesting) -> Self {
        ram::set_up::<FakeMachine>(256 << 20);
        ram::on_notify(Residency::<FakeMachine>::leave);
        let group = Group::root();
        let memory = Memory::create(group.clone(), OBJECT_PAGES * PAGE, flags).unwrap();
        let space = || Guest::new(&group, nesting).unwrap();
        Self {
            format: if nesting == Nesting::Npt { Format::X86 } else { Format::EPT },
            spaces: vec![space(), space()],
            mapped: vec![BTreeMap::new(), BTreeMap::new()],
            objects: vec![memory],
            contents: vec![vec![0; OBJECT_PAGES as usize]],
            dirty: vec![None],
            tlbs: HashMap::new(),
            logs: HashMap::new(),
            group,
        }
    }

    /// Acts as this processor, in ring 0.
    fn ring_0(&mut self, cpu: usize) {
        ram::set_cpu(cpu);
        Residency::<FakeMachine>::leave(cpu);
        for (space, page) in self.logs.remove(&cpu).unwrap_or_default() {
            self.spaces[space].note_write(Gpa::new(page * PAGE));
        }
    }

    /// Reads or writes as the guest on `cpu` does: by its TLB, else by the table, else by a fault. Afterwards the
    /// guest runs on.
    fn access(&mut self, cpu: usize, space: usize, page: u64, write: Option<u64>) {
        self.ring_0(cpu);
        let access = if write.is_some() { Access::Write } else { Access::Read };
        for _ in 0..3 {
            if self.spaces[space].residency().enter(cpu) {
                self.tlbs.remove(&(cpu, space));
            }
            if let Some(frame) = self.translate(cpu, space, page, access) {
                if write.is_some() {
                    self.log(cpu, space, page);
                }
                self.touch(space, page, frame, write);
                return;
            }
            self.ring_0(cpu);
            let resolved = self.spaces[space].fault(Gpa::new(page * PAGE + 8), access);
            let is_mapped = self.mapped[space].contains_key(&page);
            assert_eq!(resolved, if is_mapped { Ok(()) } else { Err(FaultError::Unmapped) });
            if !is_mapped {
                return;
            }
        }
        panic!("a fault that was resolved comes back");
    }

    fn translate(&mut self, cpu: usize, space: usize, page: u64, access: Access) -> Option<Hpa> {
        let tlb = self.tlbs.entry((cpu, space)).or_default();
        let cached = tlb.get(&page).filter(|(_, is_writable, _)| access == Access::Read || *is_writable);
        if let Some((frame, ..)) = cached {
            return Some(*frame);
        }
        let root = self.spaces[space].root();
        let frame = table::frame_of::<FakeMachine>(&self.format, root, page * PAGE, Access::Read)?;
        let (table, index) = find_leaf(root, page)?;
        let entry = FakeMachine::read_entry(table, index);
        let is_writable = entry & 1 << 1 != 0;
        if access == Access::Write && !is_writable {
            return None;
        }
        let is_dirty = self.format == Format::X86 || entry & DIRTY != 0;
        tlb.insert(page, (frame, is_writable, is_dirty));
        Some(frame)
    }

    /// Sets the dirty bit and logs the write, as a processor does that does not know the page as dirty.
    fn log(&mut self, cpu: usize, space: usize, page: u64) {
        let root = self.spaces[space].root();
        let Some(known) = self.tlbs.get_mut(&(cpu, space)).and_then(|tlb| tlb.get_mut(&page)) else { return };
        if known.2 {
            return;
        }
        known.2 = true;
        assert!(self.spaces[space].is_logged(), "a page is clean that nobody logs");
        let Some((table, index)) = find_leaf(root, page) else { return };
        let entry = FakeMachine::read_entry(table, index);
        if entry & DIRTY == 0 {
            FakeMachine::write_entry(table, index, entry | DIRTY);
            self.logs.entry(cpu).or_default().push((space, page));
        }
    }

    fn touch(&mut self, space: usize, page: u64, frame: Hpa, write: Option<u64>) {
        let (object, object_page) = self.mapped[space][&page];
        if let Some(value) = write {
            ram::write(frame, &value.to_le_bytes());
            self.note(object, object_page, value);
            return;
        }
        let mut word = [0; 8];
        ram::read(frame, &mut word);
        assert_eq!(u64::from_le_bytes(word), self.contents[object][object_page as usize]);
    }

    fn note(&mut self, object: usize, page: u64, value: u64) {
        self.contents[object][page as usize] = value;
        if let Some(dirty) = &mut self.dirty[object] {
            dirty.insert(page);
        }
    }

    /// Reads or writes as ring 0 does on behalf of somebody.
    fn copy(&mut self, cpu: usize, space: usize, page: u64, write: Option<u64>) {
        self.ring_0(cpu);
        let address = Gpa::new(page * PAGE);
        let mapped = self.mapped[space].get(&page).copied();
        let mut word = write.unwrap_or(0).to_le_bytes();
        let done = match write {
            Some(_) => self.spaces[space].write(address, &word),
            None => self.spaces[space].read(address, &mut word),
        };
        let Some((object, object_page)) = mapped else {
            assert_eq!(done, Err(FaultError::Unmapped));
            return;
        };
        assert_eq!(done, Ok(()));
        match write {
            Some(value) => self.note(object, object_page, value),
            None => assert_eq!(u64::from_le_bytes(word), self.contents[object][object_page as usize]),
        }
    }

    fn map(&mut self, space: usize, page: u64, object: usize, pages: Range<u64>) {
        let count = pages.end - pages.start;
        let is_free = self.mapped[space].range(page..page + count).next().is_none();
        let mapped = self.spaces[space].map(
            self.objects[object].clone(),
            pages.start * PAGE,
            count * PAGE,
            Some(Gpa::new(page * PAGE)),
            ALL,
        );
        assert_eq!(mapped.map(drop), if is_free { Ok(()) } else { Err(Error::Exists) });
        if is_free {
            self.mapped[space].extend((page..page + count).zip(pages.map(|page| (object, page))));
        }
    }

    fn clone_object(&mut self, object: usize) {
        if self.objects.len() >= 5 {
            return;
        }
        let memory = &self.objects[object];
        let clone = memory.clone_range(0, memory.bytes(), self.group.clone()).unwrap();
        self.objects.push(clone);
        self.contents.push(self.contents[object].clone());
        self.dirty.push(None);
    }

    fn decommit(&mut self, object: usize, pages: Range<u64>) {
        let mut next = Some(pages.start);
        while let Some(page) = next {
            next = self.objects[object].decommit(page * PAGE, (pages.end - page) * PAGE).unwrap().next;
        }
        for page in pages {
            if self.contents[object][page as usize] != 0 {
                self.note(object, page, 0);
            }
        }
    }

    fn collect(&mut self, object: usize) {
        // What running vCPUs have logged would be in the next report.
        (0..CPUS).for_each(|cpu| self.ring_0(cpu));
        let mut bitmap = [0; OBJECT_PAGES.div_ceil(8) as usize];
        let Some(dirty) = &mut self.dirty[object] else { return };
        self.objects[object].collect_dirty(0, OBJECT_PAGES * PAGE, 0, &mut bitmap).unwrap();
        for page in dirty.iter() {
            assert!(
                bitmap[*page as usize / 8] >> (page % 8) & 1 != 0,
                "page {page} was written, not reported"
            );
        }
        dirty.clear();
    }

    fn run(&mut self, step: Step) {
        let objects = self.objects.len();
        let clamp = |first: u64, count: u64| {
            let first = first % OBJECT_PAGES;
            first..(first + count).min(OBJECT_PAGES)
        };
        match step {
            Step::Access { cpu, space, page, write } => self.access(cpu, space, page, write),
            Step::Copy { cpu, space, page, write } => self.copy(cpu, space, page, write),
            Step::Map { space, page, object, first, count } => {
                self.map(space, page, object % objects, clamp(first, count));
            }
            Step::Unmap { cpu, space, page, count } => {
                self.ring_0(cpu);
                self.spaces[space].unmap(Gpa::new(page * PAGE), count * PAGE).unwrap();
                self.mapped[space].retain(|at, _| !(page..page + count).contains(at));
            }
            Step::Clone { cpu, object } => {
                self.ring_0(cpu);
                self.clone_object(object % objects);
            }
            Step::Decommit { cpu, object, first, count } => {
                self.ring_0(cpu);
                self.decommit(object % objects, clamp(first, count));
            }
            Step::Start { cpu, object } => {
                self.ring_0(cpu);
                let mut from = Some(0);
                while let Some(page) = from {
                    from = self.objects[object % objects].start_tracking(page).unwrap().next;
                }
                self.dirty[object % objects] = Some(BTreeSet::new());
            }
            Step::Collect { cpu, object } => {
                self.ring_0(cpu);
                self.collect(object % objects);
            }
        }
    }
}

/// The table and index of the entry that maps a page.
fn find_leaf(root: Hpa, page: u64) -> Option<(Hpa, usize)> {
    let mut table = root;
    for level in (0..4).rev() {
        let index = (page >> (9 * level)) as usize % 512;
        let entry = FakeMachine::read_entry(table, index);
        if entry & 1 == 0 {
            return None;
        }
        if level == 0 || entry & 1 << 7 != 0 {
            return Some((table, index));
        }
        table = Hpa::new(entry & 0x000f_ffff_ffff_f000);
    }
    None
}

fn compare(flags: MemoryFlags, nesting: Nesting, steps: Vec<Step>) {
    let mut world = World::new(flags, nesting);
    world.map(0, 0, 0, 0..OBJECT_PAGES);
    for step in steps {
        world.run(step);
    }
    (0..CPUS).for_each(|cpu| world.ring_0(cpu));
    let group = world.group.clone();
    drop(world);
    while FakeMachine::kernel().clean_up() {}
    assert_eq!((group.info().memory_bytes, group.info().kernel_bytes), (0, 0));
    assert_eq!(FakeMachine::frames().counts().object.raw(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_processor_sees_what_is_no_longer_so(steps in prop::collection::vec(step(), 1..120)) {
        compare(MemoryFlags::empty(), Nesting::Npt, steps);
    }

    #[test]
    fn nor_where_writes_are_logged(steps in prop::collection::vec(step(), 1..120)) {
        compare(MemoryFlags::LARGE_PAGES, Nesting::LoggedEpt, steps);
    }

    #[test]
    fn nor_with_large_pages(steps in prop::collection::vec(step(), 1..120)) {
        compare(MemoryFlags::LARGE_PAGES, Nesting::Ept, steps);
    }
}

fn process() -> (Arc<Group>, Arc<AddressSpace<FakeMachine>>) {
    ram::set_up::<FakeMachine>(64 << 20);
    let group = Group::root();
    let space = AddressSpace::new(&group).unwrap();
    (group, space)
}

fn memory(group: &Arc<Group>, pages: u64) -> Arc<Memory> {
    Memory::create(group.clone(), pages * PAGE, MemoryFlags::empty()).unwrap()
}

const READ: Permissions = Permissions { write: false, execute: false };
const WRITE: Permissions = Permissions { write: true, execute: false };

#[test]
fn no_page_of_a_process_is_writable_and_executable() {
    let (group, space) = process();

    let mapped = space.map(memory(&group, 1), 0, PAGE, None, ALL);

    assert_eq!(mapped, Err(Error::BadArgument));
}

#[test]
fn a_copy_crosses_pages_and_stops_at_the_end_of_the_mapping() {
    let (group, space) = process();
    let start = space.map(memory(&group, 2), 0, 2 * PAGE, None, WRITE).unwrap();
    let at = |offset: u64| Uva::new(start.raw() + offset);

    space.copy_out(at(PAGE - 2), &[1, 2, 3, 4]).unwrap();

    let mut bytes = [0; 6];
    space.copy_in(at(PAGE - 3), &mut bytes).unwrap();
    assert_eq!(bytes, [0, 1, 2, 3, 4, 0]);
    assert_eq!(space.copy_out(at(2 * PAGE - 2), &[0; 3]), Err(Error::BadAddress));
    assert_eq!(space.copy_in(Uva::new(u64::MAX), &mut bytes), Err(Error::BadAddress));
}

#[test]
fn ring_0_does_not_write_for_a_process_where_the_process_may_not() {
    let (group, space) = process();
    let start = space.map(memory(&group, 1), 0, PAGE, None, READ).unwrap();

    assert_eq!(space.copy_out(start, &[1]), Err(Error::BadAddress));
    assert_eq!(space.fault(start, Access::Execute), Err(FaultError::Denied));
    assert_eq!(space.copy_in(start, &mut [0]), Ok(()));
}

#[test]
fn the_kernels_half_is_out_of_reach() {
    let (group, space) = process();
    let kernel = 0xffff_8000_0000_0000;

    assert_eq!(space.copy_in(Uva::new(kernel), &mut [0; 8]), Err(Error::BadAddress));
    assert_eq!(space.pin().frame_of(Uva::new(kernel), Access::Read), None);
    for address in [kernel, USER_END, 0, PAGE, !(PAGE - 1)] {
        let mapped = space.map(memory(&group, 1), 0, PAGE, Some(Uva::new(address)), READ);
        assert_eq!(mapped, Err(Error::BadArgument), "{address:#x}");
    }
}

#[test]
fn hostile_ranges_are_refused() {
    let (group, space) = process();
    let object = memory(&group, 4);
    let map = |offset, bytes, at| space.map(object.clone(), offset, bytes, at, READ);

    for (offset, bytes) in
        [(0, 0), (1, PAGE), (0, PAGE + 1), (0, 5 * PAGE), (PAGE, 4 * PAGE), (!(PAGE - 1), PAGE)]
    {
        assert!(map(offset, bytes, None).is_err());
    }
    assert!(map(0, PAGE, Some(Uva::new(0x10_0001))).is_err());
    for (address, bytes) in [(0x10_0000, u64::MAX), (0x10_0001, PAGE), (0x10_0000, 1), (0x10_0000, 0)] {
        assert!(space.unmap(Uva::new(address), bytes).is_err());
    }
    assert_eq!(space.unmap(Uva::new(0x10_0000), PAGE), Ok(()));
}

#[test]
fn chosen_places_do_not_touch_and_suit_large_pages() {
    let (group, space) = process();
    let large = Memory::create(group.clone(), 4 << 20, MemoryFlags::LARGE_PAGES).unwrap();

    let first = space.map(memory(&group, 1), 0, PAGE, None, WRITE).unwrap();
    let second = space.map(memory(&group, 1), 0, PAGE, None, WRITE).unwrap();
    let third = space.map(large.clone(), 0, 4 << 20, None, WRITE).unwrap();

    assert!(second.raw() >= first.raw() + 2 * PAGE);
    assert!(third.is_aligned(2 << 20));
    space.copy_out(third, &[1]).unwrap();
    assert_eq!(large.info().committed_bytes, 2 << 20);
}

#[test]
fn a_space_takes_a_limited_number_of_mappings() {
    let (group, space) = process();
    let boot = Memory::boot(Hpa::new(0), PAGE).unwrap();
    let map = || space.map(boot.clone(), 0, PAGE, None, READ);

    let count = (0..=MAPPINGS_MAX).take_while(|_| map().is_ok()).count();

    assert_eq!(count, MAPPINGS_MAX);
    drop(group);
}

#[test]
fn unmapping_a_large_object_goes_in_steps() {
    let (group, space) = process();
    let pages = 80 * 512;
    let start = space.map(memory(&group, pages), 0, pages * PAGE, Some(Uva::new(1 << 30)), WRITE).unwrap();
    for page in (0..pages).step_by(512) {
        space.copy_out(Uva::new(start.raw() + page * PAGE), &[1]).unwrap();
    }

    let left = space.unmap_some(start, pages * PAGE).unwrap().unwrap();

    let border = start.raw() + pages * PAGE - left;
    assert!(left > 0 && left < pages * PAGE && left.is_multiple_of(PAGE));
    assert_eq!(space.copy_in(Uva::new(border - PAGE), &mut [0]), Err(Error::BadAddress));
    assert_eq!(space.copy_in(Uva::new(border), &mut [0]), Ok(()));
    assert_eq!(space.unmap(Uva::new(border), left), Ok(()));
    assert_eq!(space.copy_in(Uva::new(border), &mut [0]), Err(Error::BadAddress));
}

#[test]
fn the_boot_bundle_is_mapped_read_only() {
    let (_group, space) = process();
    let boot = Memory::boot(Hpa::new(0x10_0000), PAGE).unwrap();

    assert_eq!(space.map(boot.clone(), 0, PAGE, None, WRITE), Err(Error::AccessDenied));
    let start = space.map(boot, 0, PAGE, None, READ).unwrap();

    assert_eq!(space.fault(start, Access::Read), Ok(()));
    assert_eq!(space.pin().frame_of(start, Access::Read), Some(Hpa::new(0x10_0000)));
    assert_eq!(space.pin().frame_of(start, Access::Write), None);
}

#[test]
fn a_process_starts_with_the_kernels_half_alone() {
    let (_group, space) = process();
    let root = space.root();

    assert!((0..256).all(|index| ram::read_entry(root, index) == 0));
    assert_eq!(ram::read_entry(root, 256), ram::KERNEL_ENTRY);
}
