//! One port: registers, link and drive.

use super::{
    command::Active,
    frame::{FRAME_BYTES, register_frame},
};
use crate::{drive::Drive, registers::Registers};
use base_units::Gpa;
use serde::{Deserialize, Serialize};
use spec::{
    ahci::{
        PX_CMD_OVERRIDE, PX_CMD_POWER_ON, PX_CMD_RECEIVE, PX_CMD_RECEIVING, PX_CMD_RUNNING, PX_CMD_SPIN_UP,
        PX_CMD_START, PX_IS_BUS_FAULT, PX_IS_CONNECT, PX_IS_REGISTERS, PX_SCTL_DETECT, PX_SCTL_OFF,
        PX_SCTL_RESET, PX_SERR_EXCHANGED, PX_SSTS_OFF, PX_SSTS_UP, RECEIVED_REGISTERS, SIGNATURE_NONE,
    },
    ata::{STATUS_BUSY, STATUS_DATA_REQUEST},
};
use vmm_bus::{GuestMemory, Volume};

/// Task file data while no drive has answered (3.3.8).
const TASK_FILE_NONE: u32 = 0x7F;
/// Bits of the command register that software sets: start, receive, packet light, power management of the link.
const COMMAND_WRITABLE: u32 = PX_CMD_START | PX_CMD_RECEIVE | 0x0F00_0000;
/// Spun up and powered: this controller cannot do without (3.3.7).
const COMMAND_FIXED: u32 = PX_CMD_SPIN_UP | PX_CMD_POWER_ON;

/// What software sees and sets (3.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct PortRegisters {
    pub(super) command_list: u64,
    pub(super) frames: u64,
    pub(super) interrupt_status: u32,
    pub(super) interrupt_enable: u32,
    pub(super) command: u32,
    pub(super) task_file: u32,
    pub(super) signature: u32,
    pub(super) link_control: u32,
    pub(super) link_errors: u32,
    /// Queued commands out, one bit each.
    pub(super) active: u32,
    /// Commands issued, one bit each.
    pub(super) issued: u32,
}

impl PortRegisters {
    pub(super) const INITIAL: Self = Self {
        command_list: 0,
        frames: 0,
        interrupt_status: 0,
        interrupt_enable: 0,
        command: COMMAND_FIXED,
        task_file: TASK_FILE_NONE,
        signature: SIGNATURE_NONE,
        link_control: 0,
        link_errors: 0,
        active: 0,
        issued: 0,
    };
}

/// What goes on behind the registers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct PortState {
    /// The drive's first frame after a reset waits to be received.
    pub(super) owes_signature: bool,
    /// An error stopped the command list until software starts it again.
    pub(super) is_stopped: bool,
    /// Software holds the drive in reset by a frame.
    pub(super) is_held: bool,
    /// The slot that was taken last.
    pub(super) slot: u8,
    /// The command at hand.
    pub(super) current: Option<Active>,
    /// More is to be done than one call may.
    pub(super) has_work: bool,
}

/// A port with its drive.
pub(super) struct Port<V> {
    pub(super) drive: Option<Drive<V>>,
    pub(super) registers: PortRegisters,
    pub(super) state: PortState,
}

impl<V: Volume> Port<V> {
    pub(super) fn new(drive: Option<Drive<V>>) -> Self {
        let mut port = Self { drive, registers: PortRegisters::INITIAL, state: PortState::default() };
        port.reset();
        port
    }

    pub(super) fn drive(&self) -> Option<&Drive<V>> {
        self.drive.as_ref()
    }

    pub(super) fn drive_mut(&mut self) -> Option<&mut Drive<V>> {
        self.drive.as_mut()
    }

    /// The controller's reset: registers as after power-on, and the drive's reset follows.
    pub(super) fn reset(&mut self) {
        self.registers = PortRegisters::INITIAL;
        self.reset_drive();
    }

    /// The link came up after a reset: the drive starts anew and owes its signature (COMRESET, 10.4.2).
    fn reset_drive(&mut self) {
        self.state = PortState::default();
        self.registers.task_file = TASK_FILE_NONE;
        self.registers.signature = SIGNATURE_NONE;
        self.registers.active = 0;
        self.registers.issued = 0;
        if let Some(drive) = &mut self.drive {
            drive.hard_reset();
            self.registers.link_errors |= PX_SERR_EXCHANGED;
            self.state.owes_signature = true;
        }
    }

    pub(super) fn has_work(&self) -> bool {
        self.state.has_work
    }

    /// Interrupt status, with the bits that show errors of the link.
    pub(super) fn interrupt_status(&self) -> u32 {
        let has_exchanged = self.registers.link_errors & PX_SERR_EXCHANGED != 0;
        self.registers.interrupt_status | if has_exchanged { PX_IS_CONNECT } else { 0 }
    }

    pub(super) fn wants_attention(&self) -> bool {
        self.interrupt_status() & self.registers.interrupt_enable != 0
    }

    /// State of the link.
    pub(super) fn link_status(&self) -> u32 {
        match self.registers.link_control & PX_SCTL_DETECT {
            PX_SCTL_OFF => PX_SSTS_OFF,
            PX_SCTL_RESET => 0,
            _ if self.drive.is_some() => PX_SSTS_UP,
            _ => 0,
        }
    }

    pub(super) fn write_link_control(&mut self, value: u32) {
        let was = self.registers.link_control & PX_SCTL_DETECT;
        self.registers.link_control = value & 0xFFF;
        match value & PX_SCTL_DETECT {
            PX_SCTL_RESET | PX_SCTL_OFF => {
                self.abandon();
                self.registers.task_file = TASK_FILE_NONE;
                self.state.owes_signature = false;
            }
            _ if was == PX_SCTL_RESET || was == PX_SCTL_OFF => self.reset_drive(),
            _ => {}
        }
    }

    pub(super) fn write_command(&mut self, value: u32) {
        let before = self.registers.command;
        let mut command = value & COMMAND_WRITABLE | before & !COMMAND_WRITABLE;
        for (switch, light) in [(PX_CMD_START, PX_CMD_RUNNING), (PX_CMD_RECEIVE, PX_CMD_RECEIVING)] {
            command = if command & switch != 0 { command | light } else { command & !light };
        }
        if value & PX_CMD_OVERRIDE != 0 {
            self.registers.task_file &= !u32::from(STATUS_BUSY | STATUS_DATA_REQUEST);
        }
        self.registers.command = command;
        let started = command & !before & PX_CMD_START != 0;
        let stopped = !command & before & PX_CMD_START != 0;
        if stopped {
            self.abandon();
            self.registers.issued = 0;
            self.registers.active = 0;
        }
        if started {
            self.state.is_stopped = false;
            self.state.slot = 0;
        }
    }

    pub(super) fn is_started(&self) -> bool {
        self.registers.command & PX_CMD_START != 0
    }

    pub(super) fn is_receiving(&self) -> bool {
        self.registers.command & PX_CMD_RECEIVE != 0
    }

    /// Gives up the command at hand.
    fn abandon(&mut self) {
        self.state.has_work = false;
        if self.state.current.take().is_some()
            && let Some(drive) = &mut self.drive
        {
            drive.cancel();
        }
    }

    /// Hands over the signature that the drive owes since its reset, as soon as software receives frames.
    pub(super) fn receive_signature(&mut self, memory: &dyn GuestMemory) {
        if !self.state.owes_signature || !self.is_receiving() {
            return;
        }
        self.state.owes_signature = false;
        self.show_signature(memory);
    }

    /// The drive tells who it is, after a reset.
    pub(super) fn show_signature(&mut self, memory: &dyn GuestMemory) {
        let Some(drive) = &self.drive else { return };
        let registers = drive.registers;
        // Serial ATA 10.3.5: LBA high, mid, low, count.
        self.registers.signature = (registers.lba as u32) << 8 | u32::from(registers.count as u8);
        self.show_task_file(&registers);
        self.post(memory, RECEIVED_REGISTERS, &register_frame(&registers, false));
    }

    pub(super) fn show_task_file(&mut self, registers: &Registers) {
        self.registers.task_file = u32::from(registers.error) << 8 | u32::from(registers.status);
    }

    /// Tells the drive's registers by a frame, with an interrupt.
    pub(super) fn post_registers(&mut self, memory: &dyn GuestMemory, registers: &Registers) {
        let frame: [u8; FRAME_BYTES] = register_frame(registers, true);
        self.post(memory, RECEIVED_REGISTERS, &frame);
        self.registers.interrupt_status |= PX_IS_REGISTERS;
    }

    /// Writes a received frame to its place, if software receives frames.
    pub(super) fn post(&mut self, memory: &dyn GuestMemory, place: u64, frame: &[u8]) {
        if !self.is_receiving() {
            return;
        }
        let written = Gpa::new(self.registers.frames).checked_add(place).map(|at| memory.write(at, frame));
        if written != Some(Ok(())) {
            self.registers.interrupt_status |= PX_IS_BUS_FAULT;
            self.state.is_stopped = true;
        }
    }
}
