//! Answers to a vCPU's exits.

use super::{complete::Complete, msr::ParavirtualMsrs, processor::Registers, reach::Reach, start::Initial};
use crate::{lifecycle::Phase, vm::Vm};
use alloc::{format, string::String};
use base_units::Gpa;
use core::sync::atomic::{AtomicU32, Ordering};
use user_rt::{Error, Exit, GPR_RAX, GPR_RDX, TaskSwitchCause, VcpuRunner, decode_exit};
use vmm_bus::AccessSize;
use vmm_x86emu::{Fault, InstructionBytes, Processor, TaskCause, TaskSwitch, emulate, emulate_move, fetch};

/// Lines about instructions that cannot be emulated, for one VM: a hostile guest could fill the log.
const UNKNOWN_INSTRUCTIONS_LOGGED: u32 = 8;
/// What a hypercall answers that nobody knows: -KVM_ENOSYS.
const NO_SUCH_HYPERCALL: u64 = -1000i64 as u64;

static UNKNOWN_INSTRUCTIONS: AtomicU32 = AtomicU32::new(0);

/// One vCPU on its thread.
pub(crate) struct Exits {
    pub(crate) vm: &'static Vm,
    pub(crate) runner: VcpuRunner,
    pub(crate) index: u32,
    pub(crate) paravirtual: ParavirtualMsrs,
}

impl Exits {
    /// A vCPU that has not started.
    pub(crate) fn new(vm: &'static Vm, runner: VcpuRunner, index: u32) -> Self {
        Self { vm, runner, index, paravirtual: ParavirtualMsrs::default() }
    }

    /// Brings the vCPU to the state in which it starts, or to the one that was saved.
    pub(crate) fn begin(&mut self, initial: &Initial, is_first: bool) -> Result<(), Error> {
        if !is_first {
            self.paravirtual = ParavirtualMsrs::default();
            initial.restore(&mut self.runner)?;
        }
        let mut start = self.vm.start.lock();
        if let Some(state) = start.saved.remove(&self.index) {
            let saved_at = start.saved_at;
            drop(start);
            return self.restore(&state, saved_at);
        }
        self.runner.set_tsc_offset(0u64.wrapping_sub(start.tsc_origin))?;
        if self.index != 0 {
            return Ok(());
        }
        let Some(entry) = &start.entry else { return Err(Error::BadState) };
        self.runner.set_registers(&initial.with_entry(entry))
    }

    /// Runs the guest and answers its exits until the machine resets or ends.
    pub(crate) fn run(&mut self) -> Result<(), Error> {
        while self.vm.lifecycle.phase() == Phase::Running {
            self.run_until_rare()?;
        }
        Ok(())
    }

    /// Runs the guest and answers its exits until there was a rare one, or somebody kicked the vCPU.
    fn run_until_rare(&mut self) -> Result<(), Error> {
        loop {
            self.runner.run()?;
            match decode_exit(self.runner.page()) {
                Some(Exit::Port { port, size, is_input, is_string: false, value }) => {
                    self.port(port, size, is_input, value);
                }
                Some(Exit::Mmio { gpa, .. }) => self.device_memory(Gpa::new(gpa)),
                Some(Exit::Eoi { vector }) => self.end_of_interrupt(vector),
                Some(Exit::Kicked) => return Ok(()),
                Some(other) => {
                    self.rare(other);
                    return Ok(());
                }
                None => {
                    self.give_up(String::from("the kernel reported an exit that this program does not know"));
                    return Ok(());
                }
            }
        }
    }

    /// IN and OUT. RIP is behind the instruction already.
    #[inline]
    fn port(&mut self, port: u16, size: u8, is_input: bool, value: u32) {
        let Some(size) = AccessSize::from_bytes(size) else { return };
        let mut machine = self.vm.machine.lock();
        if !is_input {
            machine.write_port(self.vm, port, size, value);
            return;
        }
        let value = u64::from(machine.read_port(self.vm, port, size));
        drop(machine);
        let mut registers = Registers::new(self.runner.page());
        let old = registers.register(GPR_RAX);
        let kept = if size == AccessSize::Dword { 0 } else { old & !size.ones() };
        registers.set_register(GPR_RAX, kept | value);
    }

    /// An access to memory that is no RAM.
    #[inline]
    fn device_memory(&mut self, at: Gpa) {
        let mut registers = Registers::new(self.runner.page());
        let vm = self.vm;
        let mut machine = vm.machine.lock();
        let mut reach = Reach { vm, machine: &mut machine };
        let bytes = match registers.instruction_bytes() {
            Some(bytes) => bytes,
            None => match fetch(&registers, &reach) {
                Ok(bytes) => bytes,
                Err(fault) => return registers.inject(fault),
            },
        };
        if !emulate_move(&mut registers, &mut reach, at, &bytes) {
            emulate_any(&mut self.runner, &mut reach, &bytes);
        }
    }

    /// The guest acknowledged a level-triggered interrupt.
    #[cold]
    fn end_of_interrupt(&mut self, vector: u8) {
        let mut machine = self.vm.machine.lock();
        machine.with_bus(self.vm, |bus, _, context| bus.end_of_interrupt(vector, context));
    }

    /// The guest takes an interrupt of the 8259s.
    #[cold]
    fn acknowledge_interrupt(&mut self) {
        let vector = self.vm.machine.lock().acknowledge_interrupt(self.vm);
        if let Some(vector) = vector {
            Registers::new(self.runner.page()).inject_interrupt(vector);
        }
    }

    #[cold]
    fn rare(&mut self, exit: Exit) {
        match exit {
            Exit::Port { .. } | Exit::Emulate { .. } => self.emulate_at_rip(),
            Exit::Msr { number, is_write, value, next_rip } => {
                let write = is_write.then_some(value);
                self.model_specific_register(number, write, next_rip);
            }
            Exit::Hypercall => {
                Registers::new(self.runner.page()).set_register(GPR_RAX, NO_SUCH_HYPERCALL);
            }
            Exit::Shutdown => self.triple_fault(),
            Exit::Failed { reason, qualification } => {
                let index = self.index;
                self.give_up(format!("vCPU {index} cannot run: reason {reason:#x}, {qualification:#x}"));
            }
            // Only INIT, an NMI or a kick wakes it; ring 0 waits for that.
            Exit::HaltedForever => {}
            Exit::InterruptAcknowledge => self.acknowledge_interrupt(),
            Exit::TaskSwitch { selector, cause, error_code } => {
                self.switch_task(TaskSwitch { selector, cause: task_cause(cause), error_code });
            }
            Exit::Kicked | Exit::Mmio { .. } | Exit::Eoi { .. } => {}
        }
    }

    /// A PC answers a triple fault with a reset.
    fn triple_fault(&self) {
        let registers = Registers::new(self.runner.page());
        user_rt::log!(
            "vCPU {}: triple fault at {:#x}, cr0 {:#x}, cr3 {:#x}, cr4 {:#x}, efer {:#x}",
            self.index,
            registers.instruction_pointer(),
            registers.cr0(),
            registers.cr3(),
            registers.cr4(),
            registers.efer()
        );
        self.vm.lifecycle.reset(self.vm);
    }

    /// String I/O and what ring 0 leaves to the emulator.
    fn emulate_at_rip(&mut self) {
        let mut registers = Registers::new(self.runner.page());
        let mut machine = self.vm.machine.lock();
        let mut reach = Reach { vm: self.vm, machine: &mut machine };
        match fetch(&registers, &reach) {
            Ok(bytes) => emulate_any(&mut self.runner, &mut reach, &bytes),
            Err(fault) => registers.inject(fault),
        }
    }

    fn switch_task(&mut self, switch: TaskSwitch) {
        let mut machine = self.vm.machine.lock();
        let mut reach = Reach { vm: self.vm, machine: &mut machine };
        let mut vcpu = Complete::new(&mut self.runner);
        match vmm_x86emu::switch_task(&mut vcpu, &mut reach, switch) {
            Err(fault) => vcpu.abandon(fault),
            Ok(fault) => {
                if switch.cause == TaskCause::Event {
                    vcpu.forget_event();
                }
                let finished = vcpu.finish();
                let fault = if finished.is_ok() { fault } else { Some(Fault::GENERAL_PROTECTION) };
                if let Some(fault) = fault {
                    Registers::new(self.runner.page()).inject(fault);
                }
            }
        }
    }

    fn model_specific_register(&mut self, number: u32, write: Option<u64>, next_rip: u64) {
        let read = match write {
            Some(value) => self.write_msr(number, value).then_some(None),
            None => self.read_msr(number).map(Some),
        };
        let mut registers = Registers::new(self.runner.page());
        let Some(read) = read else { return registers.inject_protection() };
        if let Some(value) = read {
            registers.set_register(GPR_RAX, value & 0xFFFF_FFFF);
            registers.set_register(GPR_RDX, value >> 32);
        }
        registers.set_instruction_pointer(next_rip);
    }

    #[cold]
    fn give_up(&self, sentence: String) {
        self.vm.lifecycle.fail(self.vm, sentence);
    }
}

fn task_cause(cause: TaskSwitchCause) -> TaskCause {
    match cause {
        TaskSwitchCause::Call => TaskCause::Call,
        TaskSwitchCause::InterruptReturn => TaskCause::InterruptReturn,
        TaskSwitchCause::Jump => TaskCause::Jump,
        TaskSwitchCause::Event => TaskCause::Event,
        TaskSwitchCause::SoftwareInterrupt => TaskCause::SoftwareInterrupt,
    }
}

/// Emulates one instruction, or raises what it raises.
#[inline(never)]
fn emulate_any(runner: &mut VcpuRunner, reach: &mut Reach<'_>, bytes: &InstructionBytes) {
    let mut vcpu = Complete::new(runner);
    let fault = match emulate(&mut vcpu, reach, bytes) {
        Err(fault) => fault,
        Ok(_) if vcpu.finish().is_ok() => return,
        // Registers that no processor has: nothing was taken over.
        Ok(_) => return Registers::new(runner.page()).inject(Fault::GENERAL_PROTECTION),
    };
    let is_unknown = fault == Fault::Unsupported;
    if is_unknown && UNKNOWN_INSTRUCTIONS.fetch_add(1, Ordering::Relaxed) < UNKNOWN_INSTRUCTIONS_LOGGED {
        let rip = vcpu.instruction_pointer();
        user_rt::log!("cannot emulate {:02x?} at {rip:#x}", bytes.as_slice());
    }
    vcpu.abandon(fault);
}
