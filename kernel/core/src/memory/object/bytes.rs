//! Reading and writing an object without mapping it.

use super::ram::Patience;
use super::{Backing, Linear, MemoryObject};
use crate::machine::Machine;
use crate::memory::access::in_page;
use abi::Error;
use base_units::{Hpa, PAGE_BYTES};

impl<M: Machine> MemoryObject<M> {
    /// Copies bytes out. Pages that were never touched read as zero and are not made.
    ///
    /// # Errors
    /// `OutOfRange`; `Unsupported` for device memory, which only its driver may touch.
    pub fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<(), Error> {
        self.check_bytes(offset, buffer.len())?;
        let mut at = offset;
        let mut rest = buffer;
        while !rest.is_empty() {
            let (part, tail) = rest.split_at_mut(in_page(at, rest.len()));
            self.read_in_page(at, part)?;
            at += part.len() as u64;
            rest = tail;
        }
        Ok(())
    }

    /// Copies bytes in.
    ///
    /// # Errors
    /// `OutOfRange`, `NoMemory`; `Unsupported` for device memory, `AccessDenied` for the boot bundle.
    pub fn write(&self, offset: u64, bytes: &[u8]) -> Result<(), Error> {
        self.check_bytes(offset, bytes.len())?;
        let mut at = offset;
        let mut rest = bytes;
        while !rest.is_empty() {
            let (part, tail) = rest.split_at(in_page(at, rest.len()));
            self.write_in_page(at, part)?;
            at += part.len() as u64;
            rest = tail;
        }
        Ok(())
    }

    fn read_in_page(&self, at: u64, part: &mut [u8]) -> Result<(), Error> {
        match &self.backing {
            Backing::Ram(ram) => {
                let state = ram.lock();
                let (place, slot) = state.tree.find(at / PAGE_BYTES);
                if slot.is_present() {
                    let within = at & ((PAGE_BYTES << (9 * place.level)) - 1);
                    M::read_memory(Hpa::new(slot.address().raw() + within), part);
                } else {
                    part.fill(0);
                }
            }
            Backing::Linear { kind: Linear::Device(_), .. } => return Err(Error::Unsupported),
            Backing::Linear { start, .. } => M::read_memory(Hpa::new(start.raw() + at), part),
        }
        Ok(())
    }

    fn write_in_page(&self, at: u64, part: &[u8]) -> Result<(), Error> {
        match &self.backing {
            Backing::Ram(ram) => {
                let mut state = ram.lock();
                let resolved = ram.touch(&mut state, at / PAGE_BYTES, true, Patience::Now)?;
                M::write_memory(Hpa::new(resolved.frame.raw() + at % PAGE_BYTES), part);
            }
            Backing::Linear { kind: Linear::Device(_), .. } => return Err(Error::Unsupported),
            Backing::Linear { kind: Linear::Boot, .. } => return Err(Error::AccessDenied),
            Backing::Linear { start, .. } => M::write_memory(Hpa::new(start.raw() + at), part),
        }
        Ok(())
    }

    fn check_bytes(&self, offset: u64, len: usize) -> Result<(), Error> {
        let end = u64::try_from(len).ok().and_then(|len| offset.checked_add(len));
        end.filter(|end| *end <= self.bytes).map(drop).ok_or(Error::OutOfRange)
    }
}
