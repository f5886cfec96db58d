//! A controller with memory, and its twin that was restored from it.

use super::{driver::Driver, medium::Medium};
use crate::Input;
use base_units::{Gpa, Nanos};
use vmm_bus::{AccessSize, Context, Device, Effects, FlatMemory, GuestMemory, Region};
use vmm_snapshot::SavedState;

/// Guest RAM.
pub(super) const RAM_BYTES: usize = 0x4_0000;
/// Calls that a device may ask for after one step; what a guest keeps busy for longer, it keeps busy for itself.
const ADVANCES_MAX: usize = 20;
/// Messages that one step may cause at the most.
const MESSAGES_MAX: usize = 4096;

/// A device at work.
pub(super) struct Rig {
    pub(super) driver: Driver,
    pub(super) device: Box<dyn Device>,
    media: Vec<Medium>,
    memory: FlatMemory,
    effects: Effects,
    twin: Option<Box<Rig>>,
}

impl Rig {
    pub(super) fn new(driver: Driver) -> Self {
        Self::with_media(driver, vec![Medium::open(), Medium::sealed(), Medium::sealed()])
    }

    fn with_media(driver: Driver, media: Vec<Medium>) -> Self {
        let memory = FlatMemory::new(Gpa::new(0), RAM_BYTES);
        let device = driver.build(&media);
        Self { driver, device, media, memory, effects: Effects::new(), twin: None }
    }

    /// What a driver does before its first command.
    pub(super) fn set_up(&mut self) {
        self.configure(4, 7);
        for (region, offset, size, value) in self.driver.set_up() {
            self.write_value(Region(region), offset, size, value);
        }
        for command in self.driver.first_commands() {
            self.put(command);
        }
    }

    /// A command with everything that belongs to it.
    pub(super) fn command(&mut self, input: &mut Input<'_>) {
        let command = self.driver.command(input);
        self.put(command);
    }

    fn put(&mut self, command: super::driver::Command) {
        for (at, bytes) in command.memory {
            self.poke(at, &bytes);
        }
        for (region, offset, size, value) in command.writes {
            self.write_value(Region(region), offset, size, value);
        }
    }

    pub(super) fn write(&mut self, (region, offset): (u16, u64), input: &mut Input<'_>) {
        let size = size(input);
        let value = input.u64();
        self.write_value(Region(region), offset, size, value);
    }

    fn write_value(&mut self, region: Region, offset: u64, size: AccessSize, value: u64) {
        self.each(|device, context| {
            device.write(region, offset, size, size.cut(value), context);
            0
        });
    }

    pub(super) fn read(&mut self, (region, offset): (u16, u64), input: &mut Input<'_>) {
        let size = size(input);
        self.each(|device, context| size.cut(device.read(Region(region), offset, size, context)));
    }

    pub(super) fn configure(&mut self, offset: u16, value: u32) {
        self.each(|device, context| {
            device.config_write(offset, AccessSize::Dword, value, context);
            u64::from(device.config_read(offset, AccessSize::Dword, context))
        });
    }

    pub(super) fn reset(&mut self) {
        self.each(|device, context| {
            device.reset(context);
            0
        });
    }

    pub(super) fn advance(&mut self) {
        self.each(|device, context| {
            device.notify(1, context);
            for _ in 0..ADVANCES_MAX {
                if device.deadline() > context.now {
                    break;
                }
                device.advance(context);
            }
            0
        });
    }

    pub(super) fn poke(&mut self, at: u64, bytes: &[u8]) {
        let at = Gpa::new(at % (RAM_BYTES as u64 - bytes.len() as u64));
        assert_eq!(self.memory.write(at, bytes), Ok(()));
        if let Some(twin) = &mut self.twin {
            assert_eq!(twin.memory.write(at, bytes), Ok(()));
        }
    }

    /// Saves the device and goes on with a second one that takes over its state.
    pub(super) fn make_twin(&mut self) {
        self.compare();
        let saved = self.device.save();
        let mut twin = Self::with_media(self.driver, self.media.iter().map(Medium::copy).collect());
        assert_eq!(twin.device.restore(saved.as_saved()), Ok(()), "a state that cannot be restored");
        assert_eq!(twin.device.save(), saved, "a state that changes by being restored");
        assert_eq!(twin.memory.write(Gpa::new(0), &self.ram()), Ok(()));
        self.twin = Some(Box::new(twin));
    }

    /// Holds the twin to being like the first.
    pub(super) fn compare(&self) {
        let Some(twin) = &self.twin else { return };
        assert_eq!(twin.state(), self.state(), "the restored device went another way");
        assert!(twin.ram() == self.ram(), "the restored device wrote other memory");
        assert!(self.media.iter().zip(&twin.media).all(|(one, other)| one.is_like(other)));
    }

    fn state(&self) -> SavedState {
        self.device.save()
    }

    fn ram(&self) -> Vec<u8> {
        let mut bytes = vec![0; RAM_BYTES];
        assert_eq!(self.memory.read(Gpa::new(0), &mut bytes), Ok(()));
        bytes
    }

    /// Lets the same happen to the device and its twin: they must answer alike.
    fn each(&mut self, act: impl Fn(&mut dyn Device, &mut Context<'_>) -> u64) {
        let seen = self.perform(&act);
        if let Some(twin) = &mut self.twin {
            assert_eq!(twin.perform(&act), seen, "the restored device answers otherwise");
        }
    }

    fn perform(&mut self, act: impl Fn(&mut dyn Device, &mut Context<'_>) -> u64) -> (u64, usize) {
        let mut context = Context { now: Nanos::ZERO, memory: &self.memory, effects: &mut self.effects };
        let answer = act(&mut *self.device, &mut context);
        let messages = self.effects.drain_messages().count();
        assert!(messages <= MESSAGES_MAX, "a storm of interrupts");
        self.effects = Effects::new();
        (answer, messages)
    }
}

fn size(input: &mut Input<'_>) -> AccessSize {
    input.choose(&[AccessSize::Dword, AccessSize::Byte, AccessSize::Word, AccessSize::Qword])
}
