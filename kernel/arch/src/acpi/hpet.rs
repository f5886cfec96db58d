//! The HPET's description (IA-PC HPET 1.0a, 3.2.4).

use super::Table;
use crate::physical::Physical;

/// Where the HPET is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hpet {
    /// Physical address of its registers.
    pub address: u64,
}

impl Hpet {
    pub(super) fn read(memory: &impl Physical, table: Table) -> Option<Self> {
        let space = memory.read_u32(table.start.checked_add(40)?)? & 0xff;
        let address = memory.read_u64(table.start.checked_add(44)?)?;
        let is_there = table.bytes >= 52 && space == 0 && address != 0;
        is_there.then_some(Self { address })
    }
}
