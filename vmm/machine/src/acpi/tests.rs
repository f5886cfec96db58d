//! Claims about the tables as a kernel would read them.

use super::*;
use std::{boxed::Box, format, string::String};

extern crate std;

fn sum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum: u8, byte| sum.wrapping_add(*byte))
}

fn u64_at(bytes: &[u8], offset: usize) -> u64 {
    u64::from_le_bytes(bytes[offset..offset + 8].try_into().unwrap())
}

/// The table at a guest-physical address, by the length in its header.
fn table_at(tables: &AcpiTables, address: u64) -> &[u8] {
    let start = (address - tables.start().raw()) as usize;
    let rest = &tables.image()[start..];
    let length = u32::from_le_bytes(rest[4..8].try_into().unwrap()) as usize;
    &rest[..length]
}

fn listed(tables: &AcpiTables) -> std::collections::BTreeMap<String, Vec<u8>> {
    let xsdt = table_at(tables, u64_at(tables.image(), 24));
    let mut found: std::collections::BTreeMap<_, _> = xsdt[36..]
        .chunks(8)
        .map(|entry| table_at(tables, u64_at(entry, 0)))
        .map(|table| (String::from_utf8(table[..4].to_vec()).unwrap(), table.to_vec()))
        .collect();
    let dsdt = table_at(tables, u64_at(&found["FACP"], 140)).to_vec();
    found.insert("DSDT".into(), dsdt);
    found.insert("XSDT".into(), xsdt.to_vec());
    found
}

#[test]
fn every_checksum_is_right() {
    let tables = AcpiTables::new(4).unwrap();

    assert_eq!(&tables.image()[..8], b"RSD PTR ");
    assert_eq!(sum(&tables.image()[..20]), 0);
    assert_eq!(sum(&tables.image()[..36]), 0);
    for (name, table) in listed(&tables) {
        assert_eq!(sum(&table), 0, "{name}");
    }
}

#[test]
fn the_madt_lists_every_vcpu_and_one_io_apic() {
    let tables = AcpiTables::new(64).unwrap();

    let madt = &listed(&tables)["APIC"];

    let mut entries = &madt[44..];
    let mut counts = [0; 16];
    while let [kind, length, ..] = *entries {
        counts[usize::from(kind)] += 1;
        entries = &entries[usize::from(length)..];
    }
    assert_eq!((counts[0], counts[1]), (64, 1));
}

#[test]
fn the_tables_of_the_largest_machine_fit() {
    assert!(AcpiTables::new(vmm_protocol::VCPUS_MAX).is_ok());
}

/// Where Intel's compiler is installed it has to read what we wrote.
#[test]
fn intels_disassembler_and_compiler_accept_every_table() {
    let directory = std::env::temp_dir().join(format!("corten-acpi-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    for (name, table) in listed(&AcpiTables::new(2).unwrap()) {
        let file = directory.join(format!("{name}.dat"));
        std::fs::write(&file, table).unwrap();
        let Some(text) = iasl(&["-d".into(), file.to_string_lossy().into_owned()]) else { return };
        assert!(!text.contains("Error"), "{name}: {text}");
        let source = directory.join(format!("{name}.dsl"));
        let Some(text) = iasl(&[source.to_string_lossy().into_owned()]) else { return };
        assert!(text.contains("0 Errors") || !text.contains("Error"), "{name}: {text}");
    }
    std::fs::remove_dir_all(&directory).unwrap();
}

fn iasl(arguments: &[String]) -> Option<Box<str>> {
    let output = std::process::Command::new("iasl").args(arguments).output().ok()?;
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Some(text.into_boxed_str())
}
