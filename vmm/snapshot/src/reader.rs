//! Reads a saved machine. The bytes may come from anywhere: nothing is believed before it is checked.

use crate::{
    error::RestoreError,
    format::{FORMAT, MAGIC, NAME_BYTES_MAX, SECTIONS_MAX, STATE_BYTES_MAX, TRAILER_BYTES, checksum},
    saved_state::Saved,
};
use alloc::vec::Vec;

/// One device's part of a saved machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Section<'a> {
    /// Name of the device.
    pub name: &'a str,
    /// Which of the devices with that name.
    pub instance: u32,
    /// Its state.
    pub saved: Saved<'a>,
}

/// A saved machine whose container is whole: its checksum is right, its sections lie within it and
/// no two have the same name. The states inside have not been looked at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Snapshot<'a> {
    sections: Vec<Section<'a>>,
}

impl<'a> Snapshot<'a> {
    /// Checks the container. An entry point for fuzzing: no input may panic here.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, RestoreError> {
        if bytes.get(..MAGIC.len()) != Some(&MAGIC) {
            return Err(RestoreError::NotASnapshot);
        }
        let split = bytes.len().checked_sub(TRAILER_BYTES).ok_or(RestoreError::WrongLength)?;
        let (body, trailer) = bytes.split_at_checked(split).ok_or(RestoreError::WrongLength)?;
        let mut cursor = Cursor { rest: body.get(MAGIC.len()..).ok_or(RestoreError::WrongLength)? };
        let format = cursor.u32()?;
        if format != FORMAT {
            return Err(RestoreError::UnknownFormat { found: format });
        }
        if trailer != checksum(body).to_le_bytes() {
            return Err(RestoreError::Damaged);
        }
        let count = cursor.u32()? as usize;
        if count > SECTIONS_MAX {
            return Err(RestoreError::BadSection);
        }
        let mut snapshot = Self { sections: Vec::new() };
        for _ in 0..count {
            snapshot.push(cursor.section()?)?;
        }
        if cursor.rest.is_empty() { Ok(snapshot) } else { Err(RestoreError::WrongLength) }
    }

    /// The state of instance `instance` of the device `name`.
    pub fn find(&self, name: &str, instance: u32) -> Result<Saved<'a>, RestoreError> {
        self.sections
            .iter()
            .find(|section| section.name == name && section.instance == instance)
            .map(|section| section.saved)
            .ok_or(RestoreError::Missing)
    }

    /// All sections in the order in which they were written.
    pub fn sections(&self) -> &[Section<'a>] {
        &self.sections
    }

    /// Refuses the whole if it has a section that `is_known` does not know.
    pub fn refuse_unknown(&self, mut is_known: impl FnMut(&str, u32) -> bool) -> Result<(), RestoreError> {
        if self.sections.iter().all(|section| is_known(section.name, section.instance)) {
            Ok(())
        } else {
            Err(RestoreError::UnknownSection)
        }
    }

    fn push(&mut self, section: Section<'a>) -> Result<(), RestoreError> {
        if self.find(section.name, section.instance).is_ok() {
            return Err(RestoreError::Duplicate);
        }
        self.sections.push(section);
        Ok(())
    }
}

/// The part of the bytes that has not been read yet.
struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    fn bytes(&mut self, count: usize) -> Result<&'a [u8], RestoreError> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(RestoreError::WrongLength)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const COUNT: usize>(&mut self) -> Result<[u8; COUNT], RestoreError> {
        self.bytes(COUNT)?.try_into().map_err(|_| RestoreError::WrongLength)
    }

    fn u32(&mut self) -> Result<u32, RestoreError> {
        self.array().map(u32::from_le_bytes)
    }

    fn section(&mut self) -> Result<Section<'a>, RestoreError> {
        let [name_bytes] = self.array()?;
        let name = self.bytes(usize::from(name_bytes))?;
        let name = core::str::from_utf8(name).map_err(|_| RestoreError::BadSection)?;
        let instance = self.u32()?;
        let version = u16::from_le_bytes(self.array()?);
        let state_bytes = self.u32()? as usize;
        if name.is_empty() || name.len() > NAME_BYTES_MAX || state_bytes > STATE_BYTES_MAX {
            return Err(RestoreError::BadSection);
        }
        let bytes = self.bytes(state_bytes)?;
        Ok(Section { name, instance, saved: Saved { version, bytes } })
    }
}
