//! The guest's page tables (AMD APM vol. 2, chapter 5; Intel SDM vol. 3, chapter 4).

use crate::Processor;
use base_units::{Gpa, PAGE_BYTES};
use vmm_bus::GuestMemory;

const CR0_WP: u64 = 1 << 16;
const CR0_PG: u64 = 1 << 31;
const CR4_PSE: u64 = 1 << 4;
const CR4_PAE: u64 = 1 << 5;
const CR4_LA57: u64 = 1 << 12;
const CR4_SMEP: u64 = 1 << 20;
const CR4_SMAP: u64 = 1 << 21;
const EFER_LMA: u64 = 1 << 10;
const EFER_NXE: u64 = 1 << 11;
const RFLAGS_AC: u64 = 1 << 18;

const PRESENT: u64 = 1 << 0;
const WRITABLE: u64 = 1 << 1;
const USER: u64 = 1 << 2;
const ACCESSED: u64 = 1 << 5;
const DIRTY: u64 = 1 << 6;
const LARGE: u64 = 1 << 7;
const NO_EXECUTE: u64 = 1 << 63;
/// Address bits of a 64-bit entry.
const FRAME_64: u64 = 0x000F_FFFF_FFFF_F000;
/// Address bits of a 32-bit entry.
const FRAME_32: u64 = 0xFFFF_F000;
/// Bits below the address of a large page's entry: flags, and PAT in bit 12.
const LARGE_LOW_BITS: u64 = 0x1FFF;
/// Bits of a 64-bit entry that mean something with four and more levels only.
const LONG_BITS: u64 = 0x7FF << 52;
/// The one bit between flags and address of a 4 MiB page's entry that is no address bit.
const LARGE_LEGACY_RESERVED: u64 = 1 << 21;
/// Highest level whose 64-bit entries may be pages: 1 GiB at level 3.
const LARGE_LEVEL_MAX: u32 = 3;

/// Error code: the page is present, the access is not allowed.
const CODE_PROTECTION: u16 = 1 << 0;
const CODE_WRITE: u16 = 1 << 1;
const CODE_USER: u16 = 1 << 2;
/// Error code: an entry has bits set that mean nothing.
const CODE_RESERVED: u16 = 1 << 3;
const CODE_FETCH: u16 = 1 << 4;

/// What an access wants to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Intent {
    /// Read data.
    Read,
    /// Write data.
    Write,
    /// Read an instruction.
    Fetch,
}

/// The page fault that the processor would have raised.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PageFault {
    /// For CR2.
    pub address: u64,
    /// Error code.
    pub error_code: u16,
}

/// Which tables are in use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Tables {
    None,
    /// Two levels of 32-bit entries; with 4 MiB pages or without.
    Legacy {
        has_large: bool,
    },
    /// Three levels of 64-bit entries.
    Extended,
    /// Four or five levels of 64-bit entries.
    Long {
        levels: u32,
    },
}

/// Everything that decides how an address is translated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Paging {
    tables: Tables,
    root: u64,
    is_user: bool,
    /// Supervisor writes obey the writable bit.
    protects_writes: bool,
    has_no_execute: bool,
    /// Supervisor may not execute user pages.
    bars_user_code: bool,
    /// Supervisor may not touch user pages.
    bars_user_data: bool,
}

impl Paging {
    /// Reads the registers.
    #[inline]
    pub fn of(cpu: &impl Processor) -> Self {
        let (cr0, cr4, efer) = (cpu.cr0(), cpu.cr4(), cpu.efer());
        let tables = if cr0 & CR0_PG == 0 {
            Tables::None
        } else if cr4 & CR4_PAE == 0 {
            Tables::Legacy { has_large: cr4 & CR4_PSE != 0 }
        } else if efer & EFER_LMA == 0 {
            Tables::Extended
        } else {
            Tables::Long { levels: if cr4 & CR4_LA57 != 0 { 5 } else { 4 } }
        };
        Self {
            tables,
            root: cpu.cr3(),
            is_user: cpu.privilege_level() == 3,
            protects_writes: cr0 & CR0_WP != 0,
            has_no_execute: efer & EFER_NXE != 0 && cr4 & CR4_PAE != 0,
            bars_user_code: cr4 & CR4_SMEP != 0,
            bars_user_data: cr4 & CR4_SMAP != 0 && cpu.flags() & RFLAGS_AC == 0,
        }
    }

    /// For what the processor does by itself with descriptor tables and task states: with the rights of the system,
    /// whoever runs (Intel SDM vol. 3, 4.6.1).
    pub(crate) fn of_system(cpu: &impl Processor) -> Self {
        let bars_user_data = cpu.cr4() & CR4_SMAP != 0;
        Self { is_user: false, bars_user_data, ..Self::of(cpu) }
    }

    /// Whether a linear address has the form that the tables demand.
    pub fn is_canonical(&self, address: u64) -> bool {
        let Tables::Long { levels } = self.tables else { return true };
        let unused = 64 - (12 + 9 * levels);
        ((address << unused) as i64 >> unused) as u64 == address
    }

    /// Translates a linear address and notes the access in the tables, as the processor does.
    #[inline]
    pub fn translate<M: GuestMemory + ?Sized>(
        &self,
        memory: &M,
        address: u64,
        intent: Intent,
    ) -> Result<Gpa, PageFault> {
        match self.tables {
            Tables::None => Ok(Gpa::new(address)),
            Tables::Long { levels } => self.walk(memory, address, intent, levels),
            Tables::Extended => self.walk_extended(memory, address, intent),
            Tables::Legacy { has_large } => self.walk_legacy(memory, address, intent, has_large),
        }
    }

    fn fault(&self, address: u64, intent: Intent, cause: u16) -> PageFault {
        let mut error_code = cause;
        if self.is_user {
            error_code |= CODE_USER;
        }
        match intent {
            Intent::Write => error_code |= CODE_WRITE,
            Intent::Fetch if self.has_no_execute || self.bars_user_code => error_code |= CODE_FETCH,
            Intent::Fetch | Intent::Read => {}
        }
        PageFault { address, error_code }
    }

    /// Tables of 64-bit entries, from `levels` down.
    #[inline]
    fn walk<M: GuestMemory + ?Sized>(
        &self,
        memory: &M,
        address: u64,
        intent: Intent,
        levels: u32,
    ) -> Result<Gpa, PageFault> {
        let mut rights = Rights::ALL;
        let mut table = self.root & FRAME_64;
        let mut level = levels;
        loop {
            let shift = 3 + 9 * level;
            let place = Gpa::new(table | (address >> shift & 0x1FF) << 3);
            let entry = memory.read_u64(place).map_err(|_| self.fault(address, intent, 0))?;
            if entry & PRESENT == 0 {
                return Err(self.fault(address, intent, 0));
            }
            if entry & self.reserved(entry, level) != 0 {
                return Err(self.fault(address, intent, CODE_PROTECTION | CODE_RESERVED));
            }
            rights.narrow(entry);
            let is_page = level == 1 || entry & LARGE != 0;
            if is_page {
                self.check(rights, address, intent)?;
                note_access(memory, place, entry, leaf_bits(intent));
                let inside = (1u64 << shift) - 1;
                return Ok(Gpa::new(entry & FRAME_64 & !inside | address & inside));
            }
            note_access(memory, place, entry, ACCESSED);
            table = entry & FRAME_64;
            level -= 1;
        }
    }

    /// Bits that must be zero in a 64-bit entry of this level, as far as they do not depend on how many
    /// address bits the processor has (AMD APM vol. 2, 5.3 and 5.6.4).
    #[inline]
    fn reserved(&self, entry: u64, level: u32) -> u64 {
        let no_execute = if self.has_no_execute { 0 } else { NO_EXECUTE };
        let for_size = if level > LARGE_LEVEL_MAX {
            LARGE
        } else if level > 1 && entry & LARGE != 0 {
            ((1 << (3 + 9 * level)) - 1) & !LARGE_LOW_BITS
        } else {
            0
        };
        let for_mode = if self.tables == Tables::Extended { LONG_BITS } else { 0 };
        no_execute | for_size | for_mode
    }

    /// PAE: four top-level entries without rights, then two levels as in long mode.
    #[cold]
    fn walk_extended<M: GuestMemory + ?Sized>(
        &self,
        memory: &M,
        address: u64,
        intent: Intent,
    ) -> Result<Gpa, PageFault> {
        let top = Gpa::new(self.root & 0xFFFF_FFE0 | (address >> 30 & 3) << 3);
        let entry = memory.read_u64(top).map_err(|_| self.fault(address, intent, 0))?;
        if entry & PRESENT == 0 {
            return Err(self.fault(address, intent, 0));
        }
        let lower = Self { root: entry & FRAME_64, ..*self };
        lower.walk(memory, address, intent, 2)
    }

    /// Two levels of 32-bit entries.
    #[cold]
    fn walk_legacy<M: GuestMemory + ?Sized>(
        &self,
        memory: &M,
        address: u64,
        intent: Intent,
        has_large: bool,
    ) -> Result<Gpa, PageFault> {
        let mut rights = Rights::ALL;
        let mut table = self.root & FRAME_32;
        for shift in [22, 12] {
            let place = Gpa::new(table | (address >> shift & 0x3FF) << 2);
            let entry = memory.read_u32(place).map_err(|_| self.fault(address, intent, 0))?;
            let entry = u64::from(entry);
            if entry & PRESENT == 0 {
                return Err(self.fault(address, intent, 0));
            }
            rights.narrow(entry);
            let is_large = shift != 12 && has_large && entry & LARGE != 0;
            if is_large && entry & LARGE_LEGACY_RESERVED != 0 {
                return Err(self.fault(address, intent, CODE_PROTECTION | CODE_RESERVED));
            }
            if shift == 12 || is_large {
                self.check(rights, address, intent)?;
                note_access(memory, place, entry, leaf_bits(intent));
                return Ok(legacy_page(entry, address, shift));
            }
            note_access(memory, place, entry, ACCESSED);
            table = entry & FRAME_32;
        }
        Err(self.fault(address, intent, 0))
    }

    /// AMD APM vol. 2, 5.6: what the combined rights allow.
    #[inline]
    fn check(&self, rights: Rights, address: u64, intent: Intent) -> Result<(), PageFault> {
        let is_user_page = rights.0 & USER != 0;
        let is_allowed = match intent {
            _ if self.is_user && !is_user_page => false,
            Intent::Fetch => {
                let is_barred = !self.is_user && is_user_page && self.bars_user_code;
                let is_data = self.has_no_execute && rights.0 & NO_EXECUTE != 0;
                !is_barred && !is_data
            }
            _ if !self.is_user && is_user_page && self.bars_user_data => false,
            Intent::Read => true,
            Intent::Write => rights.0 & WRITABLE != 0 || !self.is_user && !self.protects_writes,
        };
        if is_allowed { Ok(()) } else { Err(self.fault(address, intent, CODE_PROTECTION)) }
    }
}

/// A 4 KiB page, or a 4 MiB page whose entry carries address bits 39..32 in bits 20..13 (PSE-36).
fn legacy_page(entry: u64, address: u64, shift: u32) -> Gpa {
    let inside = (1u64 << shift) - 1;
    let high = if shift == 22 { (entry >> 13 & 0xFF) << 32 } else { 0 };
    Gpa::new(high | entry & FRAME_32 & !inside | address & inside)
}

/// What all entries of a walk allow together.
#[derive(Clone, Copy)]
struct Rights(u64);

impl Rights {
    const ALL: Self = Self(WRITABLE | USER);

    #[inline]
    fn narrow(&mut self, entry: u64) {
        let no_execute = (self.0 | entry) & NO_EXECUTE;
        self.0 = self.0 & entry & (WRITABLE | USER) | no_execute;
    }
}

fn leaf_bits(intent: Intent) -> u64 {
    if intent == Intent::Write { ACCESSED | DIRTY } else { ACCESSED }
}

/// Sets accessed and dirty bits that are not set. They lie in the entry's lowest byte, which is written
/// alone; the guest's own change of that byte in the same instant could be lost. The processor
/// itself has set the bits for the access that brought us here, so this is rare.
#[inline]
fn note_access<M: GuestMemory + ?Sized>(memory: &M, place: Gpa, entry: u64, bits: u64) {
    if entry & bits != bits {
        // The entry was read from there a moment ago.
        let _ = memory.write_u8(place, (entry | bits) as u8);
    }
}

/// Bytes from an address to the end of its page.
pub(crate) fn left_in_page(address: u64) -> u64 {
    PAGE_BYTES - address % PAGE_BYTES
}

#[cfg(test)]
mod tests;
