//! The controller on the bus.

use super::{BAR, CHANNELS, COMMAND_REGION, CONTROL_REGION, Ide};
use base_units::Nanos;
use vmm_bus::{AccessSize, Attention, Context, Device, Inspector, Region, Volume, pci::Window};
use vmm_snapshot::{RestoreError, Saved, SavedState};

/// Ports of the bus master of a channel.
const MASTER_BYTES: u64 = 8;

/// What a region leads to.
enum Part {
    Command(usize),
    Control(usize),
    Master,
    Nothing,
}

impl Part {
    fn of(region: Region) -> Self {
        let channel = usize::from(region.0 >> 1 & 1);
        match Region(region.0 & !2) {
            _ if region == Region(u16::from(BAR)) => Part::Master,
            Region(COMMAND_REGION) => Part::Command(channel),
            Region(CONTROL_REGION) => Part::Control(channel),
            _ => Part::Nothing,
        }
    }
}

/// Channel and register of a port of the bus master window.
fn master_place(offset: u64) -> (usize, u64) {
    (usize::try_from(offset / MASTER_BYTES).unwrap_or(CHANNELS), offset % MASTER_BYTES)
}

impl<V: Volume + Send + 'static> Device for Ide<V> {
    fn name(&self) -> &'static str {
        "ide"
    }

    fn read(&mut self, region: Region, offset: u64, size: AccessSize, context: &mut Context<'_>) -> u64 {
        let value = match Part::of(region) {
            Part::Command(channel) => match self.channels.get_mut(channel) {
                Some(channel) => channel.read(offset, size),
                None => 0,
            },
            Part::Control(channel) => {
                self.channels.get(channel).map_or(0, |channel| u64::from(channel.alternate_status()))
            }
            Part::Master => {
                let byte = |index: u64| {
                    let (channel, register) = master_place(offset.saturating_add(index));
                    self.channels.get(channel).map_or(0, |channel| channel.master.read(register))
                };
                (0..size.bytes()).rev().fold(0, |value, index| value << 8 | u64::from(byte(index)))
            }
            Part::Nothing => size.ones(),
        };
        // Reading status and data moves interrupts.
        for channel in &mut self.channels {
            channel.update_interrupt(context.effects);
        }
        value
    }

    fn read_string(
        &mut self,
        region: Region,
        offset: u64,
        size: AccessSize,
        into: &mut [u8],
        context: &mut Context<'_>,
    ) {
        let mut rest = into;
        if let Part::Command(number) = Part::of(region)
            && let Some(channel) = self.channels.get_mut(number)
        {
            let done = channel.read_string(offset, rest);
            channel.update_interrupt(context.effects);
            rest = rest.get_mut(done..).unwrap_or_default();
        }
        size.fill(rest, || self.read(region, offset, size, context));
    }

    fn write(
        &mut self,
        region: Region,
        offset: u64,
        size: AccessSize,
        value: u64,
        context: &mut Context<'_>,
    ) {
        match Part::of(region) {
            Part::Command(channel) => {
                if let Some(channel) = self.channels.get_mut(channel) {
                    channel.write(offset, size, value);
                }
            }
            Part::Control(channel) => {
                if let Some(channel) = self.channels.get_mut(channel) {
                    channel.write_control(value as u8);
                }
            }
            Part::Master => {
                for (index, byte) in (0..size.bytes()).zip(value.to_le_bytes()) {
                    let (channel, register) = master_place(offset.saturating_add(index));
                    if let Some(channel) = self.channels.get_mut(channel) {
                        channel.master.write(register, byte);
                    }
                }
            }
            Part::Nothing => {}
        }
        self.run(context);
    }

    fn reset(&mut self, _context: &mut Context<'_>) {
        self.function.reset();
        self.channels.iter_mut().for_each(|channel| channel.reset());
    }

    fn save(&self) -> SavedState {
        self.save_all()
    }

    fn restore(&mut self, saved: Saved<'_>) -> Result<(), RestoreError> {
        self.restore_all(saved)
    }

    fn inspect(&self, inspector: &mut dyn Inspector) {
        for channel in &self.channels {
            inspector.enter("channel");
            inspector.flag("second drive selected", channel.selects_second);
            inspector.flag("bus master active", channel.master.is_active());
            inspector.flag("interrupt asserted", channel.asserted);
            for drive in channel.drives.iter().flatten() {
                inspector.enter("drive");
                drive.inspect(inspector);
                inspector.leave();
            }
            inspector.leave();
        }
    }

    fn deadline(&self) -> Nanos {
        let has_work = self.channels.iter().any(|channel| channel.master.has_work());
        if has_work && self.function.is_master() { Nanos::ZERO } else { Nanos::MAX }
    }

    fn advance(&mut self, context: &mut Context<'_>) {
        self.run(context);
        context.effects.note(Attention::DEADLINE);
    }

    fn config_read(&mut self, offset: u16, size: AccessSize, _context: &mut Context<'_>) -> u32 {
        self.function.config_read(offset, size)
    }

    fn config_write(&mut self, offset: u16, size: AccessSize, value: u32, context: &mut Context<'_>) {
        if self.function.config_write(offset, size, value, context.effects).master {
            self.run(context);
            context.effects.note(Attention::DEADLINE);
        }
    }

    fn windows(&self) -> &[Window] {
        self.function.windows()
    }
}
