//! Claims about page walks.

use super::*;
use crate::{Mode, execute::testing::TestProcessor};
use vmm_bus::FlatMemory;

const PML4: u64 = 0x1000;
const PDPT: u64 = 0x2000;
const PD: u64 = 0x3000;
const PT: u64 = 0x4000;
const PAGE: u64 = 0x5_5000;

fn long_mode() -> TestProcessor {
    let mut cpu = TestProcessor::new(Mode::Bits64);
    cpu.cr0 |= CR0_PG | CR0_WP;
    cpu.cr4 = CR4_PAE;
    cpu.efer |= EFER_NXE;
    cpu.cr3 = PML4;
    cpu
}

/// Tables that map linear address 0x1000 to [`PAGE`] with these rights everywhere.
fn tables(rights: u64) -> FlatMemory {
    let memory = FlatMemory::new(Gpa::new(0), 0x1_0000);
    for (at, entry) in [(PML4, PDPT), (PDPT, PD), (PD, PT), (PT + 8, PAGE)] {
        memory.write_u64(Gpa::new(at), entry | rights).unwrap();
    }
    memory
}

fn walk(cpu: &TestProcessor, memory: &FlatMemory, intent: Intent) -> Result<u64, u16> {
    let found = Paging::of(cpu).translate(memory, 0x1234, intent);
    found.map(Gpa::raw).map_err(|fault| fault.error_code)
}

#[test]
fn four_levels_lead_to_a_page_and_note_the_access() {
    let memory = tables(PRESENT | WRITABLE);

    assert_eq!(walk(&long_mode(), &memory, Intent::Read), Ok(PAGE + 0x234));
    assert_eq!(memory.read_u64(Gpa::new(PT + 8)), Ok(PAGE | PRESENT | WRITABLE | ACCESSED));
    assert_eq!(walk(&long_mode(), &memory, Intent::Write), Ok(PAGE + 0x234));
    assert_eq!(memory.read_u64(Gpa::new(PT + 8)), Ok(PAGE | PRESENT | WRITABLE | ACCESSED | DIRTY));
    assert_eq!(memory.read_u64(Gpa::new(PML4)), Ok(PDPT | PRESENT | WRITABLE | ACCESSED));
}

#[test]
fn large_pages_end_the_walk() {
    let memory = tables(PRESENT | WRITABLE);
    memory.write_u64(Gpa::new(PD), 0x4020_0000 | PRESENT | LARGE).unwrap();
    assert_eq!(walk(&long_mode(), &memory, Intent::Read), Ok(0x4020_1234));

    memory.write_u64(Gpa::new(PDPT), 0x8000_0000 | PRESENT | LARGE).unwrap();
    assert_eq!(walk(&long_mode(), &memory, Intent::Read), Ok(0x8000_1234));
}

#[test]
fn rights_are_those_of_all_levels_together() {
    let mut user = long_mode();
    user.level = 3;
    let user_pages = tables(PRESENT | USER);
    assert_eq!(walk(&user, &tables(PRESENT), Intent::Read), Err(CODE_PROTECTION | CODE_USER));
    assert!(walk(&user, &user_pages, Intent::Read).is_ok());
    assert_eq!(walk(&user, &user_pages, Intent::Write), Err(CODE_PROTECTION | CODE_USER | CODE_WRITE));
    assert_eq!(walk(&long_mode(), &user_pages, Intent::Write), Err(CODE_PROTECTION | CODE_WRITE));
    user_pages.write_u64(Gpa::new(PD), PT | PRESENT).unwrap();
    assert_eq!(walk(&user, &user_pages, Intent::Read), Err(CODE_PROTECTION | CODE_USER));

    let mut careless = long_mode();
    careless.cr0 &= !CR0_WP;
    assert!(walk(&careless, &tables(PRESENT), Intent::Write).is_ok());
}

#[test]
fn supervisor_protection_bars_user_pages() {
    let memory = tables(PRESENT | WRITABLE | USER);
    let mut cpu = long_mode();
    cpu.cr4 |= CR4_SMAP | CR4_SMEP;
    assert_eq!(walk(&cpu, &memory, Intent::Read), Err(CODE_PROTECTION));
    assert_eq!(walk(&cpu, &memory, Intent::Fetch), Err(CODE_PROTECTION | CODE_FETCH));
    cpu.flags |= RFLAGS_AC;
    assert!(walk(&cpu, &memory, Intent::Read).is_ok());
    assert!(walk(&cpu, &memory, Intent::Fetch).is_err());
}

#[test]
fn no_execute_is_reserved_until_it_is_on() {
    let memory = tables(PRESENT | NO_EXECUTE);
    let mut cpu = long_mode();
    assert_eq!(walk(&cpu, &memory, Intent::Fetch), Err(CODE_PROTECTION | CODE_FETCH));
    assert!(walk(&cpu, &memory, Intent::Read).is_ok());
    cpu.efer &= !EFER_NXE;
    assert_eq!(walk(&cpu, &memory, Intent::Read), Err(CODE_PROTECTION | CODE_RESERVED));
    assert!(walk(&cpu, &tables(PRESENT), Intent::Fetch).is_ok());
}

#[test]
fn a_missing_page_or_table_is_a_page_fault() {
    let memory = tables(PRESENT);
    memory.write_u64(Gpa::new(PT + 8), 0).unwrap();
    assert_eq!(walk(&long_mode(), &memory, Intent::Write), Err(CODE_WRITE));
    memory.write_u64(Gpa::new(PD), 0xFFFF_F000 | PRESENT).unwrap();
    assert_eq!(walk(&long_mode(), &memory, Intent::Read), Err(0));
}

#[test]
fn five_levels_add_one() {
    let memory = tables(PRESENT);
    memory.write_u64(Gpa::new(0x6000), PML4 | PRESENT).unwrap();
    let mut cpu = long_mode();
    cpu.cr4 |= CR4_LA57;
    cpu.cr3 = 0x6000;
    assert_eq!(walk(&cpu, &memory, Intent::Read), Ok(PAGE + 0x234));
    assert!(Paging::of(&cpu).is_canonical(1 << 50));
    assert!(!Paging::of(&long_mode()).is_canonical(1 << 50));
}

#[test]
fn the_old_modes_work_as_well() {
    let memory = tables(PRESENT | WRITABLE);
    let mut pae = TestProcessor::new(Mode::Bits32);
    pae.cr0 |= CR0_PG;
    pae.cr4 = CR4_PAE;
    pae.cr3 = PDPT;
    assert_eq!(walk(&pae, &memory, Intent::Read), Ok(PAGE + 0x234));

    let mut legacy = TestProcessor::new(Mode::Bits32);
    legacy.cr0 |= CR0_PG;
    legacy.cr3 = 0x7000;
    memory.write_u32(Gpa::new(0x7000), 0x8000 | 1).unwrap();
    memory.write_u32(Gpa::new(0x8004), 0x9000 | 1).unwrap();
    assert_eq!(walk(&legacy, &memory, Intent::Read), Ok(0x9234));
    memory.write_u32(Gpa::new(0x7000), 0x0040_0000 | 0x81 | 1 << 13).unwrap();
    legacy.cr4 = CR4_PSE;
    assert_eq!(walk(&legacy, &memory, Intent::Read), Ok(0x1_0040_1234));
    legacy.cr0 &= !CR0_PG;
    assert_eq!(walk(&legacy, &memory, Intent::Read), Ok(0x1234));
}

#[test]
fn the_old_modes_note_accesses_and_have_reserved_bits_of_their_own() {
    let memory = tables(PRESENT | WRITABLE);
    let mut pae = TestProcessor::new(Mode::Bits32);
    (pae.cr0, pae.cr4, pae.cr3) = (pae.cr0 | CR0_PG, CR4_PAE, PDPT);
    assert_eq!(walk(&pae, &memory, Intent::Write), Ok(PAGE + 0x234));
    assert_eq!(memory.read_u64(Gpa::new(PDPT)), Ok(PD | PRESENT | WRITABLE), "there is nothing to note in");
    assert_eq!(memory.read_u64(Gpa::new(PD)), Ok(PT | PRESENT | WRITABLE | ACCESSED));
    assert_eq!(memory.read_u64(Gpa::new(PT + 8)), Ok(PAGE | PRESENT | WRITABLE | ACCESSED | DIRTY));
    memory.write_u64(Gpa::new(PT + 8), PAGE | PRESENT | 1 << 52).unwrap();
    assert_eq!(walk(&pae, &memory, Intent::Read), Err(CODE_PROTECTION | CODE_RESERVED));
    assert!(walk(&long_mode(), &memory, Intent::Read).is_ok(), "bits for the system in long mode");

    let mut legacy = TestProcessor::new(Mode::Bits32);
    (legacy.cr0, legacy.cr4, legacy.cr3) = (legacy.cr0 | CR0_PG, CR4_PSE, 0x7000);
    memory.write_u32(Gpa::new(0x7000), 0x8003).unwrap();
    memory.write_u32(Gpa::new(0x8004), 0x9003).unwrap();
    assert_eq!(walk(&legacy, &memory, Intent::Write), Ok(0x9234));
    assert_eq!(memory.read_u32(Gpa::new(0x7000)), Ok(0x8023));
    assert_eq!(memory.read_u32(Gpa::new(0x8004)), Ok(0x9063));
    memory.write_u32(Gpa::new(0x7000), 0x0040_0083 | 1 << 21).unwrap();
    assert_eq!(walk(&legacy, &memory, Intent::Read), Err(CODE_PROTECTION | CODE_RESERVED));
}

/// What the manual says of an access to a page that all levels together call a user's, writable, not for execution (Intel
/// SDM vol. 3, 4.6.1).
fn is_allowed(cpu: &TestProcessor, intent: Intent, [is_user, is_writable, is_data]: [bool; 3]) -> bool {
    let (smep, smap) = (cpu.cr4 & CR4_SMEP != 0, cpu.cr4 & CR4_SMAP != 0);
    let is_executable = !is_data || cpu.efer & EFER_NXE == 0;
    match (cpu.level, is_user, intent) {
        (3, false, _) => false,
        (3, true, Intent::Read) => true,
        (3, true, Intent::Write) => is_writable,
        (3, true, Intent::Fetch) => is_executable,
        (_, true, Intent::Fetch) => is_executable && !smep,
        (_, false, Intent::Fetch) => is_executable,
        (_, true, _) if smap && cpu.flags & RFLAGS_AC == 0 => false,
        (_, _, Intent::Read) => true,
        (_, _, Intent::Write) => is_writable || cpu.cr0 & CR0_WP == 0,
    }
}

/// The processor with these protections on: one bit each of `chosen`.
fn protected(chosen: u32) -> TestProcessor {
    let bit = |number: u32, bits: u64| if chosen >> number & 1 != 0 { bits } else { 0 };
    let mut cpu = long_mode();
    cpu.cr0 = cpu.cr0 & !CR0_WP | bit(0, CR0_WP);
    cpu.cr4 |= bit(1, CR4_SMEP) | bit(2, CR4_SMAP);
    cpu.efer = cpu.efer & !EFER_NXE | bit(3, EFER_NXE);
    cpu.flags |= bit(4, RFLAGS_AC);
    cpu.level = bit(5, 3) as u8;
    cpu
}

#[test]
fn every_right_at_every_level_counts_with_every_protection() {
    let levels = [(PML4, PDPT), (PDPT, PD), (PD, PT), (PT + 8, PAGE)];
    for chosen in 0..1 << 6 {
        let cpu = protected(chosen);
        // Each level gives user and writable, or one of them takes one away or forbids execution; or nobody gives anything.
        for taken in 0..levels.len() * 3 + 2 {
            let memory = tables(PRESENT | WRITABLE | USER);
            let (level, right) = (taken / 3, taken % 3);
            let bits = [USER, WRITABLE, NO_EXECUTE];
            let mut rights = [true, true, false];
            if let Some((at, entry)) = levels.get(level) {
                memory.write_u64(Gpa::new(*at), (entry | PRESENT | WRITABLE | USER) ^ bits[right]).unwrap();
                rights[right] = !rights[right];
            } else if taken == levels.len() * 3 {
                levels
                    .iter()
                    .for_each(|(at, entry)| memory.write_u64(Gpa::new(*at), entry | PRESENT).unwrap());
                rights = [false, false, false];
            }
            let has_reserved = rights[2] && cpu.efer & EFER_NXE == 0;
            for intent in [Intent::Read, Intent::Write, Intent::Fetch] {
                let found = walk(&cpu, &memory, intent);
                let told = std::format!("{chosen:#b} {taken} {intent:?}");
                if has_reserved {
                    let code = found.expect_err(&told);
                    assert_eq!(code & 9, CODE_PROTECTION | CODE_RESERVED, "{told}");
                } else {
                    assert_eq!(found.is_ok(), is_allowed(&cpu, intent, rights), "{told}");
                }
            }
        }
    }
}

#[test]
fn bits_that_mean_nothing_are_a_fault_of_their_own() {
    let reserved = CODE_PROTECTION | CODE_RESERVED;
    let large = PRESENT | WRITABLE | LARGE;
    for (place, entry) in [
        (PML4, PDPT | large),
        (PD, 0x4020_0000 | 1 << 13 | large),
        (PD, 0x4020_0000 | 1 << 20 | large),
        (PDPT, 0x8000_0000 | 1 << 29 | large),
    ] {
        let memory = tables(PRESENT | WRITABLE);
        memory.write_u64(Gpa::new(place), entry).unwrap();
        assert_eq!(walk(&long_mode(), &memory, Intent::Write), Err(reserved | CODE_WRITE), "{entry:#x}");
    }
    let memory = tables(PRESENT | WRITABLE);
    memory.write_u64(Gpa::new(PD), 0x4020_0000 | 1 << 12 | large).unwrap();
    assert_eq!(walk(&long_mode(), &memory, Intent::Write), Ok(0x4020_1234), "PAT");
}
