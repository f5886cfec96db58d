//! The local APIC's state as ring 3 reads and writes it.

use super::timer::Timer;
use super::{LVT_COUNT, Lapic, Mode};
use abi::ApicState;
use spec::apic::{BASE_BSP, BASE_ENABLE, BASE_X2APIC, LVT_MASKED, SVR_ENABLE, register};

impl Lapic {
    /// The state, for saving.
    pub(crate) fn save(&self, now_ns: u64) -> ApicState {
        let mut registers = [0; 64];
        for (index, value) in (0u32..).zip(&mut registers) {
            *value = self.read_page(index << 4, || now_ns);
        }
        // Write-only or hidden state stands where the page reads 0: APR holds the errors not yet shown.
        registers[(register::APR >> 4) as usize] = self.errors;
        ApicState {
            base: self.base,
            timer_remaining_ns: self.timer.remaining_ns(now_ns),
            tsc_deadline: self.timer.tsc_deadline(),
            registers,
        }
    }

    /// Takes over a saved state; `None` (and no change) if hardware could not be in it. The id stays.
    pub(crate) fn restore(&mut self, state: &ApicState, now_ns: u64) -> Option<()> {
        let address_mask = ((1u64 << self.physical_bits) - 1) & !0xfff;
        let known = BASE_BSP | BASE_ENABLE | BASE_X2APIC | address_mask;
        if state.base & !known != 0 || state.base & (BASE_ENABLE | BASE_X2APIC) == BASE_X2APIC {
            return None;
        }
        let read = |offset: u32| state.registers[(offset >> 4 & 63) as usize];
        let mut apic = Self::new(self.id, self.physical_bits);
        apic.base = state.base;
        apic.task_priority = read(register::TPR) as u8;
        apic.logical = match apic.mode() {
            Mode::X2apic => apic.x2apic_logical(),
            _ => read(register::LDR) & 0xff00_0000,
        };
        apic.format = read(register::DFR) | 0x0fff_ffff;
        apic.spurious = read(register::SVR) & 0x1ff;
        apic.errors = read(register::APR) & 0xff;
        apic.error_status = read(register::ESR) & 0xff;
        apic.icr = u64::from(read(register::ICR_LOW)) | u64::from(read(register::ICR_HIGH)) << 32;
        apic.restore_vectors(read);
        apic.timer = Timer::restored(
            read(register::DIVIDE),
            read(register::INITIAL_COUNT),
            state.timer_remaining_ns,
            state.tsc_deadline,
            now_ns,
        );
        *self = apic;
        Some(())
    }

    fn restore_vectors(&mut self, read: impl Fn(u32) -> u32) {
        for index in 0..8 {
            // Vectors below 16 do not exist.
            let legal = if index == 0 { !0xffff } else { u32::MAX };
            self.in_service.set_register(index, read(register::ISR + (index << 4)) & legal);
            self.trigger.set_register(index, read(register::TMR + (index << 4)) & legal);
            self.requested.set_register(index, read(register::IRR + (index << 4)) & legal);
        }
        self.serving = self.in_service.highest().unwrap_or(0);
        let forced = if self.spurious & SVR_ENABLE == 0 { LVT_MASKED } else { 0 };
        for (index, entry) in (0u32..LVT_COUNT as u32).zip(&mut self.vector_table) {
            *entry = read(register::LVT_TIMER + (index << 4)) & 0x7_ffff & !(1 << 12) | forced;
        }
    }
}
