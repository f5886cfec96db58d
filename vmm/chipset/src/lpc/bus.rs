//! The bridge on the bus, saved and shown.

use super::{
    registers::{
        PM_CONTROL, PM_GENERAL_ENABLE, PM_GENERAL_STATUS, PM_REGION, PM_SMI_ENABLE, PM_SMI_END,
        PM_SMI_STATUS, PM_TIMER, PM_TIMER_END, RCBA_GENERAL_CONTROL, RCBA_NO_REBOOT, RCBA_REGION,
        RCBA_ROUTE_DEFAULT, RCBA_ROUTES, RESET_REGION, SMI_COMMAND_PORT, SMI_REGION,
    },
    state::Lpc,
};
use crate::{
    byte_ports::{read_bytewise, write_bytewise},
    pm,
};
use base_units::Nanos;
use serde::{Deserialize, Serialize};
use vmm_bus::{
    AccessSize, Context, Device, Inspector, Region,
    access::part_of,
    pci::{Window, config_space::ConfigState},
};
use vmm_snapshot::{RestoreError, Saved, SavedState};

const VERSION: u16 = 1;

#[derive(Serialize, Deserialize)]
struct State {
    config: ConfigState,
    pm: SavedState,
    general_enable: u64,
    smi_enable: u32,
    smi_command: u8,
    smi_status: u8,
}

/// Which block of power management an offset from PMBASE is in, and where in it.
fn pm_block(offset: u64) -> Option<(Region, u64)> {
    match offset {
        0..PM_CONTROL => Some((pm::EVENT_REGION, offset)),
        PM_CONTROL..PM_TIMER => Some((pm::CONTROL_REGION, offset.wrapping_sub(PM_CONTROL))),
        PM_TIMER..PM_TIMER_END => Some((pm::TIMER_REGION, offset.wrapping_sub(PM_TIMER))),
        _ => None,
    }
}

impl Lpc {
    fn read_pm(&mut self, offset: u64, size: AccessSize, context: &mut Context<'_>) -> u64 {
        if let Some((region, offset)) = pm_block(offset) {
            return self.pm.read(region, offset, size, context);
        }
        match offset {
            PM_GENERAL_STATUS..PM_GENERAL_ENABLE => 0,
            PM_GENERAL_ENABLE..PM_SMI_ENABLE => {
                let bytes = self.general_enable.to_le_bytes();
                vmm_bus::access::read_bytes(&bytes, offset.wrapping_sub(PM_GENERAL_ENABLE), size)
            }
            PM_SMI_ENABLE..PM_SMI_STATUS => part_of(self.smi_enable, offset, size),
            PM_SMI_STATUS..PM_SMI_END => 0,
            _ => 0,
        }
    }

    fn write_pm(&mut self, offset: u64, size: AccessSize, value: u64, context: &mut Context<'_>) {
        if let Some((region, offset)) = pm_block(offset) {
            self.pm.write(region, offset, size, value, context);
            return;
        }
        write_bytewise(offset, size, value, |offset, byte| {
            let shift = 8 * (offset & 7);
            let kept = |register: u64| register & !(0xFF << shift) | u64::from(byte) << shift;
            match offset {
                PM_GENERAL_ENABLE..PM_SMI_ENABLE => self.general_enable = kept(self.general_enable),
                PM_SMI_ENABLE..PM_SMI_STATUS => {
                    self.smi_enable = kept(u64::from(self.smi_enable)) as u32 | SMI_COMMAND_PORT;
                }
                _ => {}
            }
        });
    }

    fn write_smi_port(&mut self, offset: u64, size: AccessSize, value: u64, context: &mut Context<'_>) {
        write_bytewise(offset, size, value, |offset, byte| match offset {
            0 => self.write_smi_command(byte, context.effects),
            1 => self.smi_status = byte,
            _ => {}
        });
    }
}

/// One byte of the root complex's registers.
fn read_rcba(offset: u64) -> u8 {
    let [route_low, route_high] = RCBA_ROUTE_DEFAULT.to_le_bytes();
    match offset {
        RCBA_GENERAL_CONTROL => RCBA_NO_REBOOT,
        _ if RCBA_ROUTES.contains(&offset) && offset.is_multiple_of(2) => route_low,
        _ if RCBA_ROUTES.contains(&offset) => route_high,
        _ => 0,
    }
}

impl Device for Lpc {
    fn name(&self) -> &'static str {
        "lpc"
    }

    fn read(&mut self, region: Region, offset: u64, size: AccessSize, context: &mut Context<'_>) -> u64 {
        match region {
            PM_REGION => self.read_pm(offset, size, context),
            RCBA_REGION => read_bytewise(offset, size, read_rcba),
            RESET_REGION => self.pm.read(pm::RESET_REGION, offset, size, context),
            SMI_REGION => read_bytewise(offset, size, |offset| match offset {
                0 => self.smi_command,
                1 => self.smi_status,
                _ => 0xFF,
            }),
            _ => size.ones(),
        }
    }

    fn write(
        &mut self,
        region: Region,
        offset: u64,
        size: AccessSize,
        value: u64,
        context: &mut Context<'_>,
    ) {
        match region {
            PM_REGION => self.write_pm(offset, size, value, context),
            RESET_REGION => self.pm.write(pm::RESET_REGION, offset, size, value, context),
            SMI_REGION => self.write_smi_port(offset, size, value, context),
            _ => {}
        }
    }

    fn reset(&mut self, context: &mut Context<'_>) {
        self.config.reset();
        self.pm.reset(context);
        self.general_enable = 0;
        self.smi_enable = SMI_COMMAND_PORT;
        self.smi_command = 0;
        self.smi_status = 0;
        self.windows = self.decode();
    }

    fn deadline(&self) -> Nanos {
        self.pm.deadline()
    }

    fn advance(&mut self, context: &mut Context<'_>) {
        self.pm.advance(context);
    }

    fn save(&self) -> SavedState {
        let state = State {
            config: self.config.save(),
            pm: self.pm.save(),
            general_enable: self.general_enable,
            smi_enable: self.smi_enable,
            smi_command: self.smi_command,
            smi_status: self.smi_status,
        };
        SavedState::encode(VERSION, &state)
    }

    fn restore(&mut self, saved: Saved<'_>) -> Result<(), RestoreError> {
        let state: State = saved.decode(VERSION)?;
        self.config.restore(&state.config)?;
        self.pm.restore(state.pm.as_saved())?;
        self.general_enable = state.general_enable;
        self.smi_enable = state.smi_enable | SMI_COMMAND_PORT;
        self.smi_command = state.smi_command;
        self.smi_status = state.smi_status;
        self.windows = self.decode();
        Ok(())
    }

    fn inspect(&self, inspector: &mut dyn Inspector) {
        for window in &self.windows {
            inspector.number(if window.region == PM_REGION { "pmbase" } else { "rcba" }, window.start);
        }
        for (name, route) in ('A'..='H').zip(self.routes()) {
            let mut text = [0; 4];
            inspector.number(name.encode_utf8(&mut text), route.map_or(0, u64::from));
        }
        self.pm.inspect(inspector);
    }

    fn config_read(&mut self, offset: u16, size: AccessSize, _context: &mut Context<'_>) -> u32 {
        self.config.read(offset, size)
    }

    fn config_write(&mut self, offset: u16, size: AccessSize, value: u32, context: &mut Context<'_>) {
        let routes = self.routes();
        self.config.write(offset, size, value);
        self.settle(routes, context.effects);
    }

    fn windows(&self) -> &[Window] {
        &self.windows
    }
}
