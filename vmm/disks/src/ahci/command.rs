//! From the command list to the drive and back (5.3).

use super::{
    frame::{FRAME_BYTES, HostFrame, pio_setup_frame, set_bits_frame},
    port::Port,
};
use crate::{
    drive::{Direction, Mode, Transfer},
    registers::Registers,
};
use base_units::Gpa;
use serde::{Deserialize, Serialize};
use spec::{
    ahci::{
        DESCRIPTOR_BYTES, DESCRIPTOR_COUNT, DESCRIPTOR_INTERRUPT, HEADER_BYTES, HEADER_DESCRIPTORS_SHIFT,
        HEADER_MOVED, HEADER_PACKET, PX_IS_BUS_FAULT, PX_IS_DESCRIPTOR, PX_IS_OVERFLOW, PX_IS_PIO_SETUP,
        PX_IS_SET_BITS, PX_IS_TASK_ERROR, RECEIVED_PIO_SETUP, RECEIVED_SET_BITS, TABLE_DESCRIPTORS,
        TABLE_PACKET,
    },
    ata::{ERROR_ABORT, PACKET_BYTES, STATUS_ERROR, STATUS_READY, STATUS_SEEK, command},
};
use vmm_bus::{GuestMemory, GuestRange, MemoryError, Volume};

/// Slots of the command list.
pub(super) const SLOTS: u32 = 32;
/// Bytes that a port moves in one call at the most; the rest waits for the next.
pub(super) const CALL_BYTES_MAX: u64 = 1 << 20;
/// Commands and descriptors that a port looks at in one call at the most.
pub(super) const CALL_STEPS_MAX: usize = 512;

/// A command under way, with its place in the table of descriptors.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Active {
    slot: u8,
    /// Where the command table lies.
    table: u64,
    descriptors: u16,
    next: u16,
    /// What is left of the descriptor at hand.
    start: u64,
    left: u32,
    /// Whether the descriptor at hand wants an interrupt when it is done.
    interrupts: bool,
    /// Bytes moved so far.
    moved: u32,
    /// How the data moves, for the answer.
    how: Option<(Mode, Direction)>,
}

/// A command header as the host wrote it (4.2.2).
struct Header {
    flags: u32,
    table: u64,
}

/// Why a command cannot go on: it names memory that is none.
struct BusFault;

impl From<MemoryError> for BusFault {
    fn from(_: MemoryError) -> Self {
        BusFault
    }
}

impl<V: Volume> Port<V> {
    /// Works on the command list, as long as one call may.
    pub(super) fn run(&mut self, memory: &dyn GuestMemory) {
        self.receive_signature(memory);
        let mut bytes = CALL_BYTES_MAX;
        for _ in 0..CALL_STEPS_MAX {
            if bytes == 0 || !self.has_more() {
                break;
            }
            let done = match self.state.current {
                Some(active) => self.go_on(active, memory, &mut bytes),
                None => self.start_next(memory),
            };
            if let Err(BusFault) = done {
                self.fail_bus();
            }
        }
        self.state.has_work = self.has_more();
    }

    /// Whether there is anything to do.
    fn has_more(&self) -> bool {
        let is_able = self.is_started() && !self.state.is_stopped && self.drive.is_some();
        is_able && (self.state.current.is_some() || self.registers.issued != 0)
    }

    /// Takes the next issued command, in the order of slots from the last one on.
    fn start_next(&mut self, memory: &dyn GuestMemory) -> Result<(), BusFault> {
        let after = u32::from(self.state.slot).wrapping_add(1) % SLOTS;
        let distance = self.registers.issued.rotate_right(after).trailing_zeros();
        let slot = after.wrapping_add(distance) % SLOTS;
        self.state.slot = slot as u8;
        let header = self.read_header(slot, memory)?;
        let table = Gpa::new(header.table);
        let mut frame = [0; FRAME_BYTES];
        memory.read(table, &mut frame)?;
        let descriptors = (header.flags >> HEADER_DESCRIPTORS_SHIFT) as u16;
        let active = Active {
            slot: slot as u8,
            table: header.table,
            descriptors,
            next: 0,
            start: 0,
            left: 0,
            interrupts: false,
            moved: 0,
            how: None,
        };
        match HostFrame::parse(&frame) {
            HostFrame::Command(registers) => self.start(active, &header, registers, memory),
            HostFrame::Control { is_reset } => {
                self.registers.issued &= !(1 << slot);
                self.hold(is_reset, memory);
                Ok(())
            }
            HostFrame::Unknown => {
                // No drive would answer; that the host learns it at once is kinder.
                let status = STATUS_READY | STATUS_SEEK | STATUS_ERROR;
                self.answer_error(&Registers { status, error: ERROR_ABORT, ..Registers::default() }, memory);
                Ok(())
            }
        }
    }

    fn read_header(&self, slot: u32, memory: &dyn GuestMemory) -> Result<Header, BusFault> {
        let mut raw = [0; 16];
        memory.read(self.header_at(slot).ok_or(BusFault)?, &mut raw)?;
        let raw = u128::from_le_bytes(raw);
        Ok(Header { flags: raw as u32, table: (raw >> 64) as u64 & !0x7F })
    }

    fn header_at(&self, slot: u32) -> Option<Gpa> {
        Gpa::new(self.registers.command_list).checked_add(u64::from(slot).checked_mul(HEADER_BYTES)?)
    }

    /// A frame holds the drive in reset, or lets it go.
    fn hold(&mut self, is_reset: bool, memory: &dyn GuestMemory) {
        let was_held = core::mem::replace(&mut self.state.is_held, is_reset);
        if was_held && !is_reset {
            if let Some(drive) = &mut self.drive {
                drive.soft_reset();
            }
            self.show_signature(memory);
        }
    }

    /// Gives a command to the drive.
    fn start(
        &mut self,
        mut active: Active,
        header: &Header,
        registers: Registers,
        memory: &dyn GuestMemory,
    ) -> Result<(), BusFault> {
        let Some(drive) = &mut self.drive else { return Ok(()) };
        drive.registers = Registers { status: drive.registers.status, ..registers };
        drive.execute(registers.command);
        if drive.wants_packet() {
            let mut packet = [0; PACKET_BYTES];
            if header.flags & HEADER_PACKET == 0 {
                drive.cancel();
            } else {
                let at = Gpa::new(active.table).checked_add(TABLE_PACKET).ok_or(BusFault)?;
                memory.read(at, &mut packet)?;
                drive.packet(packet);
            }
        }
        let transfer = drive.transfer();
        let shown = drive.registers;
        self.show_task_file(&shown);
        active.how = transfer.map(|transfer| (transfer.mode, transfer.direction));
        self.state.current = Some(active);
        match transfer {
            None => self.finish(active, memory),
            Some(Transfer { mode: Mode::Queued(_), .. }) => {
                // The drive accepts it: the slot is free, the tag is not.
                self.registers.issued &= !(1 << active.slot);
                Ok(())
            }
            Some(_) => Ok(()),
        }
    }

    /// Moves the next piece of the command's data.
    fn go_on(
        &mut self,
        mut active: Active,
        memory: &dyn GuestMemory,
        bytes: &mut u64,
    ) -> Result<(), BusFault> {
        let Some(drive) = &mut self.drive else { return Ok(()) };
        let Some(transfer) = drive.transfer() else { return self.finish(active, memory) };
        if active.left == 0 && !active.fetch(memory)? {
            // The drive has more than the host has room for, or data for.
            drive.cancel();
            self.registers.interrupt_status |= PX_IS_OVERFLOW;
            return self.finish(active, memory);
        }
        let count = u64::from(active.left).min(transfer.left).min(*bytes);
        drive.move_piece(memory, GuestRange { start: Gpa::new(active.start), bytes: count })?;
        *bytes = bytes.saturating_sub(count);
        if active.pass(count) {
            self.registers.interrupt_status |= PX_IS_DESCRIPTOR;
        }
        self.state.current = Some(active);
        let is_over = self.drive.as_ref().is_none_or(|drive| drive.transfer().is_none());
        if is_over { self.finish(active, memory) } else { Ok(()) }
    }

    /// The drive is done with the command: tells the host.
    fn finish(&mut self, active: Active, memory: &dyn GuestMemory) -> Result<(), BusFault> {
        self.state.current = None;
        let Some(drive) = &self.drive else { return Ok(()) };
        let registers = drive.registers;
        self.show_task_file(&registers);
        if let Some((Mode::Queued(tag), _)) = active.how {
            self.finish_queued(tag, &registers, memory);
            return Ok(());
        }
        let moved = self.header_at(u32::from(active.slot)).and_then(|at| at.checked_add(HEADER_MOVED));
        memory.write_u32(moved.ok_or(BusFault)?, active.moved)?;
        if registers.has_error() {
            self.answer_error(&registers, memory);
            return Ok(());
        }
        self.registers.issued &= !(1 << active.slot);
        let is_read_by_pio = active.how == Some((Mode::Pio, Direction::ToHost));
        if is_read_by_pio {
            let frame = pio_setup_frame(&registers, active.moved);
            self.post(memory, RECEIVED_PIO_SETUP, &frame);
            self.registers.interrupt_status |= PX_IS_PIO_SETUP;
        }
        // Reading by PIO ends with its setup frame; only packet commands tell how they ended after that.
        if !is_read_by_pio || registers.command == command::PACKET {
            self.post_registers(memory, &registers);
        }
        Ok(())
    }

    fn finish_queued(&mut self, tag: u8, registers: &Registers, memory: &dyn GuestMemory) {
        let has_error = registers.has_error();
        let done = if has_error { 0 } else { 1u32.checked_shl(u32::from(tag)).unwrap_or(0) };
        self.registers.active &= !done;
        self.post(memory, RECEIVED_SET_BITS, &set_bits_frame(registers, done));
        self.registers.interrupt_status |= PX_IS_SET_BITS;
        if has_error {
            self.stop(PX_IS_TASK_ERROR);
        }
    }

    /// The command failed: nothing more is taken until software starts the list anew (6.2.2).
    fn answer_error(&mut self, registers: &Registers, memory: &dyn GuestMemory) {
        self.show_task_file(registers);
        self.post_registers(memory, registers);
        self.stop(PX_IS_TASK_ERROR);
    }

    /// The host named memory that is none.
    fn fail_bus(&mut self) {
        self.state.current = None;
        if let Some(drive) = &mut self.drive
            && drive.is_busy()
        {
            drive.cancel();
        }
        self.stop(PX_IS_BUS_FAULT);
    }

    fn stop(&mut self, why: u32) {
        self.registers.interrupt_status |= why;
        self.state.is_stopped = true;
    }
}

impl Active {
    /// Takes the next descriptor; `false` if there is none.
    fn fetch(&mut self, memory: &dyn GuestMemory) -> Result<bool, BusFault> {
        if self.next >= self.descriptors {
            return Ok(false);
        }
        let offset = u64::from(self.next).saturating_mul(DESCRIPTOR_BYTES).saturating_add(TABLE_DESCRIPTORS);
        let mut raw = [0; DESCRIPTOR_BYTES as usize];
        memory.read(Gpa::new(self.table).checked_add(offset).ok_or(BusFault)?, &mut raw)?;
        let raw = u128::from_le_bytes(raw);
        let last = (raw >> 96) as u32;
        self.start = raw as u64 & !1;
        self.left = (last & DESCRIPTOR_COUNT | 1).saturating_add(1);
        self.interrupts = last & DESCRIPTOR_INTERRUPT != 0;
        self.next = self.next.saturating_add(1);
        Ok(true)
    }

    /// Moves on by `bytes`; whether a descriptor that wants an interrupt was done.
    fn pass(&mut self, bytes: u64) -> bool {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.start = self.start.saturating_add(u64::from(bytes));
        self.left = self.left.saturating_sub(bytes);
        self.moved = self.moved.saturating_add(bytes);
        self.left == 0 && self.interrupts
    }

    /// Whether a saved command can be one.
    pub(super) fn is_possible(&self) -> bool {
        u32::from(self.slot) < SLOTS && self.left <= DESCRIPTOR_COUNT.saturating_add(1)
    }
}
