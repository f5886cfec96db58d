//! Reading and writing the local APIC's registers, as a page or as MSRs.

use super::timer::TimerMode;
use super::{Effect, LVT_COUNT, LVT_LINT0, LVT_TIMER, Lapic, Mode, VERSION};
use spec::apic::{LVT_MASKED, LVT_TIMER_MODE, SVR_ENABLE, X2APIC_FIRST_MSR, register};

/// Bits that can be written in each entry of the local vector table (Intel SDM vol. 3, figure 11-8).
const LVT_WRITABLE: [u32; LVT_COUNT] = [0x7_00ff, 0x1_07ff, 0x1_07ff, 0x1_a7ff, 0x1_a7ff, 0x1_00ff];
/// Bits that can be written in the command register's low half. Bit 12, delivery status, always reads 0: sending
/// is immediate.
const ICR_WRITABLE: u32 = 0x000c_cfff;

impl Lapic {
    /// Reads a register of the page. Only the first dword of each 16 bytes holds anything.
    pub(crate) fn read_page(&self, offset: u32, now_ns: impl FnOnce() -> u64) -> u32 {
        if offset & 0xf != 0 {
            return 0;
        }
        self.read(offset, now_ns).unwrap_or(0)
    }

    /// Writes a register of the page. What is not there is ignored.
    pub(crate) fn write_page(&mut self, offset: u32, value: u32, now_ns: impl FnOnce() -> u64) -> Effect {
        if offset & 0xf != 0 {
            return Effect::None;
        }
        match offset {
            register::LDR => {
                self.logical = value & 0xff00_0000;
                Effect::Addressing
            }
            register::DFR => {
                self.format = value | 0x0fff_ffff;
                Effect::Addressing
            }
            register::ICR_LOW => {
                self.icr = self.icr & 0xffff_ffff_0000_0000 | u64::from(value & ICR_WRITABLE);
                self.send(self.icr, false)
            }
            register::ICR_HIGH => {
                self.icr = self.icr & 0xffff_ffff | u64::from(value & 0xff00_0000) << 32;
                Effect::None
            }
            _ => self.write(offset, value, now_ns),
        }
    }

    /// Whether what x2APIC MSR `number` reads changes while the guest runs.
    #[inline]
    pub(crate) fn is_live(number: u32) -> bool {
        let offset = number.wrapping_sub(X2APIC_FIRST_MSR) << 4;
        matches!(offset, register::TPR | register::PPR | register::ISR..register::ESR)
    }

    /// Reads an x2APIC MSR; `None` is #GP(0).
    pub(crate) fn read_msr(&self, number: u32, now_ns: impl FnOnce() -> u64) -> Option<u64> {
        if self.mode() != Mode::X2apic {
            return None;
        }
        match number.wrapping_sub(X2APIC_FIRST_MSR) << 4 {
            register::ICR_LOW => Some(self.icr),
            register::ICR_HIGH | register::DFR | register::EOI | register::SELF_IPI | register::APR => None,
            offset => self.read(offset, now_ns).map(u64::from),
        }
    }

    /// Writes an x2APIC MSR (Intel SDM vol. 3, table 11-6).
    pub(crate) fn write_msr(&mut self, number: u32, value: u64, now_ns: impl FnOnce() -> u64) -> Effect {
        if self.mode() != Mode::X2apic {
            return Effect::Fault;
        }
        let offset = number.wrapping_sub(X2APIC_FIRST_MSR) << 4;
        if offset == register::ICR_LOW {
            return self.write_wide_command(value);
        }
        let Ok(low) = u32::try_from(value) else { return Effect::Fault };
        match offset {
            register::EOI | register::ESR if low != 0 => Effect::Fault,
            register::TPR if low > 0xff => Effect::Fault,
            register::SELF_IPI if low > 0xff => Effect::Fault,
            register::SELF_IPI => self.send(u64::from(low | 1 << 18), true),
            register::SVR if low & !0x1ff != 0 => Effect::Fault,
            register::DIVIDE if low & !0xb != 0 => Effect::Fault,
            register::LVT_TIMER..=register::LVT_ERROR if !is_entry_valid(offset, low) => Effect::Fault,
            register::LVT_TIMER..=register::LVT_ERROR
            | register::EOI
            | register::ESR
            | register::TPR
            | register::SVR
            | register::DIVIDE
            | register::INITIAL_COUNT => self.write(offset, low, now_ns),
            _ => Effect::Fault,
        }
    }

    fn write_wide_command(&mut self, value: u64) -> Effect {
        if value as u32 & !(ICR_WRITABLE | 1 << 12) != 0 {
            return Effect::Fault;
        }
        self.icr = value & !(1 << 12);
        self.send(self.icr, true)
    }

    /// Registers that read the same in both modes.
    fn read(&self, offset: u32, now_ns: impl FnOnce() -> u64) -> Option<u32> {
        Some(match offset {
            register::ID if self.mode() == Mode::X2apic => self.id,
            register::ID => self.id << 24,
            register::VERSION => VERSION,
            register::TPR => u32::from(self.task_priority()),
            register::APR => 0,
            register::PPR => u32::from(self.processor_priority()),
            register::EOI => 0,
            register::LDR => self.logical,
            register::DFR => self.format,
            register::SVR => self.spurious,
            register::ISR..register::TMR => self.in_service.register((offset - register::ISR) >> 4),
            register::TMR..register::IRR => self.trigger.register((offset - register::TMR) >> 4),
            register::IRR..register::ESR => self.requested.register((offset - register::IRR) >> 4),
            register::ESR => self.error_status,
            register::ICR_LOW => self.icr as u32,
            register::ICR_HIGH => (self.icr >> 32) as u32,
            register::LVT_TIMER..=register::LVT_ERROR => *self.vector_table.get(entry_index(offset))?,
            register::INITIAL_COUNT => self.timer.initial(),
            register::CURRENT_COUNT if self.is_deadline_mode() => 0,
            register::CURRENT_COUNT => self.timer.current(now_ns()),
            register::DIVIDE => self.timer.divide(),
            _ => return None,
        })
    }

    /// Registers that are written the same in both modes.
    fn write(&mut self, offset: u32, value: u32, now_ns: impl FnOnce() -> u64) -> Effect {
        match offset {
            register::TPR => {
                self.task_priority = value as u8;
                Effect::Recheck
            }
            register::EOI => self.acknowledge(),
            register::SVR => self.write_spurious(value),
            register::ESR => {
                self.error_status = core::mem::take(&mut self.errors);
                Effect::None
            }
            register::LVT_TIMER..=register::LVT_ERROR => self.write_entry(entry_index(offset), value, now_ns),
            register::INITIAL_COUNT if self.is_deadline_mode() => Effect::None,
            register::INITIAL_COUNT => {
                self.timer.set_initial(value, now_ns());
                Effect::Timer
            }
            register::DIVIDE => {
                self.timer.set_divide(value, now_ns());
                Effect::Timer
            }
            _ => Effect::None,
        }
    }

    fn write_spurious(&mut self, value: u32) -> Effect {
        self.spurious = value & 0x1ff;
        if value & SVR_ENABLE == 0 {
            // Intel SDM vol. 3, 11.4.7.2: a software-disabled APIC has all its LVT entries masked.
            for entry in &mut self.vector_table {
                *entry |= LVT_MASKED;
            }
        }
        Effect::Addressing
    }

    fn write_entry(&mut self, index: usize, value: u32, now_ns: impl FnOnce() -> u64) -> Effect {
        let forced = if self.spurious & SVR_ENABLE == 0 { LVT_MASKED } else { 0 };
        let Some(entry) = self.vector_table.get_mut(index) else { return Effect::None };
        let old = *entry;
        *entry = value & LVT_WRITABLE[index] | forced;
        if index == LVT_LINT0 {
            return Effect::Recheck;
        }
        if index != LVT_TIMER {
            return Effect::None;
        }
        let (old_mode, new_mode) = (TimerMode::from_entry(old), TimerMode::from_entry(*entry));
        if (old_mode == TimerMode::TscDeadline) != (new_mode == TimerMode::TscDeadline) {
            self.timer.stop();
        } else if old & LVT_MASKED != 0 {
            // What ran out while the entry was masked is lost, not late.
            self.timer.expire(new_mode, now_ns(), 0);
        }
        Effect::Timer
    }

    fn is_deadline_mode(&self) -> bool {
        TimerMode::from_entry(self.vector_table[LVT_TIMER]) == TimerMode::TscDeadline
    }
}

fn entry_index(offset: u32) -> usize {
    (offset.wrapping_sub(register::LVT_TIMER) >> 4) as usize
}

/// Whether x2APIC mode takes `value` for the entry at `offset`: no reserved bits (delivery status may be written).
fn is_entry_valid(offset: u32, value: u32) -> bool {
    let Some(writable) = LVT_WRITABLE.get(entry_index(offset)) else { return false };
    let is_mode_valid = offset != register::LVT_TIMER || value & LVT_TIMER_MODE != LVT_TIMER_MODE;
    value & !(writable | 1 << 12 | 1 << 14) == 0 && is_mode_valid
}
