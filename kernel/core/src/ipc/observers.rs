//! Who wants to hear what happens to an object.

use super::port::Binding;
use crate::lock::Lock;
use crate::machine::Machine;
use abi::{Error, Signals};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Ports that watch one object at the most.
pub const OBSERVERS_MAX: usize = 8;

/// The ports that watch an object.
pub struct Observers<M: Machine> {
    bindings: Lock<Vec<Arc<Binding<M>>>>,
}

impl<M: Machine> Observers<M> {
    /// Nobody.
    pub const fn new() -> Self {
        Self { bindings: Lock::new(Vec::new()) }
    }

    /// Adds a binding, or replaces the one of the same port.
    ///
    /// # Errors
    /// `LimitReached` with [`OBSERVERS_MAX`] ports.
    pub fn add(&self, binding: Arc<Binding<M>>) -> Result<(), Error> {
        let mut bindings = self.bindings.lock();
        bindings.retain(|other| other.is_alive());
        if let Some(old) = bindings.iter_mut().find(|other| other.is_same_port(&binding)) {
            old.cancel();
            *old = binding;
            return Ok(());
        }
        if bindings.len() >= OBSERVERS_MAX {
            return Err(Error::LimitReached);
        }
        bindings.push(binding);
        Ok(())
    }

    /// Removes the binding of the port that `probe` belongs to.
    pub fn remove(&self, probe: &Binding<M>) {
        self.bindings.lock().retain(|other| {
            let is_other_port = !other.is_same_port(probe);
            if !is_other_port {
                other.cancel();
            }
            is_other_port
        });
    }

    /// Tells all who asked for any of `signals`.
    pub fn notify(&self, signals: Signals) {
        for binding in self.bindings.lock().iter() {
            Binding::signal(binding, signals);
        }
    }
}

impl<M: Machine> Default for Observers<M> {
    fn default() -> Self {
        Self::new()
    }
}
