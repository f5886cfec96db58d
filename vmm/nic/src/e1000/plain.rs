//! Registers that keep what is written to them and do nothing else: delays, thresholds, lights, wake-up.

use super::model::Model;
use alloc::vec::Vec;

/// A register: its offset, the bits that can be written, its value after a reset.
struct Plain(u64, u32, u32);

/// In the order of their offsets.
// tidy: table
const REGISTERS: [Plain; 54] = [
    Plain(0x0028, !0, 0x00C2_8001),          // FCAL
    Plain(0x002C, 0xFFFF, 0x0100),           // FCAH
    Plain(0x0030, 0xFFFF, 0x8808),           // FCT
    Plain(0x0038, 0xFFFF, 0x8100),           // VET
    Plain(0x00C4, 0xFFFF, 0),                // ITR
    Plain(0x00E8, 0xFFFF, 0),                // EITR 0
    Plain(0x00EC, 0xFFFF, 0),                // EITR 1
    Plain(0x00F0, 0xFFFF, 0),                // EITR 2
    Plain(0x00F4, 0xFFFF, 0),                // EITR 3
    Plain(0x00F8, 0xFFFF, 0),                // EITR 4
    Plain(0x0170, 0xFFFF, 0),                // FCTTV
    Plain(0x0178, !0, 0),                    // TXCW
    Plain(0x0410, 0x3FFF_FFFF, 0x0060_2008), // TIPG
    Plain(0x0458, 0xFFFF, 0),                // AIT
    Plain(0x0E00, !0, 0x0706_8302),          // LEDCTL
    Plain(0x0F00, 0xFF, 0),                  // EXTCNF_CTRL: who owns the PHY
    Plain(0x0F10, !0, 0),                    // PHY_CTRL
    Plain(0x1000, !0, 0x0014_0014),          // PBA
    Plain(0x1008, !0, 0),                    // PBS
    Plain(0x2160, 0x8000_FFF8, 0),           // FCRTL
    Plain(0x2168, 0xFFF8, 0),                // FCRTH
    Plain(0x2170, !0, 0),                    // PSRCTL
    Plain(0x2820, 0xFFFF, 0),                // RDTR
    Plain(0x2828, !0, 0x0001_0000),          // RXDCTL
    Plain(0x282C, 0xFFFF, 0),                // RADV
    Plain(0x2928, !0, 0x0001_0000),          // RXDCTL 1
    Plain(0x2C00, 0xFFF, 0),                 // RSRPD
    Plain(0x3820, 0xFFFF, 0),                // TIDV
    Plain(0x3828, !0, 0),                    // TXDCTL
    Plain(0x382C, 0xFFFF, 0),                // TADV
    Plain(0x3830, !0, 0),                    // TSPMT
    Plain(0x3840, !0, 0x0403),               // TARC 0
    Plain(0x3928, !0, 0),                    // TXDCTL 1
    Plain(0x3940, !0, 0x0403),               // TARC 1
    Plain(0x5000, 0xFFFF, 0),                // RXCSUM
    Plain(0x5008, !0, 0),                    // RFCTL
    Plain(0x5800, 0xFFFF, 0),                // WUC
    Plain(0x5808, !0, 0),                    // WUFC
    Plain(0x5818, !0, 0),                    // MRQC
    Plain(0x5820, !0, 0),                    // MANC
    Plain(0x5838, !0, 0),                    // IPAV
    Plain(0x5860, !0, 0),                    // MANC2H
    Plain(0x5B00, !0, 0),                    // GCR
    Plain(0x5B58, !0, 0),                    // SWSM2
    Plain(0x5B5C, !0, 0),                    // SW_FW_SYNC
    Plain(0x5B64, !0, 0),                    // GCR2
    Plain(0xB608, !0, 0),                    // TIMINCA
    Plain(0xB60C, !0, 0),                    // TIMADJL
    Plain(0xB610, !0, 0),                    // TIMADJH
    Plain(0xB614, !0, 0),                    // TSYNCTXCTL
    Plain(0xB620, !0, 0),                    // TSYNCRXCTL
    Plain(0xB634, !0, 0),                    // RXMTRL
    Plain(0xB638, !0, 0),                    // RXUDP
    Plain(0xB63C, !0, 0),                    // RXCFG
];

/// The packet buffer of the 82540EM after a reset: 48 KiB to receive, 16 to send.
const PBA: u64 = 0x1000;
const PBA_82540: u32 = 0x0010_0030;

/// Values after a reset.
pub(super) fn initial(model: Model) -> Vec<u32> {
    let value = |register: &Plain| match register {
        Plain(PBA, ..) if model == Model::I82540em => PBA_82540,
        Plain(_, _, value) => *value,
    };
    REGISTERS.iter().map(value).collect()
}

fn find(offset: u64) -> Option<usize> {
    REGISTERS.binary_search_by_key(&offset, |register| register.0).ok()
}

/// Reads a register; zero if there is none.
pub(super) fn read(values: &[u32], offset: u64) -> u32 {
    find(offset).and_then(|index| values.get(index)).copied().unwrap_or(0)
}

/// Writes a register, if there is one.
pub(super) fn write(values: &mut [u32], offset: u64, value: u32) {
    let Some(index) = find(offset) else { return };
    if let (Some(target), Some(register)) = (values.get_mut(index), REGISTERS.get(index)) {
        *target = value & register.1;
    }
}

/// Whether so many values are those of all registers.
pub(super) fn is_complete(values: &[u32]) -> bool {
    values.len() == REGISTERS.len()
}
