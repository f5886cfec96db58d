//! A bell that is rung and waited for.

use super::Observers;
use crate::machine::Machine;
use crate::vcpu::Ring;
use abi::Signals;
use alloc::sync::Arc;

/// A bell. It remembers nothing: a port that is bound when it rings keeps the count.
pub struct Event<M: Machine> {
    observers: Observers<M>,
}

impl<M: Machine> Event<M> {
    /// A bell that nobody hears yet.
    pub fn new() -> Arc<Self> {
        Arc::new(Self { observers: Observers::new() })
    }

    /// Who hears it.
    pub fn observers(&self) -> &Observers<M> {
        &self.observers
    }

    /// Nothing: a bell is rung, it is never on.
    pub fn signals(&self) -> Signals {
        Signals::empty()
    }
}

impl<M: Machine> Ring for Event<M> {
    fn ring(&self) {
        self.observers.notify(Signals::SIGNALLED);
    }
}
