//! Commands that move data.

use super::{
    controller::{CHANNEL, CONFIGURE_SEEKS, Floppy, Reply},
    disk::{Geometry, SECTOR_BYTES},
    progress::{Flow, Progress, SECTORS_MAX},
    status::{
        ABNORMAL, CONTROL_MARK, DATA_ERROR, END_OF_TRACK, Fault, NO_ADDRESS_MARK, NO_DATA, NOT_WRITABLE,
        WRONG_TRACK,
    },
};
use crate::dma::Direction;
use base_units::Gpa;
use vmm_bus::{FlatMemory, GuestMemory, GuestRange, Volume, volume::Access};

/// The disk in a drive as far as the head can make sense of it.
pub(super) struct Readable(Option<Geometry>);

impl Readable {
    /// The geometry, if the disk has this track and side.
    pub(super) fn filter_track(self, track: u8, head: u8) -> Result<Geometry, Fault> {
        let has_track = |geometry: &Geometry| track < geometry.tracks && head < geometry.heads;
        self.0.filter(has_track).ok_or(Fault::of(NO_ADDRESS_MARK))
    }
}

impl<V: Volume> Floppy<V> {
    /// What the head reads with the data rate that is set.
    pub(super) fn readable(&self, drive: u8, is_double_density: bool) -> Readable {
        let disk = self.drives.get(usize::from(drive)).and_then(|drive| drive.disk.as_ref());
        let geometry = disk.map(|disk| disk.geometry);
        Readable(geometry.filter(|geometry| is_double_density && geometry.has_rate(self.settings.rate)))
    }

    /// A command that moves data begins.
    pub(super) fn begin(&mut self, progress: Progress, memory: &dyn GuestMemory) {
        if self.settings.configure[0] & CONFIGURE_SEEKS != 0
            && progress.flow != Flow::Format
            && let Some(drive) = self.drives.get_mut(usize::from(progress.drive))
        {
            drive.seek(progress.address.track);
        }
        let fault = self.check_begin(&progress);
        self.progress = Some(progress);
        if let Err(fault) = fault {
            self.finish(Some(fault));
            return;
        }
        if self.settings.is_without_dma() && self.flow() != Some(Flow::Verify) {
            self.prepare_step();
            return;
        }
        self.resume(memory);
    }

    /// Goes on with a command as far as its DMA channel is open.
    pub(super) fn resume(&mut self, memory: &dyn GuestMemory) {
        for _ in 0..SECTORS_MAX {
            let Some(flow) = self.flow() else { return };
            if flow != Flow::Verify && (self.settings.is_without_dma() || !self.dma.is_open(CHANNEL)) {
                return;
            }
            self.step_by_dma(flow, memory);
        }
    }

    /// The guest reads a byte of data without DMA.
    pub(super) fn give_byte(&mut self) -> u8 {
        let Some(progress) = self.progress.as_mut().filter(|progress| progress.flow == Flow::Read) else {
            return 0;
        };
        self.wants_interrupt = false;
        let byte = self.buffer.get(usize::from(progress.position)).copied().unwrap_or(0);
        progress.position = progress.position.saturating_add(1);
        self.end_step_by_hand();
        byte
    }

    /// The guest writes a byte of data without DMA.
    pub(super) fn take_byte(&mut self, byte: u8) {
        let Some(progress) = self.progress.as_mut().filter(|progress| progress.flow != Flow::Read) else {
            return;
        };
        self.wants_interrupt = false;
        if let Some(place) = self.buffer.get_mut(usize::from(progress.position)) {
            *place = byte;
        }
        progress.position = progress.position.saturating_add(1);
        self.end_step_by_hand();
    }

    fn flow(&self) -> Option<Flow> {
        self.progress.as_ref().map(|progress| progress.flow)
    }

    fn check_begin(&self, progress: &Progress) -> Result<(), Fault> {
        let track = self.drives.get(usize::from(progress.drive)).map_or(0, |drive| drive.track);
        self.readable(progress.drive, progress.is_double_density).filter_track(track, progress.head)?;
        let disk = self.drives.get(usize::from(progress.drive)).and_then(|drive| drive.disk.as_ref());
        let is_protected = disk.is_some_and(|disk| disk.access == Access::ReadOnly);
        if is_protected && matches!(progress.flow, Flow::Write | Flow::Format) {
            return Err(Fault::of(NOT_WRITABLE));
        }
        if progress.flow == Flow::Format && progress.is_empty() {
            return Err(Fault::of(NO_DATA));
        }
        Ok(())
    }

    /// Moves one sector, or the address of a new one, by DMA.
    fn step_by_dma(&mut self, flow: Flow, memory: &dyn GuestMemory) {
        if matches!(flow, Flow::Read | Flow::Verify)
            && let Err(fault) = self.read_sector()
        {
            self.finish(Some(fault));
            return;
        }
        let Some(progress) = &self.progress else { return };
        let bytes = progress.step_bytes();
        let position = usize::from(progress.position);
        let Some(data) = self.buffer.get_mut(position..bytes) else { return };
        let moved = match flow {
            Flow::Verify => crate::dma::Moved { bytes: data.len(), is_terminal: false },
            Flow::Read => self.dma.transfer(CHANNEL, Direction::ToMemory, memory, data),
            Flow::Write | Flow::Format => self.dma.transfer(CHANNEL, Direction::FromMemory, memory, data),
        };
        if moved.bytes < data.len() && flow != Flow::Read {
            // The rest of a sector that ends early is zero.
            data.iter_mut().skip(moved.bytes).for_each(|byte| *byte = 0);
        }
        if moved.bytes == 0 {
            self.finish(Some(Fault::of(NO_DATA)));
            return;
        }
        self.end_step(moved.is_terminal);
    }

    /// One sector has been moved through the buffer.
    fn end_step(&mut self, is_terminal: bool) {
        let written = match self.flow() {
            Some(Flow::Write) => self.write_sector(),
            Some(Flow::Format) => self.format_sector(),
            _ => Ok(()),
        };
        if let Err(fault) = written {
            self.finish(Some(fault));
            return;
        }
        let Some(progress) = self.progress.as_mut() else { return };
        let wants_deleted = progress.wants_deleted;
        let is_satisfied = progress.is_satisfied();
        let goes_on = progress.advance();
        if wants_deleted {
            // Other data than were wanted end the command (82077AA data sheet, 5.1.2).
            self.finish(Some(Fault { status_1: 0, status_2: CONTROL_MARK }));
        } else if is_terminal || (!goes_on && is_satisfied) {
            self.finish(None);
        } else if !goes_on {
            self.finish(Some(Fault::of(END_OF_TRACK)));
        }
    }

    /// Without DMA: fetches the sector that the guest will read, and asks for its attention.
    fn prepare_step(&mut self) {
        if self.flow() == Some(Flow::Read)
            && let Err(fault) = self.read_sector()
        {
            self.finish(Some(fault));
            return;
        }
        self.wants_interrupt = true;
    }

    /// Without DMA: ends a step when its last byte was moved.
    fn end_step_by_hand(&mut self) {
        let is_whole = self
            .progress
            .as_ref()
            .is_some_and(|progress| usize::from(progress.position) >= progress.step_bytes());
        if is_whole {
            self.end_step(false);
            if self.progress.is_some() {
                self.prepare_step();
            }
        }
    }

    /// Where the sector under way is on its disk.
    fn sector_offset(&self, progress: &Progress) -> Result<u64, Fault> {
        let no_mark = Fault::of(NO_ADDRESS_MARK);
        let drive = self.drives.get(usize::from(progress.drive)).ok_or(no_mark)?;
        let readable = self.readable(progress.drive, progress.is_double_density);
        let geometry = readable.filter_track(drive.track, progress.head)?;
        let address = progress.address;
        if progress.flow != Flow::Format && address.track != drive.track {
            return Err(Fault { status_1: NO_DATA, status_2: WRONG_TRACK });
        }
        let is_here = address.head == progress.head && address.size == super::command::SIZE_512;
        let offset = geometry.offset(drive.track, progress.head, address.sector);
        offset.filter(|_| is_here || progress.flow == Flow::Format).ok_or(Fault::of(NO_DATA))
    }

    /// Reads the sector under way into the buffer.
    fn read_sector(&mut self) -> Result<(), Fault> {
        let Some(progress) = &self.progress else { return Ok(()) };
        let offset = self.sector_offset(progress)?;
        let drive = self.drives.get_mut(usize::from(progress.drive));
        let Some(disk) = drive.and_then(|drive| drive.disk.as_mut()) else { return Ok(()) };
        self.buffer.fill(0);
        let bytes = disk.volume.bytes().saturating_sub(offset).min(SECTOR_BYTES);
        let Some(part) = self.buffer.get_mut(..bytes as usize).filter(|part| !part.is_empty()) else {
            // Behind the end of an image that was cut short a disk is empty.
            return Ok(());
        };
        let copy = FlatMemory::new(Gpa::new(0), part.len());
        let range = GuestRange { start: Gpa::new(0), bytes };
        let read = disk.volume.read(offset, &copy, range).is_ok() && copy.read(Gpa::new(0), part).is_ok();
        if read { Ok(()) } else { Err(Fault { status_1: DATA_ERROR, status_2: DATA_ERROR }) }
    }

    /// Writes the buffer to the sector under way.
    fn write_sector(&mut self) -> Result<(), Fault> {
        let Some(progress) = &self.progress else { return Ok(()) };
        let offset = self.sector_offset(progress)?;
        let drive = self.drives.get_mut(usize::from(progress.drive));
        let Some(disk) = drive.and_then(|drive| drive.disk.as_mut()) else { return Ok(()) };
        let copy = FlatMemory::new(Gpa::new(0), self.buffer.len());
        let range = GuestRange { start: Gpa::new(0), bytes: SECTOR_BYTES };
        let written =
            copy.write(Gpa::new(0), &self.buffer).is_ok() && disk.volume.write(offset, &copy, range).is_ok();
        if written { Ok(()) } else { Err(Fault { status_1: DATA_ERROR, status_2: DATA_ERROR }) }
    }

    /// Makes the sector whose address is in the buffer.
    fn format_sector(&mut self) -> Result<(), Fault> {
        let [track, head, sector, size, ..] = self.buffer;
        let Some(progress) = self.progress.as_mut() else { return Ok(()) };
        progress.address = super::progress::Address { track, head, sector, size };
        self.buffer.fill(progress.filler);
        self.write_sector()
    }

    /// The command ends with its seven bytes of result.
    fn finish(&mut self, fault: Option<Fault>) {
        let Some(progress) = self.progress.take() else { return };
        let normal = fault.is_none_or(|fault| fault.status_1 == 0);
        let Fault { status_1, status_2 } = fault.unwrap_or_default();
        let status_0 = if normal { 0 } else { ABNORMAL } | progress.head << 2 | progress.drive;
        let address = progress.address;
        self.reply = Reply::new(&[
            status_0,
            status_1,
            status_2,
            address.track,
            address.head,
            address.sector,
            address.size,
        ]);
        self.wants_interrupt = true;
    }
}
