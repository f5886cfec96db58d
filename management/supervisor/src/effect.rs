//! What the service must do.

use alloc::{string::String, vec::Vec};
use vmm_protocol::Request;

/// A VM by its place in the definition file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct VmIndex(pub usize);

/// A program by its place among the services of the manifest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ProgramIndex(pub usize);

/// What the machine does after the last VM.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PowerChange {
    /// It turns itself off.
    Off,
    /// It starts again.
    Reset,
}

/// One thing to do. Effects are carried out in their order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Start this program. A failure is told by [`crate::Event::ProgramEnded`].
    StartProgram(ProgramIndex),
    /// Start this VM's process. A failure is told by [`crate::Event::VmEnded`].
    StartVm(VmIndex),
    /// Send this to the VM's process.
    AskVm(VmIndex, Request),
    /// End the VM's process.
    KillVm(VmIndex),
    /// Write this line to the log. Tools match these lines, so they are stable:
    ///
    /// | line | meaning |
    /// |---|---|
    /// | `vm NAME: starting` | its process is being started |
    /// | `vm NAME: started` | the guest's first instruction is about to run |
    /// | `vm NAME: was reset` | the guest reset itself |
    /// | `vm NAME: goes on from its saved state` | a test had its state saved and taken over |
    /// | `vm NAME: stopping` | its power button was pressed on request |
    /// | `vm NAME: powered off` | the guest turned itself off |
    /// | `vm NAME: killed` | it was ended on request, or did not stop in time |
    /// | `vm NAME: failed: REASON` | its machine could not be built, the guest broke or the process died |
    /// | `vm NAME: restarting in MS ms` | its policy starts it again |
    /// | `program NAME: failed: REASON` | a program died |
    /// | `program NAME: ended` | a program ended by itself |
    /// | `program NAME: restarting in MS ms` | its policy starts it again |
    /// | `all vms stopped: powering off` | `when_all_stopped = "poweroff"` came true |
    /// | `all vms stopped: waiting` | the last VM stopped and the machine stays up |
    /// | `shutdown: powering off`, `shutdown: rebooting` | on request, after the last VM |
    Log(String),
    /// The end: everything has stopped.
    Power(PowerChange),
}

/// Effects in the order in which they are to happen.
#[derive(Clone, Debug, Default)]
pub struct Effects(pub(crate) Vec<Effect>);

impl Effects {
    /// Takes all of them.
    pub fn take(&mut self) -> Vec<Effect> {
        core::mem::take(&mut self.0)
    }

    pub(crate) fn push(&mut self, effect: Effect) {
        self.0.push(effect);
    }

    pub(crate) fn log(&mut self, line: String) {
        self.push(Effect::Log(line));
    }
}
