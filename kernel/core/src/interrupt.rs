//! Hardware interrupt lines that ring 3 drives.

use crate::ipc::Observers;
use crate::lock::Lock;
use crate::machine::{InterruptMode, Machine};
use abi::{Error, Signals};
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Lines at the most: more than any board's I/O APICs have in practice.
pub const LINES_MAX: u32 = 256;

/// One line, owned by the program that holds it. It masks itself when it arrives.
pub struct Interrupt<M: Machine> {
    line: u32,
    is_pending: AtomicBool,
    observers: Observers<M>,
}

impl<M: Machine> Interrupt<M> {
    /// Who waits for it.
    pub fn observers(&self) -> &Observers<M> {
        &self.observers
    }

    /// `INTERRUPT` from its arrival until it is acknowledged.
    pub fn signals(&self) -> Signals {
        if self.is_pending.load(Relaxed) { Signals::INTERRUPT } else { Signals::empty() }
    }

    /// Lets the line interrupt again.
    pub fn acknowledge(&self) {
        self.is_pending.store(false, Relaxed);
        M::unmask_interrupt(self.line);
    }
}

impl<M: Machine> Drop for Interrupt<M> {
    fn drop(&mut self) {
        M::mask_interrupt(self.line);
    }
}

/// The lines that programs hold.
pub struct Interrupts<M: Machine> {
    lines: Lock<Vec<(u32, Weak<Interrupt<M>>)>>,
}

impl<M: Machine> Interrupts<M> {
    /// None.
    pub const fn new() -> Self {
        Self { lines: Lock::new(Vec::new()) }
    }

    /// Gives a line to a program and unmasks it.
    ///
    /// # Errors
    /// `Exists` if somebody holds it, `NotFound` if there is none or the kernel uses it.
    pub fn claim(&self, line: u32, mode: InterruptMode) -> Result<Arc<Interrupt<M>>, Error> {
        let mut lines = self.lines.lock();
        lines.retain(|(_, holder)| holder.strong_count() > 0);
        if line >= LINES_MAX || lines.iter().any(|(taken, _)| *taken == line) {
            return Err(if line >= LINES_MAX { Error::NotFound } else { Error::Exists });
        }
        M::route_interrupt(line, mode).ok_or(Error::NotFound)?;
        let interrupt =
            Arc::new(Interrupt { line, is_pending: AtomicBool::new(false), observers: Observers::new() });
        lines.push((line, Arc::downgrade(&interrupt)));
        drop(lines);
        M::unmask_interrupt(line);
        Ok(interrupt)
    }

    /// A line has interrupted.
    pub fn deliver(&self, line: u32) {
        let holder = {
            let lines = self.lines.lock();
            lines.iter().find(|(number, _)| *number == line).and_then(|(_, holder)| holder.upgrade())
        };
        if let Some(interrupt) = holder {
            interrupt.is_pending.store(true, Relaxed);
            interrupt.observers.notify(Signals::INTERRUPT);
        }
    }
}

impl<M: Machine> Default for Interrupts<M> {
    fn default() -> Self {
        Self::new()
    }
}
