//! A process' table of handles.

use crate::machine::Machine;
use crate::object::{FromObject, Object};
use abi::{Error, Handle, Rights};
use alloc::vec::Vec;

/// Handles of one process at the most.
pub const HANDLES_MAX: usize = 4096;
/// A handle's low bits are its place in the table plus one, the high bits the place's generation.
const INDEX_BITS: u32 = 13;
const INDEX_MASK: u32 = (1 << INDEX_BITS) - 1;
const GENERATION_MASK: u32 = u32::MAX >> INDEX_BITS;

/// A reference to an object with what its holder may do.
pub struct Entry<M: Machine> {
    /// The object.
    pub object: Object<M>,
    /// What the holder may do.
    pub rights: Rights,
}

struct Slot<M: Machine> {
    generation: u32,
    entry: Option<Entry<M>>,
}

/// The handles of one process. A closed handle's number does not come back soon: a stale
/// number is refused instead of naming a newer object.
pub struct HandleTable<M: Machine> {
    slots: Vec<Slot<M>>,
    free: Vec<u32>,
}

impl<M: Machine> HandleTable<M> {
    /// An empty table.
    pub const fn new() -> Self {
        Self { slots: Vec::new(), free: Vec::new() }
    }

    /// How many more handles fit.
    pub fn room(&self) -> usize {
        HANDLES_MAX - (self.slots.len() - self.free.len())
    }

    /// Adds an object.
    ///
    /// # Errors
    /// `LimitReached` with [`HANDLES_MAX`] handles.
    pub fn add(&mut self, object: Object<M>, rights: Rights) -> Result<Handle, Error> {
        let entry = Some(Entry { object, rights });
        if let Some(index) = self.free.pop() {
            let slot = self.slots.get_mut(index as usize).ok_or(Error::BadState)?;
            slot.entry = entry;
            return Ok(name(index, slot.generation));
        }
        if self.slots.len() >= HANDLES_MAX {
            return Err(Error::LimitReached);
        }
        let index = u32::try_from(self.slots.len()).map_err(|_| Error::LimitReached)?;
        self.slots.push(Slot { generation: 0, entry });
        Ok(name(index, 0))
    }

    /// What a handle names.
    ///
    /// # Errors
    /// `BadHandle` if it names nothing.
    pub fn get(&self, handle: Handle) -> Result<&Entry<M>, Error> {
        let (index, generation) = place(handle)?;
        let slot = self.slots.get(index as usize).ok_or(Error::BadHandle)?;
        if slot.generation != generation {
            return Err(Error::BadHandle);
        }
        slot.entry.as_ref().ok_or(Error::BadHandle)
    }

    /// The object that a handle names, as type `T` and with at least `rights`.
    ///
    /// # Errors
    /// `BadHandle`, `WrongKind`, `AccessDenied`.
    pub fn object<T: FromObject<M>>(&self, handle: Handle, rights: Rights) -> Result<T, Error> {
        let entry = self.get(handle)?;
        let object = T::from_object(&entry.object).ok_or(Error::WrongKind)?;
        if entry.rights.contains(rights) { Ok(object) } else { Err(Error::AccessDenied) }
    }

    /// Takes a handle out of the table.
    ///
    /// # Errors
    /// `BadHandle` if it names nothing.
    pub fn remove(&mut self, handle: Handle) -> Result<Entry<M>, Error> {
        self.get(handle)?;
        let (index, _) = place(handle)?;
        let slot = self.slots.get_mut(index as usize).ok_or(Error::BadHandle)?;
        slot.generation = (slot.generation + 1) & GENERATION_MASK;
        let entry = slot.entry.take().ok_or(Error::BadHandle)?;
        self.free.push(index);
        Ok(entry)
    }

    /// Takes handles out of the table to be sent: all or none.
    ///
    /// # Errors
    /// `BadHandle` (also for one that is named twice), `AccessDenied` without TRANSFER.
    pub fn take_for_transfer(&mut self, handles: &[Handle]) -> Result<Vec<Entry<M>>, Error> {
        for (index, handle) in handles.iter().enumerate() {
            if handles.iter().take(index).any(|earlier| earlier == handle) {
                return Err(Error::BadHandle);
            }
            if !self.get(*handle)?.rights.contains(Rights::TRANSFER) {
                return Err(Error::AccessDenied);
            }
        }
        handles.iter().map(|handle| self.remove(*handle)).collect()
    }

    /// What it names, for tests.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn objects(&self) -> impl Iterator<Item = (Handle, &Object<M>)> {
        (0..).zip(&self.slots).filter_map(|(index, slot)| {
            slot.entry.as_ref().map(|entry| (name(index, slot.generation), &entry.object))
        })
    }

    /// Empties the table.
    pub fn take_all(&mut self) -> impl Iterator<Item = Object<M>> + use<M> {
        self.free.clear();
        core::mem::take(&mut self.slots).into_iter().filter_map(|slot| slot.entry.map(|entry| entry.object))
    }
}

impl<M: Machine> Default for HandleTable<M> {
    fn default() -> Self {
        Self::new()
    }
}

const fn name(index: u32, generation: u32) -> Handle {
    Handle(generation << INDEX_BITS | (index + 1))
}

fn place(handle: Handle) -> Result<(u32, u32), Error> {
    let index = (handle.0 & INDEX_MASK).checked_sub(1).ok_or(Error::BadHandle)?;
    Ok((index, handle.0 >> INDEX_BITS))
}
