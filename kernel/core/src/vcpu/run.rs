//! The run loop.

use super::attention::ATTENTION_LEAVE;
use super::hardware::{Exit, ExitHandler, MemoryAccess, VirtualCpu};
use super::processor::Vcpu;
use crate::machine::Machine;
use crate::memory::Visitor;
use base_units::Gpa;

/// What the run loop needs of the thread that it runs on.
pub trait RunHost {
    /// The guest's timer needs this processor at that tick (or never): the host timer is to be armed for the
    /// earlier of this and what the host itself wants. Called only when the value changes, and the value
    /// holds for this vCPU until it changes, across `run`s.
    fn set_guest_deadline(&mut self, ticks: Option<u64>);
    /// Whether another thread is to run now. Asked after this vCPU has rung or woken somebody, who may want this processor; what
    /// others wake comes with an interrupt.
    fn is_turn_over(&mut self) -> bool;
}

/// Why [`Vcpu::run`] returned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The page says what the VMM has to do: back to ring 3.
    Return,
    /// The vCPU halts or waits for SIPI. The thread parks until [`super::Wake::wake`] or until
    /// `deadline` (ticks); then `run` is called again.
    Halted {
        /// When the guest's timer fires.
        deadline: Option<u64>,
    },
    /// Host interrupts were let in: take them, perhaps run another thread, then call `run` again.
    Interrupted,
    /// Another thread runs first; then call `run` again.
    Preempted,
    /// The guest spins: another thread may run first.
    Yield,
}

impl<M: Machine, V: VirtualCpu<M>> Vcpu<M, V> {
    /// Runs the guest until something needs the thread or the VMM. The guest's extended state
    /// ([`Vcpu::extended`]) is on the processor, and stays.
    #[inline(never)]
    pub fn run<H: RunHost>(&mut self, host: &mut H) -> Outcome {
        self.begin();
        let outcome = self.run_loop(host);
        self.end(outcome);
        outcome
    }

    // Inlined down to the guest's entry: see `VirtualCpu::unload`.
    #[inline(always)]
    fn run_loop<H: RunHost>(&mut self, host: &mut H) -> Outcome {
        let mut visitor = self.space.residency().visitor(M::cpu());
        loop {
            if self.needs_attention()
                && let Some(outcome) = self.look_around(host)
            {
                return outcome;
            }
            self.enter(&mut visitor);
            V::with_exit(self);
        }
    }

    /// Enters the guest. While it is in there, whoever takes its memory away waits for this processor.
    #[inline(always)]
    fn enter(&mut self, visitor: &mut Visitor) {
        let generation = self.space.residency().visit(visitor);
        if generation != self.seen_generation {
            self.seen_generation = generation;
            self.hardware.flush_memory();
            if self.space.is_logged() {
                self.start_log();
            }
        }
        self.hardware.enter(self.page);
        visitor.leave();
        if self.is_logging {
            self.note_writes();
        }
    }

    #[cold]
    fn start_log(&mut self) {
        if !self.is_logging {
            self.is_logging = true;
            self.hardware.log_writes();
        }
    }

    /// Tells the guest's memory what was written.
    #[inline(never)]
    fn note_writes(&mut self) {
        let space = &self.space;
        self.hardware.take_log(|gpa| space.note_write(gpa));
    }

    /// Prepares processor and vCPU; the VMM may have changed registers in the page.
    fn begin(&mut self) {
        self.shared.set_running();
        let cpu = M::cpu();
        if self.seen_cpu != cpu {
            // Translations on this processor may be older than what was seen on the other one.
            self.seen_cpu = cpu;
            self.hardware.flush_memory();
        }
        self.hardware.load(self.guest.number());
        self.look_at_timer();
        self.take_writeback();
    }

    fn end(&mut self, outcome: Outcome) {
        self.hardware.unload();
        if outcome == Outcome::Interrupted {
            M::open_interrupt_window();
        }
        if !matches!(outcome, Outcome::Halted { .. }) {
            self.shared.set_away();
        }
    }
}

impl<M: Machine, V: VirtualCpu<M>> ExitHandler<V> for Vcpu<M, V> {
    #[inline(always)]
    fn hardware(&mut self) -> &mut V {
        &mut self.hardware
    }

    #[inline(always)]
    fn handle_frequent(&mut self, exit: Exit) {
        let outcome = match exit {
            Exit::Cpuid => self.exit_cpuid(),
            Exit::ReadMsr => self.exit_read_msr(),
            Exit::WriteMsr => self.exit_write_msr(),
            Exit::Hypercall => self.exit_hypercall(),
            Exit::Port(access) => self.exit_port(access),
            Exit::Memory { gpa, access } => return self.handle_memory(gpa, access),
            other => return self.handle(other),
        };
        self.end_with(outcome);
    }

    fn handle(&mut self, exit: Exit) {
        let outcome = match exit {
            Exit::Interrupt => self.exit_interrupt(),
            Exit::Memory { gpa, access } => return self.handle_memory(gpa, access),
            Exit::Halt => self.exit_halt(),
            Exit::Cpuid => self.exit_cpuid(),
            Exit::ReadMsr => self.exit_read_msr(),
            Exit::WriteMsr => self.exit_write_msr(),
            Exit::Hypercall => self.exit_hypercall(),
            Exit::Port(access) => self.exit_port(access),
            other => self.handle_rare(other),
        };
        self.end_with(outcome);
    }
}

impl<M: Machine, V: VirtualCpu<M>> Vcpu<M, V> {
    #[inline(never)]
    fn handle_memory(&mut self, gpa: Gpa, access: MemoryAccess) {
        let outcome = self.exit_memory(gpa, access);
        self.end_with(outcome);
    }

    /// Ends the run loop with `outcome`, if there is one. A guest that goes on pays nothing for the question.
    #[inline(always)]
    fn end_with(&mut self, outcome: Option<Outcome>) {
        if outcome.is_some() {
            self.outcome = outcome;
            self.attention |= ATTENTION_LEAVE;
        }
    }
}
