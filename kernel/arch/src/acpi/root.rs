//! From the RSDP to the tables (ACPI 6.5, 5.2.5 to 5.2.8).

use super::{List, Table};
use crate::physical::{Physical, field_u32, field_u64};

/// Bytes of the header that all tables share.
pub const HEADER_BYTES: u64 = 36;
/// Tables that are looked at.
const TABLES_MAX: usize = 64;
/// Bytes of a table at the most; a DSDT of a large server has some 500 KiB.
const TABLE_BYTES_MAX: u64 = 4 << 20;
/// Where BIOSes leave the segment of their extended data area.
const EBDA_SEGMENT: u64 = 0x40e;

/// The tables that the root table lists.
#[derive(Clone, Debug)]
pub struct Tables {
    addresses: List<u64, TABLES_MAX>,
}

impl Tables {
    /// Finds the root table by the RSDP at `rsdp`, or, if that is 0 or none, by a search of the BIOS areas.
    pub fn find(memory: &impl Physical, rsdp: u64) -> Option<Self> {
        let root = read_rsdp(memory, rsdp).or_else(|| search(memory))?;
        Self::read_root(memory, root)
    }

    fn read_root(memory: &impl Physical, root: Root) -> Option<Self> {
        let (start, entry_bytes) = match root {
            Root::Extended(start) => (start, 8),
            Root::Old(start) => (start, 4),
        };
        let table = check_table(memory, start)?;
        let mut addresses = List::default();
        let count = (table.bytes - HEADER_BYTES) / entry_bytes;
        for index in 0..count.min(TABLES_MAX as u64) {
            let at = table.start.saturating_add(HEADER_BYTES + index * entry_bytes);
            let address = match root {
                Root::Extended(_) => memory.read_u64(at),
                Root::Old(_) => memory.read_u32(at).map(u64::from),
            };
            addresses.push(address?);
        }
        Some(Self { addresses })
    }

    /// The first undamaged table with this signature.
    pub fn find_table(&self, memory: &impl Physical, signature: &[u8; 4]) -> Option<Table> {
        self.all(memory, signature).next()
    }

    /// All undamaged tables with this signature.
    pub fn all<'a, P: Physical>(
        &'a self,
        memory: &'a P,
        signature: &'a [u8; 4],
    ) -> impl Iterator<Item = Table> + 'a {
        let of_kind =
            move |&&address: &&u64| memory.read_u32(address) == Some(u32::from_le_bytes(*signature));
        self.addresses.as_slice().iter().filter(of_kind).filter_map(|&address| check_table(memory, address))
    }
}

/// The two kinds of root tables.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Root {
    /// XSDT.
    Extended(u64),
    /// RSDT.
    Old(u64),
}

/// Looks for the RSDP in the first KiB of the EBDA and in the BIOS, on 16-byte boundaries.
fn search(memory: &impl Physical) -> Option<Root> {
    let mut segment = [0; 2];
    let ebda =
        if memory.read(EBDA_SEGMENT, &mut segment) { u64::from(u16::from_le_bytes(segment)) << 4 } else { 0 };
    let areas = [(ebda, if (0x8_0000..0xa_0000).contains(&ebda) { 1024 } else { 0 }), (0xe_0000, 0x2_0000)];
    for (start, bytes) in areas {
        for at in (start..start + bytes).step_by(16) {
            if memory.read_u64(at) == Some(u64::from_le_bytes(*b"RSD PTR "))
                && let Some(root) = read_rsdp(memory, at)
            {
                return Some(root);
            }
        }
    }
    None
}

fn read_rsdp(memory: &impl Physical, at: u64) -> Option<Root> {
    let mut rsdp = [0; 36];
    let old = rsdp.get_mut(..20)?;
    if at == 0 || !memory.read(at, old) || !old.starts_with(b"RSD PTR ") || sum(old) != 0 {
        return None;
    }
    // Revision 2 and later has the XSDT and a second checksum.
    if rsdp.get(15).is_some_and(|&revision| revision >= 2)
        && memory.read(at, &mut rsdp)
        && sum(&rsdp) == 0
        && let Some(extended) = field_u64(&rsdp, 24).filter(|&address| address != 0)
    {
        return Some(Root::Extended(extended));
    }
    field_u32(&rsdp, 16).filter(|&address| address != 0).map(|address| Root::Old(u64::from(address)))
}

/// Checks length and checksum of the table at `start`.
pub(super) fn check_table(memory: &impl Physical, start: u64) -> Option<Table> {
    let bytes = u64::from(memory.read_u32(start.checked_add(4)?)?);
    let is_sane = start != 0 && (HEADER_BYTES..=TABLE_BYTES_MAX).contains(&bytes);
    let table = Table { start, bytes };
    (is_sane && checksum(memory, table)? == 0).then_some(table)
}

fn checksum(memory: &impl Physical, table: Table) -> Option<u8> {
    let mut total = 0_u8;
    let mut at = 0;
    while at < table.bytes {
        let mut piece = [0; 512];
        let length = (table.bytes - at).min(512);
        let piece = piece.get_mut(..usize::try_from(length).ok()?)?;
        if !memory.read(table.start.checked_add(at)?, piece) {
            return None;
        }
        total = total.wrapping_add(sum(piece));
        at += length;
    }
    Some(total)
}

fn sum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |total: u8, &byte| total.wrapping_add(byte))
}
