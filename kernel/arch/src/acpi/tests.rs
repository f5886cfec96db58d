//! The parser against tables that are right, and against tables that were tampered with.

use super::*;
use proptest::prelude::*;

/// Where the fake tables start.
const BASE: u64 = 0x7_f000;

/// Physical memory that holds some bytes at [`BASE`] and nothing else.
struct Fake(Vec<u8>);

impl Physical for Fake {
    fn read(&self, address: u64, buffer: &mut [u8]) -> bool {
        let Some(start) = address.checked_sub(BASE).and_then(|start| usize::try_from(start).ok()) else {
            return false;
        };
        let Some(from) = start.checked_add(buffer.len()).and_then(|end| self.0.get(start..end)) else {
            return false;
        };
        buffer.copy_from_slice(from);
        true
    }
}

fn seal(table: &mut [u8], at: usize) {
    table[at] = 0;
    table[at] = table.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte)).wrapping_neg();
}

fn table(signature: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; HEADER_BYTES as usize];
    bytes[..4].copy_from_slice(signature);
    bytes.extend_from_slice(body);
    let length = bytes.len() as u32;
    bytes[4..8].copy_from_slice(&length.to_le_bytes());
    seal(&mut bytes, 9);
    bytes
}

fn madt() -> Vec<u8> {
    let mut body = Vec::new();
    body.extend_from_slice(&0xfee0_0000_u32.to_le_bytes());
    body.extend_from_slice(&1_u32.to_le_bytes());
    // Two processors as APICs, one of them again and one more as x2APIC, one that is not enabled.
    body.extend_from_slice(&[0, 8, 0, 0, 1, 0, 0, 0]);
    body.extend_from_slice(&[0, 8, 1, 1, 1, 0, 0, 0]);
    body.extend_from_slice(&[0, 8, 2, 2, 2, 0, 0, 0]);
    body.extend_from_slice(&[9, 16, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0]);
    body.extend_from_slice(&[9, 16, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0]);
    body.extend_from_slice(&[1, 12, 0, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0]);
    // IRQ 0 on line 2; IRQ 9 level, active low.
    body.extend_from_slice(&[2, 10, 0, 0, 2, 0, 0, 0, 0, 0]);
    body.extend_from_slice(&[2, 10, 0, 9, 9, 0, 0, 0, 0x0f, 0]);
    table(b"APIC", &body)
}

fn fadt(dsdt: u64) -> Vec<u8> {
    let mut body = vec![0; 276 - HEADER_BYTES as usize];
    let mut put = |at: usize, value: &[u8]| {
        let start = at - HEADER_BYTES as usize;
        body[start..start + value.len()].copy_from_slice(value);
    };
    put(64, &0x604_u32.to_le_bytes());
    put(76, &0x608_u32.to_le_bytes());
    put(112, &(1_u32 << 10).to_le_bytes());
    put(116, &[1, 8, 0, 1]);
    put(120, &0xcf9_u64.to_le_bytes());
    put(128, &[0x0f]);
    put(140, &dsdt.to_le_bytes());
    table(b"FACP", &body)
}

/// A whole set of tables with the RSDP at the start.
fn machine() -> Fake {
    let mut bytes = vec![0; 36];
    let mut place = |table: Vec<u8>| {
        let at = BASE + bytes.len() as u64;
        bytes.extend_from_slice(&table);
        at
    };
    let dsdt = place(table(b"DSDT", b"\x08_S5_\x12\x06\x04\x0a\x05\x0a\x06\x00\x00"));
    let mut hpet = vec![0; 20];
    hpet[8..16].copy_from_slice(&0xfed0_0000_u64.to_le_bytes());
    let mut srat = vec![0; 12];
    srat.extend_from_slice(&[1, 40, 1, 0, 0, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0x20, 0, 0, 0, 0, 0]);
    srat.extend_from_slice(&[0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let mut mcfg = vec![0; 8];
    mcfg.extend_from_slice(&0xb000_0000_u64.to_le_bytes());
    mcfg.extend_from_slice(&[0, 0, 0, 0xff, 0, 0, 0, 0]);
    let listed = [
        place(fadt(dsdt)),
        place(madt()),
        place(table(b"HPET", &hpet)),
        place(table(b"SRAT", &srat)),
        place(table(b"MCFG", &mcfg)),
    ];
    let root: Vec<u8> = listed.iter().flat_map(|address| address.to_le_bytes()).collect();
    let root = place(table(b"XSDT", &root));
    bytes[..8].copy_from_slice(b"RSD PTR ");
    bytes[15] = 2;
    bytes[24..32].copy_from_slice(&root.to_le_bytes());
    seal(&mut bytes[..20], 8);
    seal(&mut bytes[..36], 32);
    Fake(bytes)
}

#[test]
fn a_whole_machine_is_understood() {
    let board = read(&machine(), BASE).unwrap();

    let madt = board.madt.unwrap();
    let ids: Vec<u32> = madt.processors.as_slice().iter().map(|processor| processor.apic_id).collect();
    assert_eq!(ids, [0, 1, 0x100]);
    assert_eq!(madt.io_apics.as_slice(), [IoApic { address: 0xfec0_0000, first_line: 0 }]);
    assert_eq!(madt.isa(0).line, 2);
    assert_eq!((madt.isa(9).is_level, madt.isa(9).is_active_low), (true, true));
    assert_eq!(madt.isa(4), Override { isa: 4, line: 4, is_level: false, is_active_low: false });
    let fadt = board.fadt.unwrap();
    assert_eq!(fadt.reset.map(|(register, value)| (register.address, value)), Some((0xcf9, 0x0f)));
    assert_eq!(fadt.controls[0].map(|register| register.address), Some(0x604));
    assert_eq!(board.sleep, Some(SleepTypes { a: 5, b: 6 }));
    assert_eq!(board.hpet, Some(Hpet { address: 0xfed0_0000 }));
    assert_eq!(board.pci.as_slice()[0].last_bus, 0xff);
    assert_eq!(board.srat.unwrap().memory.as_slice()[0].start, 0x10_0000 >> 16 << 16);
}

#[test]
fn a_damaged_table_is_left_out() {
    let mut machine = machine();
    let at = machine.0.windows(4).position(|name| name == b"APIC").unwrap();
    machine.0[at + 20] ^= 1;

    let board = read(&machine, BASE).unwrap();

    assert!(board.madt.is_none());
    assert!(board.hpet.is_some());
}

#[test]
fn nothing_is_found_in_nothing() {
    assert!(read(&Fake(vec![0; 4096]), 0).is_none());
}

proptest! {
    #[test]
    fn tampered_tables_do_no_harm(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20)) {
        let mut machine = machine();
        for (at, value) in changes {
            let at = at.index(machine.0.len());
            machine.0[at] = value;
        }

        // Checksums would catch most of it, so every part is also read without them.
        let _ = read(&machine, BASE);
        let whole = Table { start: BASE + 36, bytes: machine.0.len() as u64 - 36 };
        let _ = Madt::read(&machine, whole);
        let _ = Fadt::read(&machine, whole);
        let _ = Srat::read(&machine, whole);
        let _ = Hpet::read(&machine, whole);
        let _ = mcfg::read(&machine, whole);
    }
}

#[test]
fn a_pc_without_the_table_has_one_io_apic_and_isa_interrupts_on_their_own_lines() {
    let madt = Madt::of_a_pc();
    assert_eq!(madt.io_apics.as_slice(), [IoApic { address: 0xfec0_0000, first_line: 0 }]);
    assert_eq!(madt.isa(4).line, 4);
    assert!(madt.processors.as_slice().is_empty());
}
