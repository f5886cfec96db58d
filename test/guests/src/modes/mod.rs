//! Runs code in other processor modes than the one that this kernel lives in.
//!
//! - [`tables`] builds page tables of all formats.
//! - [`Visit`] is a visit to another mode: which mode, which code, registers in and out, and the exception
//!   that ended it, if one did.
//! - `switch` has the instructions of the way there and back; `real` those of real mode.

pub(crate) mod real;
mod switch;
pub(crate) mod tables;

use crate::processor;

/// CR0 bits.
pub(crate) mod cr0 {
    /// Protection.
    pub(crate) const PE: u32 = 1;
    /// Native FPU errors: on everywhere, as on all hardware of today.
    pub(crate) const NE: u32 = 1 << 5;
    /// Ring 0 heeds read-only pages.
    pub(crate) const WP: u32 = 1 << 16;
    /// Alignment mask.
    pub(crate) const AM: u32 = 1 << 18;
    /// Paging.
    pub(crate) const PG: u32 = 1 << 31;
}

/// CR4 bits.
pub(crate) mod cr4 {
    /// Large pages.
    pub(crate) const PSE: u32 = 1 << 4;
    /// 64-bit entries.
    pub(crate) const PAE: u32 = 1 << 5;
    /// Global pages.
    pub(crate) const PGE: u32 = 1 << 7;
    /// SSE.
    pub(crate) const OSFXSR: u32 = 1 << 9;
    /// Five levels.
    pub(crate) const LA57: u32 = 1 << 12;
    /// No execution of user pages.
    pub(crate) const SMEP: u32 = 1 << 20;
    /// No access to user pages.
    pub(crate) const SMAP: u32 = 1 << 21;
}

/// EFER bits.
pub(crate) mod efer {
    /// Long mode.
    pub(crate) const LME: u32 = 1 << 8;
    /// No-execute pages.
    pub(crate) const NXE: u32 = 1 << 11;
}

/// What kind of code is visited.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub(crate) enum Kind {
    /// 32-bit protected mode: a function that ends with RET.
    Protected32 = 0,
    /// 16-bit protected mode: a function below 64 KiB that ends with a 32-bit RETF.
    Protected16 = 1,
    /// Long mode: a Rust function without arguments.
    Long = 2,
    /// Real mode: code of [`real`].
    Real = 3,
}

/// No exception came.
const NOTHING: u32 = u32::MAX;

/// A visit to another mode.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Visit {
    pub(crate) code: u32,
    pub(crate) kind: Kind,
    /// Page tables.
    pub(crate) cr3: u32,
    /// CR4 while there.
    pub(crate) cr4: u32,
    /// Low half of EFER while there.
    pub(crate) efer: u32,
    /// CR0 while there.
    pub(crate) cr0: u32,
    /// EAX before and after.
    pub(crate) eax: u32,
    /// EBX before and after.
    pub(crate) ebx: u32,
    /// ECX before and after.
    pub(crate) ecx: u32,
    /// EDX before and after.
    pub(crate) edx: u32,
    /// ESI before and after.
    pub(crate) esi: u32,
    /// EDI before and after.
    pub(crate) edi: u32,
    pub(crate) vector: u32,
    pub(crate) error_code: u32,
    /// CR2 when the exception came.
    pub(crate) cr2: u32,
    /// EIP when the exception came.
    pub(crate) eip: u32,
    /// Not 0: the table of handlers stays as it is.
    pub(crate) keeps_handlers: u32,
}

/// The visit that is going on, for the code in `switch`.
static mut CURRENT: *mut Visit = core::ptr::null_mut();

impl Visit {
    /// A visit to `code` in this kind of mode, without paging.
    pub(crate) fn new(kind: Kind, code: u64) -> Self {
        Self {
            code: code as u32,
            kind,
            cr3: 0,
            cr4: cr4::OSFXSR,
            efer: 0,
            cr0: cr0::PE | cr0::NE,
            eax: 0,
            ebx: 0,
            ecx: 0,
            edx: 0,
            esi: 0,
            edi: 0,
            vector: NOTHING,
            error_code: 0,
            cr2: 0,
            eip: 0,
            keeps_handlers: 0,
        }
    }

    /// With paging by these tables.
    pub(crate) fn paging(mut self, tables: &tables::Tables) -> Self {
        self.cr3 = tables.root() as u32;
        self.cr0 |= cr0::PG | cr0::WP;
        self.cr4 |= tables.format().cr4();
        self.efer |= tables.format().efer();
        self
    }

    /// Goes there and comes back.
    pub(crate) fn go(&mut self) -> Option<(u8, u32)> {
        self.vector = NOTHING;
        // No interrupt may come while the 64-bit table of handlers is not loaded.
        unsafe {
            CURRENT = self;
            switch::visit();
        }
        (self.vector != NOTHING).then_some((self.vector as u8, self.error_code))
    }
}

/// Fills the table of handlers of 32-bit mode, for visits that keep it.
pub(crate) fn fill_handlers() {
    unsafe { switch::fill_handlers() };
}

/// Calls a function in long mode with these tables, to which paging is switched from scratch.
pub(crate) fn in_long_mode(tables: &tables::Tables, work: extern "sysv64" fn()) -> Option<(u8, u32)> {
    let mut visit = Visit::new(Kind::Long, work as *const () as u64).paging(tables);
    visit.cr4 |= (processor::cr4() as u32) & !cr4::LA57;
    visit.cr4 = visit.cr4 & !cr4::LA57 | tables.format().cr4();
    visit.cr4 |= cr4::OSFXSR;
    visit.go()
}
