//! The controller on the bus, saved and shown.

use super::{
    command::Command,
    controller::{Floppy, Reply, Settings},
    disk::{SECTOR_BYTES, TRACKS_MAX},
    progress::Progress,
};
use crate::{
    byte_ports::{read_bytewise, write_bytewise},
    dma::{self, DmaState},
};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};
use vmm_bus::{AccessSize, Context, Device, Inspector, Region, Volume};
use vmm_snapshot::{RestoreError, Saved, SavedState};

const VERSION: u16 = 1;
/// Port ranges of the controller and the DMA controllers: first port and how many. Port 0x3F6 belongs to disks. A
/// range is mapped as the region that [`region`] names.
pub const PORTS: [(u16, u16); 8] = [
    dma::PORTS[0],
    dma::PORTS[1],
    dma::PORTS[2],
    dma::PORTS[3],
    dma::PORTS[4],
    dma::PORTS[5],
    (0x3F0, 6),
    (0x3F7, 1),
];
/// The region of a range of [`PORTS`]: its first port.
pub const fn region(first: u16) -> Region {
    Region(first)
}

const DIGITAL_OUTPUT: u16 = 0x3F2;
const TAPE_DRIVE: u16 = 0x3F3;
const MAIN_STATUS: u16 = 0x3F4;
const DATA: u16 = 0x3F5;
const DIGITAL_INPUT: u16 = 0x3F7;
/// Ports from here on are the floppy controller's.
const FIRST_PORT: u16 = 0x3F0;

#[derive(Serialize, Deserialize)]
struct State {
    dma: DmaState,
    settings: Settings,
    command: Vec<u8>,
    progress: Option<Progress>,
    buffer: Vec<u8>,
    reply: Reply,
    seeks: [Option<u8>; 4],
    wants_interrupt: bool,
    asserted: bool,
    passing: u8,
    /// Track and change line of each drive.
    drives: Vec<(u8, bool)>,
}

/// The port at an offset of a region.
fn port(region: Region, offset: u64) -> Option<u16> {
    region.0.checked_add(u16::try_from(offset).ok()?)
}

impl<V: Volume> Floppy<V> {
    fn read_port(&mut self, port: u16) -> u8 {
        match port {
            0..FIRST_PORT => self.dma.read(port),
            DIGITAL_OUTPUT => self.settings.output,
            TAPE_DRIVE => self.settings.tape,
            MAIN_STATUS => self.main_status(),
            DATA => self.read_data(),
            DIGITAL_INPUT => self.digital_input(),
            _ => 0xFF,
        }
    }

    fn write_port(&mut self, port: u16, value: u8, context: &Context<'_>) {
        match port {
            0..FIRST_PORT => {
                self.dma.write(port, value);
                // A transfer that waited for its channel goes on.
                self.resume(context.memory);
            }
            DIGITAL_OUTPUT => self.write_output(value),
            TAPE_DRIVE => self.settings.tape = value & 3,
            MAIN_STATUS => self.write_rate_select(value),
            DATA => self.write_data(value, context.memory),
            DIGITAL_INPUT => self.settings.rate = value & 3,
            _ => {}
        }
    }
}

impl<V: Volume + Send + 'static> Device for Floppy<V> {
    fn name(&self) -> &'static str {
        "floppy"
    }

    fn read(&mut self, region: Region, offset: u64, size: AccessSize, context: &mut Context<'_>) -> u64 {
        let value = read_bytewise(offset, size, |offset| match port(region, offset) {
            Some(port) => self.read_port(port),
            None => 0xFF,
        });
        self.report(context.effects);
        value
    }

    fn write(
        &mut self,
        region: Region,
        offset: u64,
        size: AccessSize,
        value: u64,
        context: &mut Context<'_>,
    ) {
        write_bytewise(offset, size, value, |offset, byte| {
            if let Some(port) = port(region, offset) {
                self.write_port(port, byte, context);
            }
        });
        self.report(context.effects);
    }

    fn reset(&mut self, _context: &mut Context<'_>) {
        let disks = self.drives.each_mut().map(|drive| drive.disk.take());
        *self = Self::new(self.line, disks);
    }

    fn save(&self) -> SavedState {
        let state = State {
            dma: self.dma.save(),
            settings: self.settings,
            command: self.command.as_slice().to_vec(),
            progress: self.progress.clone(),
            buffer: self.buffer.to_vec(),
            reply: self.reply,
            seeks: self.seeks,
            wants_interrupt: self.wants_interrupt,
            asserted: self.asserted,
            passing: self.passing,
            drives: self.drives.iter().map(|drive| (drive.track, drive.is_changed)).collect(),
        };
        SavedState::encode(VERSION, &state)
    }

    fn restore(&mut self, saved: Saved<'_>) -> Result<(), RestoreError> {
        let state: State = saved.decode(VERSION)?;
        let wrong_buffer = RestoreError::Impossible("a floppy controller's buffer is a sector");
        let buffer: [u8; SECTOR_BYTES as usize] = state.buffer.try_into().map_err(|_| wrong_buffer)?;
        if state.drives.len() != self.drives.len() {
            return Err(RestoreError::Impossible("a floppy controller has two drives"));
        }
        let mut command = Command::default();
        if state.command.iter().any(|byte| command.push(*byte)) {
            return Err(RestoreError::Impossible("a whole command waits to be carried out"));
        }
        self.dma.restore(state.dma)?;
        for (drive, (track, is_changed)) in self.drives.iter_mut().zip(state.drives) {
            drive.track = track.min(TRACKS_MAX);
            drive.is_changed = is_changed;
        }
        self.settings = state.settings;
        self.command = command;
        self.progress = state.progress;
        self.buffer = buffer;
        self.reply = state.reply;
        self.reply.sanitize();
        self.seeks = state.seeks;
        self.wants_interrupt = state.wants_interrupt;
        self.asserted = state.asserted;
        self.passing = state.passing;
        Ok(())
    }

    fn inspect(&self, inspector: &mut dyn Inspector) {
        inspector.number("main status", u64::from(self.main_status()));
        inspector.number("digital output", u64::from(self.settings.output));
        for drive in &self.drives {
            inspector.enter("drive");
            inspector.number("track", u64::from(drive.track));
            let bytes = drive.disk.as_ref().map_or(0, |disk| disk.geometry.bytes());
            inspector.number("disk bytes", bytes);
            inspector.leave();
        }
        self.dma.inspect(inspector);
    }
}
