//! The controller's registers (chapter 5).

use super::{
    INTERRUPTERS, SLOTS_MAX, Xhci,
    interrupter::{SEGMENTS_MAX, SEGMENTS_MAX_LOG2},
    ports::{PORTS, USB2_PORTS, USB3_PORTS},
    trb::{Event, Ring},
};
use serde::{Deserialize, Serialize};
use spec::xhci::{
    CAPLENGTH, CMD_INTERRUPTS, CMD_RESET, CMD_RESTORE, CMD_RUN, CMD_SAVE, CMD_SYSTEM_ERRORS, CONFIG, CRCR,
    CRCR_ABORT, CRCR_CYCLE, CRCR_RUNNING, CRCR_STOP, DBOFF, DCBAAP, DNCTRL, ERDP, ERDP_BUSY, ERSTBA, ERSTSZ,
    HCCPARAMS1, HCSPARAMS1, HCSPARAMS2, IMAN, IMAN_ENABLE, IMAN_PENDING, IMOD, INTERRUPTER_BYTES, MFINDEX,
    PAGESIZE, PORTS as PORT_REGISTERS, RTSOFF, STS_CONTROLLER_ERROR, STS_EVENT, STS_HALTED, STS_PORT_CHANGE,
    STS_RESTORE_ERROR, STS_SYSTEM_ERROR, USBCMD, USBSTS, VERSION_1_0, code,
};
use vmm_bus::Context;

/// Where the operational registers begin; the capability registers and extended capabilities are below.
pub(super) const OPERATIONAL: u64 = 0x40;
/// Where the runtime registers begin.
pub(super) const RUNTIME: u64 = 0x1000;
/// Where the doorbells begin.
pub(super) const DOORBELLS: u64 = 0x2000;
/// Where the interrupters' registers begin.
const INTERRUPTER_REGISTERS: u64 = RUNTIME + spec::xhci::INTERRUPTERS;
/// Where the extended capabilities begin (7.2): the protocols of the ports.
const EXTENDED: u64 = 0x20;
/// Contexts of 32 bytes, addresses of 64 bits; where the extended capabilities are, in dwords.
const CAPABILITIES: u32 = 1 | (EXTENDED as u32 / 4) << 16;
const STRUCTURAL: u32 = SLOTS_MAX as u32 | (INTERRUPTERS as u32) << 8 | (PORTS as u32) << 24;
/// Two supported protocols of four dwords each; the second one is the last.
const EXTENDED_CAPABILITIES: [u32; 8] = [
    2 | 4 << 8 | 2 << 24,
    PROTOCOL_NAME,
    1 | (USB2_PORTS as u32) << 8,
    0,
    2 | 3 << 24,
    PROTOCOL_NAME,
    (USB2_PORTS as u32 + 1) | (USB3_PORTS as u32) << 8,
    0,
];
/// "USB ".
const PROTOCOL_NAME: u32 = u32::from_le_bytes(*b"USB ");
/// Command: bits that stay as they are written.
const COMMAND_KEPT: u32 = CMD_RUN | CMD_INTERRUPTS | CMD_SYSTEM_ERRORS;
/// Status: bits that are cleared by writing ones.
const STATUS_CLEARED: u32 = STS_SYSTEM_ERROR | STS_EVENT | STS_PORT_CHANGE | STS_RESTORE_ERROR;
/// Nanoseconds of a microframe.
const MICROFRAME_NS: u64 = 125_000;

/// Operational registers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Registers {
    pub(super) command: u32,
    pub(super) status: u32,
    notifications: u32,
    /// The command ring, and whether it runs.
    pub(super) commands: Ring,
    pub(super) commands_run: bool,
    pub(super) contexts: u64,
    configuration: u32,
}

impl Default for Registers {
    fn default() -> Self {
        Self {
            command: 0,
            status: STS_HALTED,
            notifications: 0,
            commands: Ring::default(),
            commands_run: false,
            contexts: 0,
            configuration: 0,
        }
    }
}

impl Registers {
    /// Slots that software wants.
    pub(super) fn slots(&self) -> u8 {
        self.configuration as u8
    }
}

impl Xhci {
    /// Reads the register at an aligned offset.
    pub(super) fn read_register(&self, offset: u64, context: &Context<'_>) -> u32 {
        match offset {
            0..EXTENDED => capability(offset),
            EXTENDED..OPERATIONAL => {
                let index = usize::try_from((offset - EXTENDED) / 4).ok();
                index.and_then(|index| EXTENDED_CAPABILITIES.get(index)).copied().unwrap_or(0)
            }
            OPERATIONAL..RUNTIME => self.read_operational(offset.wrapping_sub(OPERATIONAL)),
            RUNTIME if !self.is_running() => 0,
            RUNTIME => (context.now.raw() / MICROFRAME_NS) as u32 & 0x3FFF,
            INTERRUPTER_REGISTERS..DOORBELLS => {
                self.read_interrupter(offset.wrapping_sub(INTERRUPTER_REGISTERS))
            }
            _ => 0,
        }
    }

    /// Writes the register at an aligned offset.
    pub(super) fn write_register(&mut self, offset: u64, value: u32, context: &mut Context<'_>) {
        match offset {
            OPERATIONAL..RUNTIME => self.write_operational(offset.wrapping_sub(OPERATIONAL), value, context),
            INTERRUPTER_REGISTERS..DOORBELLS => {
                self.write_interrupter(offset.wrapping_sub(INTERRUPTER_REGISTERS), value, context);
            }
            DOORBELLS.. => self.ring(offset.wrapping_sub(DOORBELLS), value, context),
            _ => {}
        }
        self.run(context);
    }

    fn read_operational(&self, offset: u64) -> u32 {
        let registers = &self.registers;
        match offset {
            USBCMD => registers.command,
            USBSTS => registers.status,
            PAGESIZE => 1,
            DNCTRL => registers.notifications,
            // Its pointer reads as zero (5.4.5).
            CRCR if registers.commands_run => CRCR_RUNNING,
            DCBAAP => registers.contexts as u32,
            DCBAAP_HIGH => (registers.contexts >> 32) as u32,
            CONFIG => registers.configuration,
            PORT_REGISTERS.. => self.read_port(offset.wrapping_sub(PORT_REGISTERS)),
            _ => 0,
        }
    }

    fn write_operational(&mut self, offset: u64, value: u32, context: &mut Context<'_>) {
        let registers = &mut self.registers;
        match offset {
            USBCMD => self.write_command(value),
            USBSTS => registers.status &= !(value & STATUS_CLEARED),
            DNCTRL => registers.notifications = value & 0xFFFF,
            CRCR => self.write_command_ring(value, context),
            CRCR_HIGH if !registers.commands_run => {
                registers.commands = Ring::new(with_high(registers.commands.raw(), value));
            }
            DCBAAP => registers.contexts = with_low(registers.contexts, value & !0x3F),
            DCBAAP_HIGH => registers.contexts = with_high(registers.contexts, value),
            CONFIG => registers.configuration = value & 0xFF,
            PORT_REGISTERS.. => self.write_port(offset.wrapping_sub(PORT_REGISTERS), value),
            _ => {}
        }
    }

    fn write_command(&mut self, value: u32) {
        if value & CMD_RESET != 0 {
            return self.reset_controller();
        }
        self.registers.command = value & COMMAND_KEPT;
        let is_broken = self.registers.status & (STS_SYSTEM_ERROR | STS_CONTROLLER_ERROR) != 0;
        if value & CMD_RUN == 0 {
            self.registers.status |= STS_HALTED;
            self.registers.commands_run = false;
        } else if !is_broken {
            self.registers.status &= !STS_HALTED;
        }
        // Nothing is kept in scratch memory, so what software thinks is there cannot be restored: it begins anew.
        if value & CMD_RESTORE != 0 && value & (CMD_RUN | CMD_SAVE) == 0 {
            self.registers.status |= STS_RESTORE_ERROR;
        }
    }

    fn write_command_ring(&mut self, value: u32, context: &mut Context<'_>) {
        let registers = &mut self.registers;
        if !registers.commands_run {
            registers.commands = Ring::new(with_low(registers.commands.raw(), value & (!0x3F | CRCR_CYCLE)));
        } else if value & (CRCR_STOP | CRCR_ABORT) != 0 {
            // Commands take no time: there is none to abort.
            registers.commands_run = false;
            let event = Event::command(registers.commands.at(), code::COMMAND_RING_STOPPED, 0);
            self.tell(0, event, context.memory);
        }
    }

    fn read_interrupter(&self, offset: u64) -> u32 {
        let index = usize::try_from(offset / INTERRUPTER_BYTES).ok();
        let Some(interrupter) = index.and_then(|index| self.interrupters.get(index)) else { return 0 };
        match offset % INTERRUPTER_BYTES {
            IMAN => interrupter.management,
            IMOD => interrupter.moderation,
            ERSTSZ => interrupter.segments,
            ERSTBA => interrupter.table as u32,
            ERSTBA_HIGH => (interrupter.table >> 32) as u32,
            ERDP => interrupter.consumer as u32,
            ERDP_HIGH => (interrupter.consumer >> 32) as u32,
            _ => 0,
        }
    }

    fn write_interrupter(&mut self, offset: u64, value: u32, context: &mut Context<'_>) {
        let is_running = self.is_running();
        let index = usize::try_from(offset / INTERRUPTER_BYTES).ok();
        let Some(interrupter) = index.and_then(|index| self.interrupters.get_mut(index)) else { return };
        let mut is_done = false;
        match offset % INTERRUPTER_BYTES {
            IMAN => {
                let pending = interrupter.management & IMAN_PENDING & !value;
                interrupter.management = pending | value & IMAN_ENABLE;
            }
            IMOD => interrupter.moderation = value,
            ERSTSZ => interrupter.segments = (value & 0xFFFF).min(SEGMENTS_MAX),
            ERSTBA => {
                interrupter.table = with_low(interrupter.table, value & !0x3F);
                interrupter.restart();
            }
            ERSTBA_HIGH => {
                interrupter.table = with_high(interrupter.table, value);
                interrupter.restart();
            }
            ERDP => {
                let value = interrupter.consumer & !0xFFFF_FFFF | u64::from(value);
                is_done = interrupter.set_consumer(value);
            }
            ERDP_HIGH => {
                interrupter.set_consumer(with_high(interrupter.consumer & !ERDP_BUSY, value));
            }
            _ => {}
        }
        if is_done
            && is_running
            && let Err(error) = interrupter.finish(context.memory)
        {
            self.fail_events(error);
        }
    }

    /// A doorbell was written (5.6): the command ring's, or that of one of a slot's endpoints.
    fn ring(&mut self, offset: u64, value: u32, context: &Context<'_>) {
        let target = value as u8;
        match u8::try_from(offset / 4) {
            Ok(0) if target == 0 => self.registers.commands_run = self.is_running(),
            Ok(slot) if self.is_running() && self.arm(slot, target, context.memory).is_err() => self.fail(),
            _ => {}
        }
    }
}

/// Capability registers (5.3).
fn capability(offset: u64) -> u32 {
    match offset {
        CAPLENGTH => OPERATIONAL as u32 | VERSION_1_0 << 16,
        HCSPARAMS1 => STRUCTURAL,
        HCSPARAMS2 => SEGMENTS_MAX_LOG2 << 4,
        HCCPARAMS1 => CAPABILITIES,
        DBOFF => DOORBELLS as u32,
        RTSOFF => RUNTIME as u32,
        _ => 0,
    }
}

fn with_low(before: u64, value: u32) -> u64 {
    before & !0xFFFF_FFFF | u64::from(value)
}

fn with_high(before: u64, value: u32) -> u64 {
    before & 0xFFFF_FFFF | u64::from(value) << 32
}

/// The high halves of registers of 64 bits.
const CRCR_HIGH: u64 = CRCR + 4;
const DCBAAP_HIGH: u64 = DCBAAP + 4;
const ERSTBA_HIGH: u64 = ERSTBA + 4;
const ERDP_HIGH: u64 = ERDP + 4;
/// The microframe's register is the first of the runtime registers.
const _: () = assert!(MFINDEX == 0);
