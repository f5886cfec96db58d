//! The window of registers (3).

use super::{Ahci, CAPABILITIES, PORTS, port::Port};
use spec::ahci::{
    CAP, GHC, GHC_AHCI, GHC_INTERRUPTS, GHC_RESET, IS, PI, PORT_BYTES, PORTS as PORTS_AT, PX_CI, PX_CLB,
    PX_CLBU, PX_CMD, PX_CMD_SLOT_SHIFT, PX_FB, PX_FBU, PX_IE, PX_IE_MASK, PX_IS, PX_IS_CLEARABLE, PX_SACT,
    PX_SCTL, PX_SERR, PX_SIG, PX_SSTS, PX_TFD, VERSION_1_3, VS,
};
use vmm_bus::{Context, Volume};

/// Low half of an address; the command list is aligned to 1 KiB, the frames to 256 bytes.
const LIST_ALIGNED: u64 = !0x3FF;
const FRAMES_ALIGNED: u64 = !0xFF;

/// Where an offset of the window leads.
enum Place {
    Global(u64),
    Port(usize, u64),
}

impl Place {
    fn at(offset: u64) -> Self {
        match offset.checked_sub(PORTS_AT) {
            Some(offset) => {
                Place::Port(usize::try_from(offset / PORT_BYTES).unwrap_or(usize::MAX), offset % PORT_BYTES)
            }
            None => Place::Global(offset),
        }
    }
}

impl<V: Volume> Ahci<V> {
    /// Reads the register at an aligned offset.
    pub(super) fn read_register(&self, offset: u64) -> u32 {
        match Place::at(offset) {
            Place::Global(CAP) => CAPABILITIES,
            Place::Global(GHC) => self.control,
            Place::Global(IS) => self.waiting,
            Place::Global(PI) => (1 << PORTS) - 1,
            Place::Global(VS) => VERSION_1_3,
            Place::Global(_) => 0,
            Place::Port(port, offset) => self.ports.get(port).map_or(0, |port| port.read(offset)),
        }
    }

    /// Writes the register at an aligned offset.
    pub(super) fn write_register(&mut self, offset: u64, value: u32, context: &mut Context<'_>) {
        match Place::at(offset) {
            Place::Global(GHC) if value & GHC_RESET != 0 => self.reset_ports(),
            Place::Global(GHC) => self.control = value & GHC_INTERRUPTS | GHC_AHCI,
            Place::Global(IS) => {
                self.waiting &= !value;
                self.update_interrupt(context.effects);
                // What remains is told again, or nobody would look at it.
                self.function.repeat_message(context.effects);
            }
            Place::Global(_) => {}
            Place::Port(port, offset) => {
                if let Some(port) = self.ports.get_mut(port) {
                    port.write(offset, value);
                }
            }
        }
        self.run(context);
    }
}

impl<V: Volume> Port<V> {
    fn read(&self, offset: u64) -> u32 {
        let registers = &self.registers;
        match offset {
            PX_CLB => registers.command_list as u32,
            PX_CLBU => (registers.command_list >> 32) as u32,
            PX_FB => registers.frames as u32,
            PX_FBU => (registers.frames >> 32) as u32,
            PX_IS => self.interrupt_status(),
            PX_IE => registers.interrupt_enable,
            PX_CMD if self.is_started() => {
                registers.command | u32::from(self.state.slot) << PX_CMD_SLOT_SHIFT
            }
            PX_CMD => registers.command,
            PX_TFD => registers.task_file,
            PX_SIG => registers.signature,
            PX_SSTS => self.link_status(),
            PX_SCTL => registers.link_control,
            PX_SERR => registers.link_errors,
            PX_SACT => registers.active,
            PX_CI => registers.issued,
            _ => 0,
        }
    }

    fn write(&mut self, offset: u64, value: u32) {
        let is_started = self.is_started();
        let registers = &mut self.registers;
        let low = |address: u64| address & !0xFFFF_FFFF | u64::from(value);
        let high = |address: u64| address & 0xFFFF_FFFF | u64::from(value) << 32;
        match offset {
            PX_CLB => registers.command_list = low(registers.command_list) & LIST_ALIGNED,
            PX_CLBU => registers.command_list = high(registers.command_list),
            PX_FB => registers.frames = low(registers.frames) & FRAMES_ALIGNED,
            PX_FBU => registers.frames = high(registers.frames),
            PX_IS => registers.interrupt_status &= !(value & PX_IS_CLEARABLE),
            PX_IE => registers.interrupt_enable = value & PX_IE_MASK,
            PX_CMD => self.write_command(value),
            PX_SCTL => self.write_link_control(value),
            PX_SERR => registers.link_errors &= !value,
            PX_SACT if is_started => registers.active |= value,
            PX_CI if is_started => registers.issued |= value,
            _ => {}
        }
    }
}
