//! The PHY behind MDIC: IEEE 802.3, clause 22, and what drivers of Marvell's chips look at.

use super::model::Model;
use serde::{Deserialize, Serialize};
use spec::e1000::{MDIC_ERROR, MDIC_PHY, MDIC_READ, MDIC_READY, MDIC_WRITE};

const REGISTERS: usize = 32;
const CONTROL: usize = 0;
const STATUS: usize = 1;
const PARTNER: usize = 5;
const GIGABIT_STATUS: usize = 10;
const SPECIFIC_STATUS: usize = 17;
/// Chooses another page of registers on the 82574; we have those of page 0 only.
const PAGE: usize = 22;

/// Control: bits that clear themselves: reset, negotiate again.
const CONTROL_RESET: u16 = 1 << 15;
const CONTROL_NEGOTIATE: u16 = 1 << 9;
const CONTROL_LOOPBACK: u16 = 1 << 14;
/// Negotiation on, full duplex, 1000 Mb/s.
const CONTROL_START: u16 = 0x1140;
/// All of 10 and 100 Mb/s, extended status, negotiation possible, extended registers; preambles may be missing.
const STATUS_START: u16 = 0x7949;
/// Link up, negotiation complete.
const STATUS_UP: u16 = 0x0024;
/// The partner can do everything.
const PARTNER_UP: u16 = 0x45E1;
const GIGABIT_UP: u16 = 0x3C00;
/// 1000 Mb/s, full duplex, resolved, link.
const SPECIFIC_UP: u16 = 0xAC00;

/// The PHY's registers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Phy {
    registers: [u16; REGISTERS],
    /// MDIC as it reads.
    pub(super) answer: u32,
}

/// What an access did beyond itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum PhyEvent {
    Nothing,
    /// The link was negotiated again.
    Negotiated,
}

impl Phy {
    pub(super) fn new(model: Model) -> Self {
        let mut phy = Self { registers: [0; REGISTERS], answer: MDIC_READY };
        for (register, value) in [
            (CONTROL, CONTROL_START),
            (STATUS, STATUS_START),
            (2, 0x0141),
            (3, model.phy_id()),
            (4, 0x0DE1),
            (9, 0x0E00),
            (15, 0x3000),
            (16, 0x0360),
            (20, 0x0D60),
        ] {
            phy.set(register, value);
        }
        phy
    }

    /// Whether what is sent comes back.
    pub(super) fn is_loopback(&self) -> bool {
        self.get(CONTROL) & CONTROL_LOOPBACK != 0
    }

    /// A write to MDIC. The access is done at once.
    pub(super) fn access(&mut self, model: Model, is_up: bool, command: u32) -> PhyEvent {
        let register = (command >> 16 & 0x1F) as usize;
        let mut event = PhyEvent::Nothing;
        let mut answer = command & 0x3FFF_FFFF & !MDIC_READY;
        if command >> 21 & 0x1F != MDIC_PHY {
            answer |= MDIC_ERROR;
        } else {
            match command >> 26 & 3 {
                MDIC_WRITE => event = self.write(model, register, command as u16),
                MDIC_READ => answer = answer & !0xFFFF | u32::from(self.read(register, is_up)),
                _ => answer |= MDIC_ERROR,
            }
        }
        self.answer = answer | MDIC_READY;
        event
    }

    fn is_elsewhere(&self, register: usize) -> bool {
        register != PAGE && self.get(PAGE) & 0xFF != 0
    }

    fn read(&self, register: usize, is_up: bool) -> u16 {
        if self.is_elsewhere(register) {
            return 0;
        }
        let with_link = match register {
            STATUS => STATUS_UP,
            PARTNER => PARTNER_UP,
            GIGABIT_STATUS => GIGABIT_UP,
            SPECIFIC_STATUS => SPECIFIC_UP,
            _ => 0,
        };
        self.get(register) | if is_up { with_link } else { 0 }
    }

    fn write(&mut self, model: Model, register: usize, value: u16) -> PhyEvent {
        if self.is_elsewhere(register) {
            return PhyEvent::Nothing;
        }
        match register {
            CONTROL if value & CONTROL_RESET != 0 => {
                *self = Self { answer: self.answer, ..Self::new(model) };
                PhyEvent::Negotiated
            }
            CONTROL => {
                self.set(CONTROL, value & !CONTROL_NEGOTIATE);
                if value & CONTROL_NEGOTIATE != 0 { PhyEvent::Negotiated } else { PhyEvent::Nothing }
            }
            STATUS | 2 | 3 | PARTNER | 6 | GIGABIT_STATUS | 15 | SPECIFIC_STATUS => PhyEvent::Nothing,
            PAGE if model == Model::I82540em => PhyEvent::Nothing,
            _ => {
                self.set(register, value);
                PhyEvent::Nothing
            }
        }
    }

    fn get(&self, register: usize) -> u16 {
        self.registers.get(register).copied().unwrap_or(0)
    }

    fn set(&mut self, register: usize, value: u16) {
        if let Some(target) = self.registers.get_mut(register) {
            *target = value;
        }
    }
}
