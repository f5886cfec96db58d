use super::*;
use crate::memory::{Access, Caching, Permissions};
use crate::testing::{FakeMachine, ram};
use proptest::prelude::*;
use std::collections::BTreeMap;

type FakeTable = Table<FakeMachine>;

/// Pages that the model looks at: all of three 1 GiB ranges would be slow, so some around their borders.
const BASES: [u64; 3] = [0, 0x3fe0_0000, 0x7f_ffe0_0000];
const PAGES: u64 = 1024;

#[derive(Clone, Debug)]
enum Step {
    Map { base: usize, page: u64, is_large: bool, write: bool, execute: bool },
    Clear { base: usize, page: u64, count: u64 },
    Protect { base: usize, page: u64, count: u64 },
    Unmap { base: usize, page: u64, count: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    let range = || (0..BASES.len(), 0..PAGES, 1..600u64);
    prop_oneof![
        6 => (0..BASES.len(), 0..PAGES, proptest::bool::weighted(0.1), any::<bool>(), any::<bool>())
            .prop_map(|(base, page, is_large, write, execute)| Step::Map { base, page, is_large, write, execute }),
        1 => range().prop_map(|(base, page, count)| Step::Clear { base, page, count }),
        1 => range().prop_map(|(base, page, count)| Step::Protect { base, page, count }),
        1 => range().prop_map(|(base, page, count)| Step::Unmap { base, page, count }),
    ]
}

/// What one 4 KiB page is mapped to, and of how large a leaf it is a part.
type Model = BTreeMap<u64, (Leaf, u64)>;

fn new_table(format: Format, group: &Arc<Group>) -> FakeTable {
    let root = FakeMachine::frames().allocate_kernel().unwrap().into_address();
    Table::new(format, root, group.clone())
}

fn frame_for(address: u64, size: PageSize, salt: u64) -> Hpa {
    Hpa::new((address ^ salt << 40) & 0x000f_ffff_ffff_f000 & !(size.bytes() - 1))
}

fn map(table: &mut FakeTable, model: &mut Model, address: u64, leaf: Leaf) {
    let base = address & !(leaf.size.bytes() - 1);
    match table.map(base, &leaf) {
        Err(MapError::HasTable) => assert_eq!(leaf.size, PageSize::Large),
        Err(MapError::NoMemory) => panic!("out of memory"),
        Ok(()) => {
            // A small page in the place of a large one leaves the rest of it as small pages.
            if leaf.size == PageSize::Small {
                let around = base & !(PageSize::Large.bytes() - 1);
                for (_, (_, leaf_base)) in model.range_mut(around..around + PageSize::Large.bytes()) {
                    *leaf_base = u64::MAX;
                }
            }
            for page in 0..leaf.size.pages().raw() {
                let at = base + page * PAGE_BYTES;
                let small = Leaf { frame: Hpa::new(leaf.frame.raw() + page * PAGE_BYTES), ..leaf };
                let leaf_base = if leaf.size == PageSize::Small { u64::MAX } else { base };
                model.insert(at, (small, leaf_base));
            }
        }
    }
}

/// The pages that a change of `range` changes: large leaves change as a whole.
fn touched(model: &Model, range: &Range<u64>) -> Vec<u64> {
    let large: Vec<u64> =
        model.range(range.clone()).map(|(_, (_, base))| *base).filter(|base| *base != u64::MAX).collect();
    let is_touched = |at: &u64, base: &u64| range.contains(at) || (*base != u64::MAX && large.contains(base));
    model.iter().filter(|(at, (_, base))| is_touched(at, base)).map(|(at, _)| *at).collect()
}

fn run(table: &mut FakeTable, model: &mut Model, step: Step) {
    let range = |base: usize, page: u64, count: u64| {
        let start = BASES[base] + page * PAGE_BYTES;
        start..start + count * PAGE_BYTES
    };
    match step {
        Step::Map { base, page, is_large, write, execute } => {
            let size = if is_large { PageSize::Large } else { PageSize::Small };
            let address = BASES[base] + page * PAGE_BYTES;
            let permissions = Permissions { write, execute };
            let frame = frame_for(address, size, page & 7);
            map(table, model, address, Leaf { frame, size, permissions, caching: Caching::WriteBack });
        }
        Step::Clear { base, page, count } => {
            let range = range(base, page, count);
            let gone = touched(model, &range);
            assert_eq!(table.clear(range), !gone.is_empty());
            model.retain(|at, _| !gone.contains(at));
        }
        Step::Protect { base, page, count } => {
            let range = range(base, page, count);
            let pages = touched(model, &range);
            let had_writable = pages.iter().any(|at| model[at].0.permissions.write);
            assert_eq!(table.protect(range), had_writable);
            pages.iter().for_each(|at| model.get_mut(at).unwrap().0.permissions.write = false);
        }
        Step::Unmap { base, page, count } => {
            let range = range(base, page, count);
            let gone = touched(model, &range);
            model.retain(|at, _| !gone.contains(at));
            unmap(table, range);
        }
    }
}

fn unmap(table: &mut FakeTable, range: Range<u64>) {
    table.clear(range.clone());
    loop {
        let mut detached = Detached::new();
        let is_done = table.detach(range.clone(), &mut detached);
        table.free(detached);
        if is_done {
            return;
        }
    }
}

fn check(format: &Format, table: &FakeTable, model: &Model) {
    for base in BASES {
        for page in 0..PAGES + 600 {
            let at = base + page * PAGE_BYTES;
            for access in [Access::Read, Access::Write, Access::Execute] {
                let expected = model.get(&at).filter(|(leaf, _)| leaf.permissions.allow(access));
                let found = frame_of::<FakeMachine>(format, table.root, at + 123, access);
                assert_eq!(found, expected.map(|(leaf, _)| leaf.frame), "{at:#x} {access:?}");
            }
        }
    }
}

fn compare(format: Format, steps: Vec<Step>) {
    ram::set_up::<FakeMachine>(64 << 20);
    let group = Group::root();
    let mut table = new_table(format, &group);
    let mut model = Model::new();
    for step in steps {
        run(&mut table, &mut model, step);
    }
    check(&format, &table, &model);

    unmap(&mut table, 0..1 << 48);

    assert_eq!(group.info().kernel_bytes, 0, "a table is left over");
    check(&format, &table, &Model::new());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn x86_tables_translate_as_the_model(steps in prop::collection::vec(step(), 1..60)) {
        compare(Format::X86, steps);
    }

    #[test]
    fn ept_tables_translate_as_the_model(steps in prop::collection::vec(step(), 1..60)) {
        compare(Format::EPT, steps);
    }
}

fn entry_of(format: Format, write: bool, execute: bool, caching: Caching) -> u64 {
    let permissions = Permissions { write, execute };
    let leaf = Leaf { frame: Hpa::new(0x1234_5000), size: PageSize::Small, permissions, caching };
    format.leaf(&leaf).0
}

#[test]
fn entries_are_as_the_manuals_have_them() {
    // Intel SDM vol. 3, table 4-20: P, R/W, U/S, PWT, PCD, A, D, XD.
    assert_eq!(entry_of(Format::X86, true, false, Caching::WriteBack), 1 << 63 | 0x1234_5067);
    assert_eq!(entry_of(Format::X86, false, true, Caching::WriteBack), 0x1234_5065);
    assert_eq!(entry_of(Format::X86, true, false, Caching::Uncached), 1 << 63 | 0x1234_507f);
    assert_eq!(entry_of(Format::X86, true, false, Caching::WriteCombining), 1 << 63 | 0x1234_506f);
    // Intel SDM vol. 3, table 29-7: R, W, X, memory type in bits 5:3, A, D.
    assert_eq!(entry_of(Format::EPT, true, true, Caching::WriteBack), 0x1234_5337);
    assert_eq!(entry_of(Format::EPT, false, false, Caching::Uncached), 0x1234_5301);
}

#[test]
fn a_huge_leaf_is_split_down_to_one_page() {
    ram::set_up::<FakeMachine>(64 << 20);
    let group = Group::root();
    let mut table = new_table(Format::X86, &group);
    let permissions = Permissions { write: false, execute: false };
    let huge = Leaf {
        frame: Hpa::new(0x40_0000_0000),
        size: PageSize::Huge,
        permissions,
        caching: Caching::WriteBack,
    };
    table.map(0x8000_0000, &huge).unwrap();

    let small = Leaf { frame: Hpa::new(0x1000), size: PageSize::Small, ..huge };
    table.map(0x8123_4000, &small).unwrap();

    let look = |at| frame_of::<FakeMachine>(&Format::X86, table.root, at, Access::Read).map(Hpa::raw);
    assert_eq!(look(0x8123_4fff), Some(0x1000));
    assert_eq!(look(0x8123_5000), Some(0x40_0123_5000));
    assert_eq!(look(0xbfff_f000), Some(0x40_3fff_f000));
    assert_eq!(group.info().kernel_bytes, 3 * PAGE_BYTES);
}
