//! Claims about the tables after firmware has linked them.

use super::*;
use alloc::collections::BTreeMap;
use proptest::prelude::*;
use std::{boxed::Box, format, string::String, vec::Vec};

extern crate std;

const TABLES_AT: u64 = 0x7FE0_1000;
const ROOT_AT: u64 = 0xF_5A40;

fn request(memory: &MemoryMap) -> TablesRequest<'_> {
    TablesRequest {
        vcpus: 2,
        memory,
        ecam: layout::ECAM_START,
        has_floppy: true,
        high_window_end: Some(Gpa::new(1 << 40)),
    }
}

fn tables() -> PcTables {
    let memory = MemoryMap::new_pc(2 << 30, 40).unwrap();
    PcTables::new(&request(&memory))
}

/// What firmware does: loads the files where it likes and obeys the commands.
struct Linked {
    files: BTreeMap<String, (u64, Vec<u8>)>,
}

impl Linked {
    fn new(tables: &PcTables) -> Self {
        let mut linked = Self { files: BTreeMap::new() };
        for command in tables.loader.chunks(128) {
            assert_eq!(command.len(), 128);
            match number(command, 0) {
                1 => linked.allocate(command, tables),
                2 => linked.add_pointer(command),
                3 => linked.add_checksum(command),
                other => panic!("no such command: {other}"),
            }
        }
        linked
    }

    fn allocate(&mut self, command: &[u8], tables: &PcTables) {
        let (address, bytes, zone) = match name(command, 4).as_str() {
            "etc/acpi/rsdp" => (ROOT_AT, &tables.root_pointer, 2),
            "etc/acpi/tables" => (TABLES_AT, &tables.tables, 1),
            other => panic!("no such file: {other}"),
        };
        assert_eq!((command[64], address % u64::from(number(command, 60))), (zone, 0));
        assert!(self.files.insert(name(command, 4), (address, bytes.clone())).is_none(), "loaded twice");
    }

    fn add_pointer(&mut self, command: &[u8]) {
        let (target, bytes) = &self.files[&name(command, 60)];
        let (target, target_bytes) = (*target, bytes.len() as u64);
        let (at, size) = (number(command, 116) as usize, usize::from(command[120]));
        let file = &mut self.files.get_mut(&name(command, 4)).unwrap().1;
        let mut pointer = [0; 8];
        pointer[..size].copy_from_slice(&file[at..at + size]);
        let offset = u64::from_le_bytes(pointer);
        assert!(offset < target_bytes, "a pointer leaves its file");
        file[at..at + size].copy_from_slice(&(offset + target).to_le_bytes()[..size]);
    }

    fn add_checksum(&mut self, command: &[u8]) {
        let file = &mut self.files.get_mut(&name(command, 4)).unwrap().1;
        let (at, start, count) = (number(command, 60), number(command, 64), number(command, 68));
        let sum = sum(&file[start as usize..(start + count) as usize]);
        let place = &mut file[at as usize];
        *place = place.wrapping_sub(sum);
    }

    fn root(&self) -> &[u8] {
        &self.files["etc/acpi/rsdp"].1
    }

    fn table_at(&self, address: u64) -> &[u8] {
        let rest = &self.files["etc/acpi/tables"].1[(address - TABLES_AT) as usize..];
        &rest[..number(rest, 4) as usize]
    }

    /// All tables by their signatures, by way of the XSDT.
    fn listed(&self) -> BTreeMap<String, Vec<u8>> {
        let xsdt = self.table_at(u64_at(self.root(), 24)).to_vec();
        let mut found: BTreeMap<_, _> = xsdt[36..]
            .chunks(8)
            .map(|entry| self.table_at(u64_at(entry, 0)).to_vec())
            .map(|table| (String::from_utf8(table[..4].to_vec()).unwrap(), table))
            .collect();
        let fadt = found["FACP"].clone();
        assert_eq!(u64::from(number(&fadt, 40)), u64_at(&fadt, 140), "both pointers to the DSDT");
        found.insert("DSDT".into(), self.table_at(u64_at(&fadt, 140)).to_vec());
        found.insert("FACS".into(), self.table_at(u64::from(number(&fadt, 36))).to_vec());
        found.insert("RSDT".into(), self.table_at(u64::from(number(self.root(), 16))).to_vec());
        found.insert("XSDT".into(), xsdt);
        found
    }
}

fn number(bytes: &[u8], offset: usize) -> u32 {
    u32::from_le_bytes(bytes[offset..offset + 4].try_into().unwrap())
}

fn u64_at(bytes: &[u8], offset: usize) -> u64 {
    u64::from_le_bytes(bytes[offset..offset + 8].try_into().unwrap())
}

fn name(bytes: &[u8], offset: usize) -> String {
    let field = &bytes[offset..offset + 56];
    let end = field.iter().position(|byte| *byte == 0).unwrap();
    String::from_utf8(field[..end].to_vec()).unwrap()
}

fn sum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum: u8, byte| sum.wrapping_add(*byte))
}

#[test]
fn every_checksum_is_right_once_linked() {
    let linked = Linked::new(&tables());

    assert_eq!(&linked.root()[..8], b"RSD PTR ");
    assert_eq!((sum(&linked.root()[..20]), sum(linked.root())), (0, 0));
    for (name, table) in linked.listed() {
        if name != "FACS" {
            assert_eq!(sum(&table), 0, "{name}");
        }
    }
}

#[test]
fn both_lists_name_the_same_tables() {
    let linked = Linked::new(&tables());
    let listed = linked.listed();

    let short: Vec<_> = listed["RSDT"][36..].chunks(4).map(|entry| u64::from(number(entry, 0))).collect();
    let long: Vec<_> = listed["XSDT"][36..].chunks(8).map(|entry| u64_at(entry, 0)).collect();

    assert_eq!(short, long);
    let names: Vec<_> = listed.keys().map(String::as_str).collect();
    assert_eq!(names, ["APIC", "DSDT", "FACP", "FACS", "HPET", "MCFG", "RSDT", "WAET", "XSDT"]);
}

#[test]
fn the_fadt_says_where_the_chipset_is() {
    let fadt = &Linked::new(&tables()).listed()["FACP"];

    let sci = u16::from_le_bytes([fadt[46], fadt[47]]);
    assert_eq!(
        (sci, number(fadt, 48), fadt[52], fadt[53]),
        (9, 0xB2, 2, 3),
        "interrupt, SMI port and commands"
    );
    assert_eq!((number(fadt, 56), fadt[88]), (0x600, 4), "event block");
    assert_eq!((number(fadt, 64), fadt[89]), (0x604, 2), "control block");
    assert_eq!((number(fadt, 76), fadt[91]), (0x608, 4), "timer");
    assert_eq!((number(fadt, 80), fadt[92]), (0x620, 16), "general-purpose events");
    assert_eq!((fadt[108], u16::from_le_bytes([fadt[109], fadt[110]])), (0x32, 3), "century, keyboard");
    assert_eq!((u64_at(fadt, 120), fadt[128]), (0xCF9, 6), "reset");
    let flags = number(fadt, 112);
    assert_eq!(flags & (1 << 4 | 1 << 20), 0, "a fixed power button, fixed hardware");
    assert_eq!(flags & 1 << 8, 0, "a timer of 24 bits");
}

#[test]
fn the_timer_comes_in_at_pin_2() {
    let madt = &Linked::new(&tables()).listed()["APIC"];

    assert_eq!(number(madt, 40), 1, "there is a PIC");
    let mut entries = &madt[44..];
    let mut overrides = Vec::new();
    let mut processors = 0;
    while let [kind, length, ..] = *entries {
        processors += usize::from(kind == 0);
        if kind == 2 {
            overrides.push((entries[3], number(entries, 4), entries[8]));
        }
        entries = &entries[usize::from(length)..];
    }
    assert_eq!(processors, 2);
    assert_eq!(overrides, [(0, 2, 0), (5, 5, 13), (9, 9, 13), (10, 10, 13), (11, 11, 13)]);
}

#[test]
fn ecam_moves_without_moving_anything_else() {
    let memory = MemoryMap::new_pc(1 << 30, 40).unwrap();
    let elsewhere = TablesRequest { ecam: Gpa::new(0xE000_0000), ..request(&memory) };

    let (first, second) = (PcTables::new(&request(&memory)), PcTables::new(&elsewhere));

    assert_eq!((first.tables.len(), &first.loader), (second.tables.len(), &second.loader));
    assert_eq!(first.root_pointer, second.root_pointer);
    assert_eq!(u64_at(&Linked::new(&second).listed()["MCFG"], 44), 0xE000_0000);
}

#[test]
fn windows_hold_what_firmware_assigns_and_no_ram() {
    for (gib, ecam) in [(1, 0xB000_0000), (8, 0xB000_0000), (8, 0xE000_0000)] {
        let memory = MemoryMap::new_pc(gib << 30, 40).unwrap();
        let text = disassembled(&TablesRequest { ecam: Gpa::new(ecam), ..request(&memory) }, "DSDT");
        let Some(text) = text else { return };

        let low_end = memory.low_end().raw();
        let below = format!("0x{low_end:08X},         // Range Minimum\n            0x{:08X}", ecam - 1);
        let compact: String = text.split_whitespace().collect();
        let wanted: String = below.split_whitespace().collect();
        assert!(compact.contains(&wanted), "no window below ECAM: {below}");
        let above = format!("0x{:08X},//RangeMinimum0xFEBFFFFF", ecam + 0x1000_0000);
        assert!(compact.contains(&above), "no window above ECAM: {above}");
        let high = memory.end().raw().max(1 << 32);
        let above = format!("0x{high:016X},//RangeMinimum0x000000FFFFFFFFFF");
        assert!(compact.contains(&above), "no 64-bit window: {above}");
    }
}

#[test]
fn the_system_may_drive_power_events_and_express_capabilities_itself() {
    let memory = MemoryMap::new_pc(1 << 30, 40).unwrap();
    let Some(text) = disassembled(&request(&memory), "DSDT") else { return };

    let compact: String = text.split_whitespace().collect();
    assert!(compact.contains("Method(_OSC,4,Serialized)"), "{text}");
    assert!(compact.contains("ToUUID(\"33db4d5b-1ff7-401c-9657-7441c03dd766\")"), "{text}");
    assert!(compact.contains("Local0=(CTRL&0x14)"), "{text}");
}

/// Where Intel's compiler is installed it has to read what we wrote.
#[test]
fn intels_disassembler_and_compiler_accept_every_table() {
    let memory = MemoryMap::new_pc(2 << 30, 40).unwrap();
    for (name, _) in Linked::new(&PcTables::new(&request(&memory))).listed() {
        let Some(text) = disassembled(&request(&memory), &name) else { return };
        assert!(!text.contains("Invalid") && !text.contains("Unknown"), "{name}: {text}");
    }
}

/// The source that a table disassembles to, after it was compiled again; `None` without the compiler.
fn disassembled(request: &TablesRequest<'_>, name: &str) -> Option<String> {
    let table = Linked::new(&PcTables::new(request)).listed().remove(name)?;
    let place = format!(
        "corten-pc-{}-{name}-{:x}",
        std::process::id(),
        request.ecam.raw() ^ request.memory.end().raw()
    );
    let directory = std::env::temp_dir().join(place);
    std::fs::create_dir_all(&directory).unwrap();
    let file = directory.join(format!("{name}.dat"));
    std::fs::write(&file, table).unwrap();
    let said = iasl(&["-d".into(), file.to_string_lossy().into_owned()])?;
    assert!(!said.contains("Error"), "{name}: {said}");
    let source = directory.join(format!("{name}.dsl"));
    let said = iasl(&[source.to_string_lossy().into_owned()])?;
    assert!(said.contains("0 Errors") || !said.contains("Error"), "{name}: {said}");
    let text = std::fs::read_to_string(&source).unwrap();
    std::fs::remove_dir_all(&directory).unwrap();
    Some(text)
}

fn iasl(arguments: &[String]) -> Option<Box<str>> {
    let output = std::process::Command::new("iasl").args(arguments).output().ok()?;
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Some(text.into_boxed_str())
}

proptest! {
    #[test]
    fn tables_of_every_machine_link(vcpus in 1u32..=64, mib in 64u64..8192, has_floppy: bool, is_high: bool) {
        let memory = MemoryMap::new_pc(mib << 20, 40).unwrap();
        let high_window_end = is_high.then_some(Gpa::new(1 << 40));

        let linked = Linked::new(&PcTables::new(&TablesRequest {
            vcpus, has_floppy, high_window_end, ..request(&memory)
        }));

        for (name, table) in linked.listed() {
            prop_assert!(name == "FACS" || sum(&table) == 0, "{}", name);
        }
    }
}
