//! The four page-directory-pointer entries of 32-bit PAE paging.
//!
//! The processor loads them when the guest writes CR3, CR0 or CR4. Where ring 0 has set one of these registers, it has
//! to load them itself before the next entry (Intel SDM vol. 3, 27.3.2.4: with EPT they come from the control structure).

use super::vcpu::Vmx;
use super::vmcs::{read, write};
use crate::X86;
use base_units::{Hpa, PAGE_BYTES};
use kernel_core::Machine;
use spec::control::{CR0_PG, CR4_PAE};
use spec::msr::EFER_LMA;
use spec::vmx::field;

/// Bits of CR3 that are the directory's address.
const ADDRESS: u64 = 0xffff_ffe0;
/// An entry of EPT: may be read, and maps a page.
const READABLE: u64 = 1 << 0;
const LARGE: u64 = 1 << 7;
const FRAME: u64 = 0x000f_ffff_ffff_f000;
/// Bits of a directory entry that must be 0: writable, user, and 5 to 8.
const RESERVED: u64 = 0x1e6;

impl Vmx {
    /// Loads the directory if the guest's paging has one. `Err`: it is not in memory now, this is its address.
    pub(super) fn load_directory(&self) -> Result<(), u64> {
        let is_paging = read(field::GUEST_CR0) & CR0_PG != 0;
        let has_directory =
            is_paging && read(field::GUEST_CR4) & CR4_PAE != 0 && read(field::GUEST_EFER) & EFER_LMA == 0;
        if !has_directory {
            return Ok(());
        }
        let at = read(field::GUEST_CR3) & ADDRESS;
        let frame = self.find_frame(at).ok_or(at)?;
        let mut bytes = [0; 32];
        X86::read_memory(Hpa::new(frame | (at % PAGE_BYTES)), &mut bytes);
        for (index, entry) in (0..).zip(bytes.as_chunks().0) {
            let raw = u64::from_le_bytes(*entry);
            // What the processor would refuse in an entry that is there cannot be entered with.
            let is_bad =
                raw & 1 != 0 && raw & RESERVED != 0 || raw >> self.capabilities.facts.physical_bits != 0;
            write(field::GUEST_PDPTE0 + 2 * index, if is_bad { 0 } else { raw });
        }
        Ok(())
    }

    /// Walks EPT. The processor has announced its visit: no frame that is found goes away meanwhile.
    fn find_frame(&self, address: u64) -> Option<u64> {
        let mut table = self.pointer & FRAME;
        for level in (0..4).rev() {
            let shift = 12 + 9 * level;
            let entry = X86::read_entry(Hpa::new(table), (address >> shift) as usize % 512);
            if entry & READABLE == 0 {
                return None;
            }
            if level == 0 || entry & LARGE != 0 {
                let page = (1 << shift) - 1;
                return Some((entry & FRAME & !page | address & page) & !(PAGE_BYTES - 1));
            }
            table = entry & FRAME;
        }
        None
    }
}
