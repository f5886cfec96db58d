//! What a bridge lets through, as software set it up (PCI-to-PCI Bridge Architecture 1.2, chapters 3 and 4).

use super::window::{Space, Window};

/// Addresses that a bridge forwards to the bus behind it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Forwarded {
    /// First address.
    pub first: u64,
    /// Last address; below `first` there is none.
    pub last: u64,
}

impl Forwarded {
    fn covers(self, start: u64, bytes: u64) -> bool {
        let last = start.checked_add(bytes.saturating_sub(1));
        start >= self.first && last.is_some_and(|last| last <= self.last)
    }
}

/// What a bridge lets through now.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Bridge {
    /// The bus right behind the bridge, if software gave it one.
    pub secondary: Option<u8>,
    /// Memory: the plain and the prefetchable range, while the bridge decodes memory.
    pub memory: [Option<Forwarded>; 2],
    /// Ports, while the bridge decodes them.
    pub ports: Option<Forwarded>,
    /// Whether functions behind it reach memory by themselves and send messages (bus master enable).
    pub is_master: bool,
}

impl Bridge {
    /// Whether accesses to a window of a function behind the bridge reach it. One that lies in a range only partly
    /// does not answer at all.
    pub fn forwards(&self, window: &Window) -> bool {
        let covers = |range: &Forwarded| range.covers(window.start, window.bytes);
        match window.space {
            Space::Memory => self.memory.iter().flatten().any(covers),
            Space::Ports => self.ports.iter().any(covers),
            Space::Configuration => false,
        }
    }
}
