//! The serial lines of the VMs, as the console sees them.

use crate::{ScrollBack, console::SessionId};
use alloc::{string::String, vec::Vec};
use management_protocol::VmConsole;

/// Bytes kept of what a VM said.
const SCROLL_BACK_BYTES: usize = 16 * 1024;

/// One VM's serial line.
pub(crate) struct VmLine {
    pub(crate) name: String,
    pub(crate) is_connected: bool,
    /// It has a display that can be shown now.
    pub(crate) has_screen: bool,
    /// It said something since it was connected.
    pub(crate) has_spoken: bool,
    pub(crate) said: ScrollBack,
    /// How much of it each session has shown.
    seen: [u64; SessionId::COUNT],
}

/// All of them, in the order of their definition.
pub(crate) struct VmLines {
    lines: Vec<VmLine>,
    /// The one that has the machine's serial line.
    pub(crate) host: Option<usize>,
}

impl VmLines {
    pub(crate) fn new(vms: &[VmConsole]) -> Self {
        let line = |vm: &VmConsole| VmLine {
            name: vm.name.clone(),
            is_connected: false,
            has_screen: false,
            has_spoken: false,
            said: ScrollBack::new(SCROLL_BACK_BYTES),
            seen: [0; SessionId::COUNT],
        };
        Self { lines: vms.iter().map(line).collect(), host: vms.iter().position(|vm| vm.is_host) }
    }

    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        self.lines.iter().position(|line| line.name == name)
    }

    pub(crate) fn get(&self, index: usize) -> Option<&VmLine> {
        self.lines.get(index)
    }

    pub(crate) fn get_mut(&mut self, index: usize) -> Option<&mut VmLine> {
        self.lines.get_mut(index)
    }

    pub(crate) fn name(&self, index: usize) -> &str {
        self.get(index).map_or("", |line| &line.name)
    }

    pub(crate) fn names(&self) -> Vec<&str> {
        self.lines.iter().map(|line| line.name.as_str()).collect()
    }
}

impl VmLine {
    /// What the session has not shown yet, and how many bytes are lost.
    pub(crate) fn unseen(&self, session: SessionId) -> (Vec<u8>, u64) {
        self.said.since(self.seen.get(session as usize).copied().unwrap_or(0))
    }

    /// The session has shown everything.
    pub(crate) fn mark_seen(&mut self, session: SessionId) {
        let position = self.said.position();
        if let Some(seen) = self.seen.get_mut(session as usize) {
            *seen = position;
        }
    }
}
