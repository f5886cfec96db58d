//! The run loop.

use super::hardware::{Exit, VirtualCpu};
use super::vcpu::Vcpu;
use crate::machine::Machine;
use crate::memory::Residency;

/// What the run loop needs of the thread that it runs on.
pub trait RunHost {
    /// The guest's timer needs this processor at that tick (or never): the host timer is to be armed for the
    /// earlier of this and what the host itself wants. Called only when the value changes, and the value
    /// holds for this vCPU until it changes, across `run`s.
    fn set_guest_deadline(&mut self, ticks: Option<u64>);
    /// Whether the processor has to look at its queue: a thread was woken on it since the guest was entered.
    fn has_news(&self) -> bool;
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
    /// Host interrupts were let in, or the processor has news: take them, perhaps run another thread, then call `run` again.
    Interrupted,
    /// The guest spins: another thread may run first.
    Yield,
}

impl<M: Machine> Vcpu<M> {
    /// Runs the guest until something needs the thread or the VMM. The guest's extended state
    /// ([`Vcpu::extended`]) is on the processor, and stays.
    pub fn run<H: RunHost>(&mut self, host: &mut H) -> Outcome {
        self.begin();
        let outcome = self.run_loop(host);
        self.end(outcome);
        outcome
    }

    // Inlined down to the guest's entry: see `VirtualCpu::unload`.
    #[inline(always)]
    fn run_loop<H: RunHost>(&mut self, host: &mut H) -> Outcome {
        loop {
            if self.needs_attention() {
                if let Some(outcome) = self.attend(host) {
                    return outcome;
                }
            }
            let exit = self.enter();
            if let Some(outcome) = self.handle(exit) {
                return outcome;
            }
            if host.has_news() {
                return Outcome::Interrupted;
            }
        }
    }

    /// Enters the guest. While it is in there, whoever takes its memory away waits for this processor.
    #[inline(always)]
    fn enter(&mut self) -> Exit {
        let cpu = M::cpu();
        let seen = (self.guest.space().residency().enter_tagged(cpu), cpu);
        if seen != self.seen {
            self.seen = seen;
            self.hardware.flush_tlb();
        }
        let exit = self.hardware.enter(self.page);
        Residency::<M>::leave(cpu);
        exit
    }

    /// Prepares processor and vCPU; the VMM may have changed registers in the page.
    fn begin(&mut self) {
        self.shared.set_running();
        self.hardware.load(self.guest.number());
        self.look_at_timer();
        self.take_writeback();
    }

    fn end(&mut self, outcome: Outcome) {
        self.hardware.unload();
        if !matches!(outcome, Outcome::Halted { .. }) {
            self.shared.set_away();
        }
    }

    /// Carries one exit out. `None` = enter the guest again.
    #[inline]
    fn handle(&mut self, exit: Exit) -> Option<Outcome> {
        match exit {
            Exit::Interrupt => self.exit_interrupt(),
            Exit::Cpuid => self.exit_cpuid(),
            Exit::ReadMsr => self.exit_read_msr(),
            Exit::WriteMsr => self.exit_write_msr(),
            Exit::Hypercall => self.exit_hypercall(),
            Exit::Port(access) => self.exit_port(access),
            Exit::Memory { gpa, access } => self.exit_memory(gpa, access),
            Exit::Halt => self.exit_halt(),
            other => self.handle_rare(other),
        }
    }
}
