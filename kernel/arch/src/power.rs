//! Turning the machine off, and resetting it.

use crate::acpi::{Board, Fadt, Register, RegisterSpace};
use crate::cpu::control::halt_forever;
use crate::cpu::port;
use crate::paging::device::{Caching, map};
use crate::say;
use abi::PowerAction;
use core::arch::asm;
use spin::Once;

/// PM1 control: sleep now.
const SLEEP_ENABLE: u16 = 1 << 13;
/// PM1 control: where the sleep type goes.
const SLEEP_TYPE_SHIFT: u32 = 10;
/// PM1 control: ACPI mode is on.
const SCI_ENABLE: u16 = 1 << 0;
/// Reads of a register that is waited for.
const READS_MAX: u32 = 1_000_000;
/// Turns before the next way is tried.
const PAUSES: u32 = 2_000_000;

static BOARD: Once<Board> = Once::new();

/// Keeps what the firmware says about power.
pub(crate) fn set_up(board: &Board) {
    BOARD.call_once(|| board.clone());
}

/// What the firmware says.
pub(crate) fn board() -> Option<&'static Board> {
    BOARD.get()
}

/// Turns the machine off or resets it.
pub(crate) fn act(action: PowerAction) -> ! {
    match action {
        PowerAction::Off => turn_off(),
        PowerAction::Reset => reset(),
    }
}

fn turn_off() -> ! {
    if let Some(board) = BOARD.get()
        && let (Some(fadt), Some(sleep)) = (&board.fadt, board.sleep)
    {
        if fadt.is_hardware_reduced {
            if let Some(register) = fadt.sleep_control {
                // ACPI 6.5, 4.8.3.7: type in bits 4..2, enable in bit 5.
                write(register, sleep.a << 2 | 1 << 5);
            }
        } else {
            enable_acpi(fadt);
            for (control, kind) in fadt.controls.iter().zip([sleep.a, sleep.b]) {
                sleep_by(*control, kind);
            }
        }
        pause();
    }
    // Bochs' BIOS has no ACPI power-off that works; this is its own way, a port that nothing else uses.
    "Shutdown".bytes().for_each(|byte| port::write_u8(0x8900, byte));
    pause();
    say!("the machine did not turn itself off; it is safe to do so now");
    halt_forever()
}

fn sleep_by(control: Option<Register>, kind: u8) {
    let Some(port) = control.and_then(port_of) else { return };
    let kept = port::read_u16(port) & !(0b111 << SLEEP_TYPE_SHIFT | SLEEP_ENABLE);
    let wanted = kept | u16::from(kind & 0b111) << SLEEP_TYPE_SHIFT;
    port::write_u16(port, wanted);
    port::write_u16(port, wanted | SLEEP_ENABLE);
}

/// Switches from legacy to ACPI mode where the firmware did not.
fn enable_acpi(fadt: &Fadt) {
    let [Some(control), _] = fadt.controls else { return };
    let Some(control) = port_of(control) else { return };
    if fadt.command_port == 0 || fadt.enable_value == 0 || port::read_u16(control) & SCI_ENABLE != 0 {
        return;
    }
    port::write_u8(fadt.command_port, fadt.enable_value);
    for _ in 0..READS_MAX {
        if port::read_u16(control) & SCI_ENABLE != 0 {
            return;
        }
    }
}

fn reset() -> ! {
    if let Some((register, value)) = BOARD.get().and_then(|board| board.fadt).and_then(|fadt| fadt.reset) {
        write(register, value);
        pause();
    }
    // The chipset's reset control register: full reset.
    port::write_u8(0xcf9, 0x02);
    port::write_u8(0xcf9, 0x06);
    pause();
    // The keyboard controller's reset line.
    port::write_u8(0x64, 0xfe);
    pause();
    triple_fault()
}

/// A fault without a table of handlers: the last resort, which resets every processor ever made.
fn triple_fault() -> ! {
    let nothing = [0_u16; 5];
    // SAFETY: the machine resets; nothing runs afterwards.
    unsafe { asm!("lidt [{}]", "int3", in(reg) &raw const nothing, options(nostack)) };
    halt_forever()
}

fn port_of(register: Register) -> Option<u16> {
    (register.space == RegisterSpace::Port).then(|| u16::try_from(register.address).ok()).flatten()
}

/// Writes a byte to a register.
fn write(register: Register, value: u8) {
    match register.space {
        RegisterSpace::Port => {
            if let Ok(port) = u16::try_from(register.address) {
                port::write_u8(port, value);
            }
        }
        RegisterSpace::Memory => {
            if let Some(memory) = map(register.address, 1, Caching::Uncached) {
                memory.write_u8(0, value);
            }
        }
        RegisterSpace::Pci => {
            let [device, function, offset] =
                [32, 16, 0].map(|shift| (register.address >> shift) as u32 & 0xffff);
            port::write_u32(0xcf8, 1 << 31 | device << 11 | function << 8 | offset & 0xfc);
            port::write_u8(0xcfc + (offset & 3) as u16, value);
        }
    }
}

fn pause() {
    for _ in 0..PAUSES {
        core::hint::spin_loop();
    }
}
