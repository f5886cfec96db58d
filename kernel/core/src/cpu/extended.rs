//! Whose FPU, SSE and AVX state is on the processor.
//!
//! A state stays there until another thread's comes, so that a thread that slept finds its own again.

use super::Cpu;
use crate::machine::{ExtendedState, Machine};
use crate::thread::Thread;
use crate::vcpu::AnyVcpu;
use alloc::sync::Arc;

impl<M: Machine> Cpu<M> {
    /// Puts the guest's FPU state on the processor in place of ring 3's, which is lost.
    #[inline]
    pub fn enter_guest_state(&mut self, thread: &mut Thread<M>) {
        if thread.in_guest {
            return;
        }
        self.kernel.note_guest_entry();
        let Some(vcpu) = &mut thread.vcpu else { return };
        vcpu.extended().load();
        thread.in_guest = true;
        self.extended_owner = owner(thread);
        thread.state_cpu = self.index;
    }

    /// Takes the guest's FPU state off the processor; ring 3 starts with the initial state.
    pub fn leave_guest_state(&mut self, thread: &mut Thread<M>) {
        if !thread.in_guest {
            return;
        }
        if let Some(vcpu) = &mut thread.vcpu {
            vcpu.extended().save();
        }
        M::Extended::load_initial();
        thread.in_guest = false;
        self.extended_owner = owner(thread);
    }

    /// Copies the thread's FPU state to where it finds it on any processor.
    pub(super) fn save_extended(&mut self, thread: &mut Thread<M>) {
        match (&mut thread.vcpu, thread.in_guest) {
            (Some(vcpu), true) => vcpu.extended().save(),
            _ => thread.extended.save(),
        }
    }

    /// Puts the thread's FPU state on the processor unless it still is there.
    pub(super) fn load_extended(&mut self, thread: &mut Thread<M>) {
        let owner = owner(thread);
        if self.extended_owner == owner && thread.state_cpu == self.index {
            return;
        }
        match (&mut thread.vcpu, thread.in_guest) {
            (Some(vcpu), true) => vcpu.extended().load(),
            _ => thread.extended.load(),
        }
        self.extended_owner = owner;
        thread.state_cpu = self.index;
    }
}

fn owner<M: Machine>(thread: &Thread<M>) -> (usize, bool) {
    (Arc::as_ptr(thread.shared()) as usize, thread.in_guest)
}
