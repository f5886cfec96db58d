//! The bridge as a value.

use super::registers::{
    ACPI_CONTROL, ACPI_CONTROL_WRITABLE, ACPI_DISABLE, ACPI_ENABLE, ACPI_ENABLED, IDENTITY, PIRQ_A,
    PIRQ_ALLOWED, PIRQ_E, PIRQ_OFF, PIRQ_WRITABLE, PLAIN, PM_BYTES, PM_REGION, PMBASE, PMBASE_ADDRESS, RCBA,
    RCBA_ADDRESS, RCBA_BYTES, RCBA_ENABLED, RCBA_REGION, SMI_COMMAND_PORT,
};
use crate::pm::{Ownership, PowerManagement};
use alloc::vec::Vec;
use vmm_bus::{
    Attention, Effects, Line,
    pci::{ConfigSpace, Space, Window},
};

/// The I/O APIC pin of PIRQA.
const FIRST_PIN: u8 = 16;
/// Routes: PIRQA to PIRQH.
const ROUTES: u8 = 8;
/// The bridge decodes everything from the start.
const COMMAND_RESET: u16 = 0x0007;

/// The LPC bridge.
#[derive(Clone, Debug)]
pub struct Lpc {
    pub(super) config: ConfigSpace,
    pub(super) pm: PowerManagement,
    /// Enables of general purpose events; there is none that happens.
    pub(super) general_enable: u64,
    pub(super) smi_enable: u32,
    pub(super) smi_command: u8,
    pub(super) smi_status: u8,
    pub(super) windows: Vec<Window>,
}

impl Lpc {
    /// The bridge after power-on. `line` is that of the system control interrupt, 9.
    pub fn new(line: Line) -> Self {
        let mut lpc = Self {
            config: config_space(),
            pm: PowerManagement::owned(line, Ownership::Switched),
            general_enable: 0,
            smi_enable: SMI_COMMAND_PORT,
            smi_command: 0,
            smi_status: 0,
            windows: Vec::new(),
        };
        lpc.windows = lpc.decode();
        lpc
    }

    /// Somebody presses the power button. The guest decides what that means.
    pub fn press_power_button(&mut self, effects: &mut Effects) {
        self.pm.press_power_button(effects);
    }

    /// Software writes the SMI command port.
    pub(super) fn write_smi_command(&mut self, value: u8, effects: &mut Effects) {
        self.smi_command = value;
        match value {
            ACPI_ENABLE => self.pm.set_acpi(true, effects),
            ACPI_DISABLE => self.pm.set_acpi(false, effects),
            _ => {}
        }
    }

    /// Does what follows from a write to configuration space.
    pub(super) fn settle(&mut self, before: [Option<u8>; ROUTES as usize], effects: &mut Effects) {
        for ((pin, before), now) in (FIRST_PIN..).zip(before).zip(self.routes()) {
            if before != now {
                effects.route_pin(pin, now);
            }
        }
        let windows = self.decode();
        if windows != self.windows {
            self.windows = windows;
            effects.note(Attention::WINDOWS);
        }
    }

    /// The 8259 input of each of PIRQA to PIRQH.
    pub(super) fn routes(&self) -> [Option<u8>; ROUTES as usize] {
        let registers = [PIRQ_A, PIRQ_E].map(|first| self.config.dword(first).to_le_bytes());
        let mut routes = [None; ROUTES as usize];
        for (route, register) in routes.iter_mut().zip(registers.iter().flatten()) {
            let input = register & 0x0F;
            let is_on = register & PIRQ_OFF == 0 && PIRQ_ALLOWED & 1 << input != 0;
            *route = is_on.then_some(input);
        }
        routes
    }

    /// The windows that the base registers open.
    pub(super) fn decode(&self) -> Vec<Window> {
        let mut windows = Vec::new();
        let ports = u64::from(self.config.word(PMBASE) & PMBASE_ADDRESS);
        if self.config.byte(ACPI_CONTROL) & ACPI_ENABLED != 0 && ports != 0 {
            let bytes = u64::from(PM_BYTES);
            windows.push(Window { region: PM_REGION, space: Space::Ports, start: ports, bytes });
        }
        let rcba = self.config.dword(RCBA);
        if rcba & RCBA_ENABLED != 0 {
            let start = u64::from(rcba & RCBA_ADDRESS);
            windows.push(Window { region: RCBA_REGION, space: Space::Memory, start, bytes: RCBA_BYTES });
        }
        windows
    }
}

fn config_space() -> ConfigSpace {
    let mut config = ConfigSpace::new(&IDENTITY);
    config.set_multifunction();
    config.set(spec::pci::COMMAND, &COMMAND_RESET.to_le_bytes());
    config.set(PMBASE, &[1]);
    config.allow(PMBASE, &PMBASE_ADDRESS.to_le_bytes());
    config.allow(ACPI_CONTROL, &[ACPI_CONTROL_WRITABLE]);
    for first in [PIRQ_A, PIRQ_E] {
        config.set(first, &[PIRQ_OFF; 4]);
        config.allow(first, &[PIRQ_WRITABLE; 4]);
    }
    for (register, writable) in PLAIN {
        config.allow(register, writable);
    }
    config.allow(RCBA, &(RCBA_ADDRESS | RCBA_ENABLED).to_le_bytes());
    config
}
