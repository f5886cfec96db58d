//! Memory by linear address: RAM or a device, whichever the page tables lead to.

use super::Step;
use crate::{
    Fault, FullProcessor, Platform, Width,
    paging::{Intent, Paging, left_in_page},
};
use base_units::Gpa;
use vmm_bus::{AccessSize, GuestMemory};

/// Where an access leads that the page tables allow.
pub(super) enum Place {
    /// All of it lies in one page.
    Whole(Gpa),
    /// Byte by byte, across pages.
    Split([Option<Gpa>; 8]),
}

impl<C: FullProcessor, P: Platform> Step<'_, C, P> {
    pub(super) fn paging(&self) -> Paging {
        Paging::of(self.cpu)
    }

    /// Reads memory as the processor reads its own tables.
    pub(super) fn read_system(&mut self, address: u64, width: Width) -> Result<u64, Fault> {
        let place = self.place_in(&Paging::of_system(self.cpu), address, width, Intent::Read)?;
        Ok(self.read_place(&place, width))
    }

    /// Finds where the processor writes its own tables.
    pub(super) fn system_place(&self, address: u64, width: Width) -> Result<Place, Fault> {
        self.place_in(&Paging::of_system(self.cpu), address, width, Intent::Write)
    }

    /// Reads memory at a linear address.
    pub(super) fn read_memory(&mut self, address: u64, width: Width) -> Result<u64, Fault> {
        let place = self.place(address, width, Intent::Read)?;
        Ok(self.read_place(&place, width))
    }

    /// Writes memory at a linear address.
    pub(super) fn write_memory(&mut self, address: u64, width: Width, value: u64) -> Result<(), Fault> {
        let place = self.place(address, width, Intent::Write)?;
        self.write_place(&place, width, value);
        Ok(())
    }

    /// Finds where an access leads. All faults are found now, before anything is touched.
    pub(super) fn place(&self, address: u64, width: Width, intent: Intent) -> Result<Place, Fault> {
        self.place_in(&self.paging(), address, width, intent)
    }

    fn place_in(&self, paging: &Paging, address: u64, width: Width, intent: Intent) -> Result<Place, Fault> {
        let translate = |address| paging.translate(self.platform.memory(), address, intent);
        if left_in_page(address) >= width.bytes() {
            return Ok(Place::Whole(translate(address)?));
        }
        // Byte by byte, and all of them before one is touched.
        let mut places = [None; 8];
        for (index, place) in (0..width.bytes()).zip(&mut places) {
            *place = Some(translate(self.behind(address, index))?);
        }
        Ok(Place::Split(places))
    }

    /// Reads what was found for reading.
    pub(super) fn read_place(&mut self, place: &Place, width: Width) -> u64 {
        let places = match place {
            Place::Whole(at) => return read_physical(self.platform, *at, width),
            Place::Split(places) => places,
        };
        let mut value = 0;
        for (index, at) in places.iter().enumerate() {
            if let Some(at) = at {
                value |= read_physical(self.platform, *at, Width::W8) << (8 * index);
            }
        }
        value
    }

    /// Writes what was found for writing.
    pub(super) fn write_place(&mut self, place: &Place, width: Width, value: u64) {
        let places = match place {
            Place::Whole(at) => return write_physical(self.platform, *at, width, value),
            Place::Split(places) => places,
        };
        for (index, at) in places.iter().enumerate() {
            if let Some(at) = at {
                write_physical(self.platform, *at, Width::W8, value >> (8 * index));
            }
        }
    }
}

/// Reads RAM, or a device where there is no RAM.
fn read_physical<P: Platform>(platform: &mut P, at: Gpa, width: Width) -> u64 {
    let memory = platform.memory();
    let value = match width.access_size() {
        AccessSize::Byte => memory.read_u8(at).map(u64::from),
        AccessSize::Word => memory.read_u16(at).map(u64::from),
        AccessSize::Dword => memory.read_u32(at).map(u64::from),
        AccessSize::Qword => memory.read_u64(at),
    };
    value.unwrap_or_else(|_| platform.read_device(at, width.access_size()) & width.mask())
}

/// Writes RAM, or a device where there is no RAM.
fn write_physical<P: Platform>(platform: &mut P, at: Gpa, width: Width, value: u64) {
    let memory = platform.memory();
    let written = match width.access_size() {
        AccessSize::Byte => memory.write_u8(at, value as u8),
        AccessSize::Word => memory.write_u16(at, value as u16),
        AccessSize::Dword => memory.write_u32(at, value as u32),
        AccessSize::Qword => memory.write_u64(at, value),
    };
    if written.is_err() {
        platform.write_device(at, width.access_size(), value & width.mask());
    }
}
