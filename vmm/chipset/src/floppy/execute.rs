//! Commands are carried out.

use super::{
    command::{Command, INWARDS, LOCK, Operation},
    controller::{Floppy, OUTPUT_RUNNING, Reply},
    progress::Progress,
    status::{
        ABNORMAL, DRIVE_PROTECTED, DRIVE_READY, DRIVE_TRACK_0, DRIVE_TWO_SIDES, EQUIPMENT_CHECK, INVALID,
        NO_ADDRESS_MARK, SEEK_END,
    },
};
use vmm_bus::{GuestMemory, Volume, volume::Access};

/// What it says it is: an 82077.
const VERSION: u8 = 0x90;

impl<V: Volume> Floppy<V> {
    /// The guest writes a byte of a command or of data.
    pub(super) fn write_data(&mut self, byte: u8, memory: &dyn GuestMemory) {
        if self.settings.output & OUTPUT_RUNNING == 0 {
            return;
        }
        if self.progress.is_some() {
            self.take_byte(byte);
            return;
        }
        // Results are read to their end before the next command.
        if self.reply.is_empty() && self.command.push(byte) {
            let command = core::mem::take(&mut self.command);
            self.execute(&command, memory);
        }
    }

    /// The guest reads a byte of a result or of data.
    pub(super) fn read_data(&mut self) -> u8 {
        if self.progress.is_some() { self.give_byte() } else { self.pop_reply() }
    }

    // tidy: table
    fn execute(&mut self, command: &Command, memory: &dyn GuestMemory) {
        match command.operation() {
            Operation::Specify => self.settings.specify = [command.byte(1), command.byte(2)],
            Operation::SenseDrive => self.reply = Reply::new(&[self.drive_status(command)]),
            Operation::Recalibrate => self.recalibrate(command),
            Operation::SenseInterrupt => self.sense_interrupt(),
            Operation::ReadId => self.read_id(command),
            Operation::DumpRegisters => self.dump_registers(),
            Operation::Seek => self.seek(command, command.byte(2)),
            Operation::RelativeSeek => {
                let track = self.drives.get(command.drive()).map_or(0, |drive| drive.track);
                let steps = command.byte(2);
                let inwards = command.has(INWARDS);
                let target = if inwards { track.saturating_add(steps) } else { track.saturating_sub(steps) };
                self.seek(command, target);
            }
            Operation::Version => self.reply = Reply::new(&[VERSION]),
            Operation::Perpendicular => self.settings.perpendicular = command.byte(1),
            Operation::Configure => self.settings.configure = [command.byte(2), command.byte(3)],
            Operation::Lock => {
                self.settings.is_locked = command.has(LOCK);
                self.reply = Reply::new(&[u8::from(self.settings.is_locked) << 4]);
            }
            Operation::Invalid => self.reply = Reply::new(&[INVALID]),
            Operation::ReadTrack
            | Operation::Write
            | Operation::Read
            | Operation::WriteDeleted
            | Operation::ReadDeleted
            | Operation::Format
            | Operation::Verify => self.begin(Progress::begin(command), memory),
        }
    }

    fn recalibrate(&mut self, command: &Command) {
        match self.drives.get_mut(command.drive()) {
            Some(drive) => {
                drive.seek(0);
                self.end_seek(command, 0);
            }
            // Where there is no drive track 0 is never found.
            None => self.end_seek(command, ABNORMAL | EQUIPMENT_CHECK),
        }
    }

    fn seek(&mut self, command: &Command, track: u8) {
        if let Some(drive) = self.drives.get_mut(command.drive()) {
            drive.seek(track);
        }
        self.end_seek(command, 0);
    }

    fn end_seek(&mut self, command: &Command, status: u8) {
        if let Some(seek) = self.seeks.get_mut(command.drive()) {
            *seek = Some(status | SEEK_END | command.head() << 2 | command.drive() as u8);
        }
        self.wants_interrupt = true;
    }

    fn sense_interrupt(&mut self) {
        let first = self.seeks.iter_mut().find_map(Option::take);
        self.wants_interrupt = false;
        self.reply = match first {
            Some(status) => {
                let track = self.drives.get(usize::from(status & 3)).map_or(0, |drive| drive.track);
                Reply::new(&[status, track])
            }
            None => Reply::new(&[INVALID]),
        };
    }

    fn drive_status(&self, command: &Command) -> u8 {
        let mut status = command.byte(1) & 7 | DRIVE_READY | DRIVE_TWO_SIDES;
        let Some(drive) = self.drives.get(command.drive()) else { return status };
        if drive.track == 0 {
            status |= DRIVE_TRACK_0;
        }
        if drive.disk.as_ref().is_some_and(|disk| disk.access == Access::ReadOnly) {
            status |= DRIVE_PROTECTED;
        }
        status
    }

    /// Tells the address of the sector that passes under the head.
    fn read_id(&mut self, command: &Command) {
        let is_double_density = command.has(super::command::DOUBLE_DENSITY);
        let head = command.head();
        let drive_and_head = command.byte(1) & 7;
        let track = self.drives.get(command.drive()).map_or(0, |drive| drive.track);
        self.wants_interrupt = true;
        let readable = self.readable(command.drive() as u8, is_double_density);
        let Ok(geometry) = readable.filter_track(track, head) else {
            self.reply = Reply::new(&[ABNORMAL | drive_and_head, NO_ADDRESS_MARK, 0, 0, 0, 0, 0]);
            return;
        };
        self.passing = if self.passing >= geometry.sectors { 1 } else { self.passing.saturating_add(1) };
        let size = super::command::SIZE_512;
        self.reply = Reply::new(&[drive_and_head, 0, 0, track, head, self.passing, size]);
    }

    fn dump_registers(&mut self) {
        let tracks = [0, 1].map(|index: usize| self.drives.get(index).map_or(0, |drive| drive.track));
        let [step, load] = self.settings.specify;
        let [configure, precompensation] = self.settings.configure;
        let lock = u8::from(self.settings.is_locked) << 7 | self.settings.perpendicular & 0x7F;
        let [first, second] = tracks;
        self.reply = Reply::new(&[first, second, 0, 0, step, load, 0, lock, configure, precompensation]);
    }
}
