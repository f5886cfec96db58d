//! Ports of the root hub (4.19, 5.4.8): two of USB 2 with the devices, two of USB 3 that stay empty.

use super::Xhci;
use serde::{Deserialize, Serialize};
use spec::xhci::{
    PORT_BYTES, PORT_CHANGES, PORT_CONNECT_CHANGE, PORT_CONNECTED, PORT_ENABLED, PORT_KEPT, PORT_LINK_CHANGE,
    PORT_LINK_SHIFT, PORT_LINK_WRITE, PORT_POWER, PORT_RESET, PORT_RESET_CHANGE, PORT_SPEED_SHIFT,
    SPEED_HIGH, STS_PORT_CHANGE, link,
};

/// Ports.
pub(super) const PORTS: usize = 4;
/// Ports of USB 2: the first ones.
pub(super) const USB2_PORTS: u8 = 2;
/// Ports of USB 3: the others.
pub(super) const USB3_PORTS: u8 = 2;
/// The link's state.
const LINK_MASK: u32 = 0xF << PORT_LINK_SHIFT;

/// A port.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Port {
    /// PORTSC.
    pub(super) status: u32,
    /// Software has not been told of a change yet.
    pub(super) has_news: bool,
}

impl Port {
    /// A port by its index, after power-on.
    fn new(index: usize) -> Self {
        if index < usize::from(USB2_PORTS) {
            let status = PORT_POWER | PORT_CONNECTED | PORT_CONNECT_CHANGE | SPEED_HIGH << PORT_SPEED_SHIFT;
            Self { status: status | link::POLLING << PORT_LINK_SHIFT, has_news: true }
        } else {
            Self { status: PORT_POWER | link::DETECT << PORT_LINK_SHIFT, has_news: false }
        }
    }

    pub(super) fn all() -> [Self; PORTS] {
        core::array::from_fn(Self::new)
    }

    /// Whether its device can be talked to.
    pub(super) fn is_working(&self) -> bool {
        self.status & PORT_ENABLED != 0 && self.link() == link::U0
    }

    fn link(&self) -> u32 {
        (self.status & LINK_MASK) >> PORT_LINK_SHIFT
    }

    fn set_link(&mut self, state: u32) {
        self.status = self.status & !LINK_MASK | state << PORT_LINK_SHIFT;
    }

    fn is_connected(&self) -> bool {
        self.status & PORT_CONNECTED != 0
    }

    /// Notes a change; software is told unless another one waits for it already.
    fn change(&mut self, change: u32) {
        self.has_news |= self.status & PORT_CHANGES == 0;
        self.status |= change;
    }

    /// Resets the device. It takes no time.
    fn reset(&mut self) {
        self.status |= PORT_ENABLED;
        self.set_link(link::U0);
        self.change(PORT_RESET_CHANGE);
    }

    fn disable(&mut self) {
        self.status &= !PORT_ENABLED;
        self.set_link(link::POLLING);
    }

    /// Software changes the link's state.
    fn move_link(&mut self, state: u32) {
        let before = self.link();
        match state {
            link::U0 if before != link::U0 => {
                self.set_link(link::U0);
                self.change(PORT_LINK_CHANGE);
            }
            link::U3 if before < link::U3 => self.set_link(link::U3),
            link::RESUME if before == link::U3 => self.set_link(link::RESUME),
            _ => {}
        }
    }
}

impl Xhci {
    /// Reads a port's register; `offset` is that from the first one.
    pub(super) fn read_port(&self, offset: u64) -> u32 {
        let port = usize::try_from(offset / PORT_BYTES).ok().and_then(|index| self.ports.get(index));
        port.filter(|_| offset.is_multiple_of(PORT_BYTES)).map_or(0, |port| port.status)
    }

    /// Writes a port's register.
    pub(super) fn write_port(&mut self, offset: u64, value: u32) {
        let Ok(index) = usize::try_from(offset / PORT_BYTES) else { return };
        let Some(port) = self.ports.get_mut(index).filter(|_| offset.is_multiple_of(PORT_BYTES)) else {
            return;
        };
        port.status = port.status & !PORT_KEPT & !(value & PORT_CHANGES) | value & PORT_KEPT;
        if value & PORT_RESET != 0 && port.is_connected() {
            port.reset();
            if let Some(device) = self.devices.at_port(index) {
                device.bus_reset();
            }
        } else if value & PORT_ENABLED != 0 && port.status & PORT_ENABLED != 0 {
            port.disable();
        } else if value & PORT_LINK_WRITE != 0 && port.status & PORT_ENABLED != 0 {
            port.move_link((value & LINK_MASK) >> PORT_LINK_SHIFT);
        }
        self.note_ports();
    }

    /// Shows in the status that a port changed.
    pub(super) fn note_ports(&mut self) {
        if self.ports.iter().any(|port| port.has_news) {
            self.registers.status |= STS_PORT_CHANGE;
        }
    }
}
