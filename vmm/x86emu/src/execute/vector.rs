//! Moves between vector registers and memory.

use super::{Step, virtual_memory::Place};
use crate::{
    Beyond, Fault, FullProcessor, Platform, Width,
    decode::{Operand, VectorKind, VectorMove},
    paging::Intent,
};

const CR0_EM: u64 = 1 << 2;
const CR0_TS: u64 = 1 << 3;
const CR4_OSFXSR: u64 = 1 << 9;
const CR4_OSXSAVE: u64 = 1 << 18;
/// XCR0: SSE and AVX state.
const XCR0_VECTORS: u64 = 0b110;
/// Words of a vector at the most.
const WORDS: usize = 4;

/// Places of a vector's words.
type Places = [Option<Place>; WORDS];

impl<C: FullProcessor, P: Platform> Step<'_, C, P> {
    pub(super) fn vector_move(&mut self, found: VectorMove) -> Result<(), Fault> {
        self.check_vectors_enabled(&found)?;
        let target = self.instruction.register;
        match found.kind {
            VectorKind::Load => {
                let value = self.read_vector(&found)?;
                self.load_vector(target, &found, value)
            }
            VectorKind::LoadLow => {
                let ([_, high, ..], [low, ..]) = (self.other(&found)?, self.read_vector(&found)?);
                self.load_vector(target, &found, [low, high, 0, 0])
            }
            VectorKind::LoadHigh => {
                let ([low, ..], [high, ..]) = (self.other(&found)?, self.read_vector(&found)?);
                self.load_vector(target, &found, [low, high, 0, 0])
            }
            VectorKind::Store => {
                let value = self.vector(target)?;
                self.write_vector(&found, value)
            }
            VectorKind::StoreHigh => {
                let [_, high, ..] = self.vector(target)?;
                self.write_vector(&found, [high, 0, 0, 0])
            }
        }
    }

    /// The operating system enables vectors, and may have left them to another task (AMD APM vol. 2, 11.3; Intel SDM
    /// vol. 2, 2.4).
    fn check_vectors_enabled(&self, found: &VectorMove) -> Result<(), Fault> {
        let (cr0, cr4) = (self.cpu.cr0(), self.cpu.cr4());
        let is_enabled = match found.vex {
            Some(_) => {
                let has_state = cr4 & CR4_OSXSAVE != 0 && self.cpu.xcr0() & XCR0_VECTORS == XCR0_VECTORS;
                has_state && !self.cpu.has_plain_segments()
            }
            None => cr0 & CR0_EM == 0 && cr4 & CR4_OSFXSR != 0,
        };
        if !is_enabled {
            return Err(Fault::INVALID_OPCODE);
        }
        if cr0 & CR0_TS != 0 { Err(Fault::DEVICE_NOT_AVAILABLE) } else { Ok(()) }
    }

    fn vector(&self, index: u8) -> Result<[u64; WORDS], Fault> {
        self.cpu.vector(index).ok_or(Fault::Unsupported)
    }

    /// The register that gives what memory does not.
    fn other(&self, found: &VectorMove) -> Result<[u64; WORDS], Fault> {
        self.vector(found.vex.unwrap_or(self.instruction.register))
    }

    /// Legacy forms keep everything above 128 bits, VEX forms clear everything above what they load.
    fn load_vector(&mut self, index: u8, found: &VectorMove, value: [u64; WORDS]) -> Result<(), Fault> {
        let old = self.vector(index)?;
        if found.vex.is_some() {
            self.cpu.set_vector(index, value, Beyond::Cleared);
        } else {
            self.cpu.set_vector(index, [value[0], value[1], old[2], old[3]], Beyond::Kept);
        }
        Ok(())
    }

    fn read_vector(&mut self, found: &VectorMove) -> Result<[u64; WORDS], Fault> {
        let (width, places) = self.vector_places(found, Intent::Read)?;
        let mut value = [0; WORDS];
        for (word, place) in value.iter_mut().zip(&places) {
            if let Some(place) = place {
                *word = self.read_place(place, width);
            }
        }
        Ok(value)
    }

    fn write_vector(&mut self, found: &VectorMove, value: [u64; WORDS]) -> Result<(), Fault> {
        let (width, places) = self.vector_places(found, Intent::Write)?;
        for (word, place) in value.into_iter().zip(&places) {
            if let Some(place) = place {
                self.write_place(place, width, word);
            }
        }
        Ok(())
    }

    /// Where each word lies. All faults are found now.
    fn vector_places(&self, found: &VectorMove, intent: Intent) -> Result<(Width, Places), Fault> {
        // The decoder lets no register through.
        let Operand::Memory(address) = self.instruction.operand else { return Err(Fault::Unsupported) };
        let bytes = u64::from(found.bytes);
        let start = self.linear_address(&address, bytes, intent)?;
        if found.is_aligned && start % bytes != 0 {
            return Err(Fault::GENERAL_PROTECTION);
        }
        let width = if bytes < 8 { Width::W32 } else { Width::W64 };
        let mut places = [const { None }; WORDS];
        for (offset, place) in (0..bytes).step_by(width.bytes() as usize).zip(&mut places) {
            *place = Some(self.place(self.behind(start, offset), width, intent)?);
        }
        Ok((width, places))
    }
}
