//! The devices and what they want of the outside.

use crate::{
    board::Board, console::Console, direct::DirectMemories, doorbells::Doorbells, screen::Viewer, vm::Vm,
};
use base_units::{Gpa, Nanos};
use vmm_bus::{AccessSize, Attention, Bus, Context, Effects, PowerRequest};
use vmm_memory::MappedRam;

/// Effects of effects that are carried out at once; what comes after them waits for the next access.
const ROUNDS_MAX: u32 = 4;

/// Messages to the first processor's local APIC go here (Intel SDM vol. 3, 11.11.1).
const LOCAL_APIC: u64 = 0xFEE0_0000;

/// Bits of a message that say how it is delivered, and the way in which the 8259s do.
const DELIVERY_MODE: u32 = 7 << 8;
const EXTERNAL_INTERRUPT: u32 = 7 << 8;

/// The message that tells ring 0 the level of the 8259s' output: delivery mode ExtINT.
const fn external_interrupt(is_asserted: bool) -> u32 {
    EXTERNAL_INTERRUPT | (is_asserted as u32) << 14
}

/// All devices of the VM, with the state of their connections to the outside.
pub(crate) struct Machine {
    pub(crate) bus: Bus,
    pub(crate) board: Board,
    pub(crate) effects: Effects,
    pub(crate) doorbells: Doorbells,
    direct: DirectMemories,
    pub(crate) console: Console,
    pub(crate) viewer: Viewer,
    /// When the device loop will look at deadlines by itself.
    pub(crate) armed: Nanos,
}

impl Machine {
    /// Puts the machine together.
    pub(crate) fn new(bus: Bus, board: Board, direct: DirectMemories) -> Self {
        Self {
            bus,
            board,
            effects: Effects::new(),
            doorbells: Doorbells::default(),
            direct,
            console: Console::default(),
            viewer: Viewer::default(),
            armed: Nanos::MAX,
        }
    }

    /// Memory as the guest reads and writes it now, if that is not simply all RAM.
    #[inline]
    pub(crate) fn memory_as_seen(&self) -> Option<&MappedRam> {
        self.direct.data()
    }

    /// The same as the guest reads it.
    #[inline]
    pub(crate) fn code_as_seen(&self) -> Option<&MappedRam> {
        self.direct.code()
    }

    /// Handles IN.
    #[inline]
    pub(crate) fn read_port(&mut self, vm: &Vm, port: u16, size: AccessSize) -> u32 {
        let mut context =
            Context { now: user_rt::now(), memory: vm.ram.memory(), effects: &mut self.effects };
        let value = self.bus.port_read(port, size, &mut context);
        self.settle(vm);
        value
    }

    /// Handles a repeated INS.
    pub(crate) fn read_port_string(&mut self, vm: &Vm, port: u16, size: AccessSize, into: &mut [u8]) {
        self.with_bus(vm, |bus, _, context| bus.port_read_string(port, size, into, context));
    }

    /// Handles OUT.
    #[inline]
    pub(crate) fn write_port(&mut self, vm: &Vm, port: u16, size: AccessSize, value: u32) {
        if !self.bus.swallows_port_write(port) {
            self.write_device_port(vm, port, size, value);
        }
    }

    #[inline(never)]
    fn write_device_port(&mut self, vm: &Vm, port: u16, size: AccessSize, value: u32) {
        let mut context =
            Context { now: user_rt::now(), memory: vm.ram.memory(), effects: &mut self.effects };
        self.bus.port_write(port, size, value, &mut context);
        self.settle(vm);
    }

    /// Handles a read of device memory.
    #[inline]
    pub(crate) fn read_memory(&mut self, vm: &Vm, at: Gpa, size: AccessSize) -> u64 {
        let mut context =
            Context { now: user_rt::now(), memory: vm.ram.memory(), effects: &mut self.effects };
        let value = self.bus.memory_read(at, size, &mut context);
        self.settle(vm);
        value
    }

    /// Handles a write to device memory.
    #[inline]
    pub(crate) fn write_memory(&mut self, vm: &Vm, at: Gpa, size: AccessSize, value: u64) {
        let mut context =
            Context { now: user_rt::now(), memory: vm.ram.memory(), effects: &mut self.effects };
        self.bus.memory_write(at, size, value, &mut context);
        self.settle(vm);
    }

    /// The first processor acknowledges an interrupt of the 8259s: the vector.
    pub(crate) fn acknowledge_interrupt(&mut self, vm: &Vm) -> Option<u8> {
        self.with_bus(vm, |bus, _, context| bus.acknowledge(context))
    }

    /// Lets `act` work on the bus, then carries out the effects.
    pub(crate) fn with_bus<R>(
        &mut self,
        vm: &Vm,
        act: impl FnOnce(&mut Bus, &Board, &mut Context<'_>) -> R,
    ) -> R {
        let mut context =
            Context { now: user_rt::now(), memory: vm.ram.memory(), effects: &mut self.effects };
        let result = act(&mut self.bus, &self.board, &mut context);
        self.bus.settle(&mut context);
        self.settle(vm);
        result
    }

    /// Carries out what devices asked for. After most accesses there is nothing.
    #[inline]
    pub(crate) fn settle(&mut self, vm: &Vm) {
        // Carrying effects out can have effects: a console with room lets a queue go on.
        for _ in 0..ROUNDS_MAX {
            if self.effects.attention().is_empty() {
                return;
            }
            self.carry_out(vm);
        }
    }

    /// Sends the interrupts that wait.
    pub(crate) fn settle_messages(&mut self, vm: &Vm) {
        for message in self.effects.drain_messages() {
            // What a guest programs in this mode would pass for the level of the 8259s' output.
            if message.data & DELIVERY_MODE == EXTERNAL_INTERRUPT {
                continue;
            }
            // A message to nobody is the guest's own mistake.
            let _ = vm.guest.interrupt(message.address, message.data);
        }
    }

    #[inline(never)]
    fn carry_out(&mut self, vm: &Vm) {
        let attention = self.effects.take_attention();
        if attention.contains(Attention::MESSAGES) {
            self.settle_messages(vm);
        }
        if attention.intersects(Attention::all() - Attention::MESSAGES) {
            self.carry_out_rare(vm, attention);
        }
    }

    #[cold]
    fn carry_out_rare(&mut self, vm: &Vm, attention: Attention) {
        if attention.contains(Attention::RETURNED) {
            for range in self.effects.drain_returned() {
                // What cannot be given back stays with the guest.
                let _ = vm.ram.give_back(range);
            }
        }
        if attention.contains(Attention::WINDOWS) {
            self.doorbells.update(vm, &self.bus);
        }
        if attention.intersects(Attention::WINDOWS | Attention::DIRECT) {
            self.direct.update(vm, &self.bus);
        }
        if attention.contains(Attention::PIC_OUTPUT) {
            // Ring 0 knows the guest and its first vCPU as long as we run.
            let _ = vm.guest.interrupt(LOCAL_APIC, external_interrupt(self.bus.wants_acknowledge()));
        }
        if attention.contains(Attention::CONSOLE) {
            self.console_attention(vm);
        }
        if attention.contains(Attention::DEADLINE) && self.deadline() < self.armed {
            vm.wake_device_loop();
        }
        if attention.contains(Attention::POWER) {
            match self.effects.take_power() {
                Some(PowerRequest::Off) => vm.lifecycle.power_off(vm),
                Some(PowerRequest::Reset) => vm.lifecycle.reset(vm),
                None => {}
            }
        }
    }

    /// When the device loop has to look after devices or the console.
    pub(crate) fn deadline(&self) -> Nanos {
        self.bus.deadline().min(self.console.flush_at())
    }
}
