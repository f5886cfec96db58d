//! The I/O APICs: global interrupt lines to vectors (Intel 82093AA; ACPI 6.5, 5.2.12.3).

use super::{END_OF_LINES, FIRST_LINE};
use crate::acpi::Madt;
use crate::cpu::local::apic_id;
use crate::paging::device::{Caching, Mapping, map};
use kernel_core::machine::InterruptMode;
use spin::{Mutex, Once};

/// I/O APICs at the most.
const IO_APICS_MAX: usize = 16;
/// Vectors for lines.
const LINES_MAX: usize = (END_OF_LINES - FIRST_LINE) as usize;
/// Offset of the register that selects another.
const SELECT: u64 = 0x00;
/// Offset of the selected register.
const WINDOW: u64 = 0x10;
/// The selected register with the number of lines.
const VERSION: u32 = 1;
/// What is read where no I/O APIC is.
const NOBODY: u32 = u32::MAX;
/// The first selected register of the redirection table; two for each line.
const REDIRECTION: u32 = 0x10;
/// Redirection: masked.
const MASKED: u32 = 1 << 16;

/// One I/O APIC.
#[derive(Clone, Copy)]
struct IoApic {
    memory: Mapping,
    first_line: u32,
    lines: u32,
}

/// A line with a vector: global number, the number that its user knows, the lower half of its redirection.
#[derive(Clone, Copy)]
struct Route {
    global: u32,
    given: u32,
    redirection: u32,
}

/// What is known about the lines.
struct Lines {
    apics: [Option<IoApic>; IO_APICS_MAX],
    routes: [Option<Route>; LINES_MAX],
    used: usize,
}

static LINES: Mutex<Lines> =
    Mutex::new(Lines { apics: [None; IO_APICS_MAX], routes: [None; LINES_MAX], used: 0 });
static MADT: Once<Madt> = Once::new();

/// Finds the I/O APICs and masks all their lines; how many lines there are.
pub(crate) fn set_up(madt: &Madt) -> u32 {
    MADT.call_once(|| madt.clone());
    let mut all = LINES.lock();
    let mut count = 0;
    for (slot, listed) in all.apics.iter_mut().zip(madt.io_apics.as_slice()) {
        let Some(memory) = map(u64::from(listed.address), 4096, Caching::Uncached) else { continue };
        let mut apic = IoApic { memory, first_line: listed.first_line, lines: 0 };
        let version = apic.read(VERSION);
        if version == NOBODY {
            continue;
        }
        apic.lines = (version >> 16 & 0xff) + 1;
        for line in 0..apic.lines {
            apic.write(REDIRECTION + 2 * line, MASKED);
        }
        count += apic.lines;
        *slot = Some(apic);
    }
    count
}

/// Routes line `given` to the boot processor, masked.
pub(crate) fn route(given: u32, mode: InterruptMode) -> Option<()> {
    let (global, mode) = translate(given, mode)?;
    let mut all = LINES.lock();
    let apic = all.apic_of(global)?;
    let place = match all.find(global) {
        Some(place) => place,
        None => {
            let place = all.used;
            all.used = place.checked_add(1).filter(|&used| used <= LINES_MAX)?;
            place
        }
    };
    let vector = u32::from(FIRST_LINE) + u32::try_from(place).ok()?;
    let redirection = vector | u32::from(mode.is_active_low) << 13 | u32::from(mode.is_level) << 15;
    *all.routes.get_mut(place)? = Some(Route { global, given, redirection });
    let line = global - apic.first_line;
    apic.write(REDIRECTION + 2 * line, redirection | MASKED);
    apic.write(REDIRECTION + 2 * line + 1, apic_id(0) << 24);
    Some(())
}

/// An ISA interrupt's global line and wiring.
fn translate(given: u32, mode: InterruptMode) -> Option<(u32, InterruptMode)> {
    if !mode.is_isa {
        return Some((given, mode));
    }
    let isa = u8::try_from(given).ok().filter(|&isa| isa < 16)?;
    let wiring = MADT.get()?.isa(isa);
    let mode = InterruptMode { is_level: wiring.is_level, is_active_low: wiring.is_active_low, is_isa: true };
    Some((wiring.line, mode))
}

/// Lets line `given` interrupt.
pub(crate) fn unmask(given: u32) {
    let all = LINES.lock();
    if let Some(route) = all.routes.iter().flatten().find(|route| route.given == given) {
        all.set(*route, 0);
    }
}

/// Stops line `given`.
pub(crate) fn mask(given: u32) {
    let all = LINES.lock();
    if let Some(route) = all.routes.iter().flatten().find(|route| route.given == given) {
        all.set(*route, MASKED);
    }
}

/// Stops the line of this vector.
pub(super) fn mask_vector(vector: u8) {
    let all = LINES.lock();
    if let Some(Some(route)) = all.routes.get(usize::from(vector - FIRST_LINE)) {
        all.set(*route, MASKED);
    }
}

/// The line of this vector, by the number that its user knows.
pub(super) fn line_of(vector: u8) -> Option<u32> {
    LINES.lock().routes.get(usize::from(vector - FIRST_LINE))?.map(|route| route.given)
}

impl Lines {
    fn apic_of(&self, global: u32) -> Option<IoApic> {
        let holds = |apic: &&IoApic| global >= apic.first_line && global - apic.first_line < apic.lines;
        self.apics.iter().flatten().find(holds).copied()
    }

    fn find(&self, global: u32) -> Option<usize> {
        self.routes.iter().position(|route| route.is_some_and(|route| route.global == global))
    }

    fn set(&self, route: Route, mask: u32) {
        if let Some(apic) = self.apic_of(route.global) {
            apic.write(REDIRECTION + 2 * (route.global - apic.first_line), route.redirection | mask);
        }
    }
}

impl IoApic {
    fn read(&self, register: u32) -> u32 {
        self.memory.write_u32(SELECT, register);
        self.memory.read_u32(WINDOW)
    }

    fn write(&self, register: u32, value: u32) {
        self.memory.write_u32(SELECT, register);
        self.memory.write_u32(WINDOW, value);
    }
}
