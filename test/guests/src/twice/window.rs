//! Linear memory with RAM or a device behind it.

use crate::modes::tables::{bit, fresh_page};
use crate::processor::{cr3, set_cr3, write_port};
use core::arch::asm;
use test_instructions::Random;

/// Linear address of the window: a multiple of 2 MiB at which nothing else is.
pub(crate) const WINDOW: u64 = 0x3000_0000;
pub(crate) const PAGE: u64 = 4096;
/// The memory of a VGA.
const DEVICE: u64 = 0xa_0000;
/// What entries note of accesses.
const NOTES: u64 = bit::ACCESSED | bit::DIRTY;

/// What a page of the window is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    /// RAM in either case.
    Ram,
    /// A page of the device, or RAM instead.
    Device(u64),
    Absent,
}

/// The pages, and whether they may be written. Neighbours are not neighbours in the device.
const PAGES: [(Kind, bool); 8] = [
    (Kind::Device(5), true),
    (Kind::Device(2), true),
    (Kind::Ram, true),
    (Kind::Device(9), false),
    (Kind::Absent, false),
    (Kind::Ram, true),
    (Kind::Device(7), true),
    (Kind::Ram, false),
];
/// Places around which operands may lie: inside of pages, and at edges that the device has a part in.
const MIDDLES: [u64; 9] = [0x800, 0x6800, 0x1000, 0x2000, 0x3000, 0x4000, 0x6000, 0x7000, 0x1800];

/// What is behind the window.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Backing {
    Ram,
    Device,
}

/// The window.
pub(crate) struct Window {
    /// Entries of its pages.
    entries: u64,
    /// RAM for each page, with RAM behind the window.
    first: [u64; 8],
    /// The same for pages that are RAM with the device behind the window.
    second: [u64; 8],
}

/// A VGA whose memory at 0xA0000 is bytes that keep what is written to them, through the graphics controller.
fn set_up_device() {
    // Colour, RAM on. All planes, 256 KiB without chaining. Write mode 0, read mode 0, at 0xA0000, all bits.
    write_port(0x3c2, 0x63);
    for (index, value) in [(2, 0x0f), (4, 0x06)] {
        write_port(0x3c4, index);
        write_port(0x3c5, value);
    }
    for (index, value) in [(0, 0), (1, 0), (3, 0), (4, 0), (5, 0), (6, 5), (8, 0xff)] {
        write_port(0x3ce, index);
        write_port(0x3cf, value);
    }
}

impl Window {
    /// The window, filled with anything, the same in RAM and in the device.
    pub(crate) fn new(random: &mut Random) -> Self {
        set_up_device();
        let new = Self {
            entries: fresh_page(),
            first: PAGES.map(|_| fresh_page()),
            second: PAGES.map(|_| fresh_page()),
        };
        let entry = directory_entry(WINDOW);
        unsafe { (entry as *mut u64).write_volatile(new.entries | bit::PRESENT | bit::WRITE | bit::USER) };
        for index in 0..PAGES.len() {
            let page = unsafe { &mut *(new.first[index] as *mut [u8; PAGE as usize]) };
            random.fill(page);
            if let Some(other) = new.physical(index, Backing::Device) {
                copy(other, new.first[index], PAGE / 8);
            }
        }
        new
    }

    /// A place around which operands may lie.
    pub(crate) fn middle(random: &mut Random) -> u64 {
        WINDOW + MIDDLES[random.below(MIDDLES.len() as u64) as usize]
    }

    fn physical(&self, index: usize, backing: Backing) -> Option<u64> {
        match (PAGES[index].0, backing) {
            (Kind::Absent, _) => None,
            (_, Backing::Ram) => Some(self.first[index]),
            (Kind::Ram, Backing::Device) => Some(self.second[index]),
            (Kind::Device(page), Backing::Device) => Some(DEVICE + page * PAGE),
        }
    }

    /// Maps one or the other, without notes of accesses.
    pub(crate) fn show(&self, backing: Backing) {
        for (index, (_, is_writable)) in PAGES.iter().enumerate() {
            let write = if *is_writable { bit::WRITE } else { 0 };
            let entry = self.physical(index, backing).map_or(0, |physical| physical | bit::PRESENT | write);
            unsafe { (self.entries as *mut u64).add(index).write_volatile(entry) };
        }
        set_cr3(cr3());
    }

    /// What the entries have noted of accesses: two bits a page.
    pub(crate) fn notes(&self) -> u64 {
        let note = |index: usize| unsafe { (self.entries as *const u64).add(index).read_volatile() } & NOTES;
        (0..PAGES.len()).fold(0, |all, index| all << 2 | note(index) >> 5)
    }

    /// The first place from here on whose byte in RAM is not the one in the device, as an offset. `start` and `bytes` are
    /// multiples of 8.
    pub(crate) fn difference(&self, start: u64, bytes: u64) -> Option<u64> {
        pieces(start, bytes).find_map(|(at, bytes)| self.difference_in_page(at, bytes))
    }

    /// Makes RAM what the device is.
    pub(crate) fn copy_device(&self, start: u64, bytes: u64) {
        for (at, bytes) in pieces(start, bytes) {
            if let Some((here, other)) = self.both(at) {
                copy(here, other, bytes / 8);
            }
        }
    }

    /// Where a place is in RAM and in the device.
    fn both(&self, at: u64) -> Option<(u64, u64)> {
        let index = ((at - WINDOW) / PAGE) as usize;
        let other = self.physical(index, Backing::Device)? + at % PAGE;
        Some((self.first[index] + at % PAGE, other))
    }

    fn difference_in_page(&self, at: u64, bytes: u64) -> Option<u64> {
        let (here, other) = self.both(at)?;
        let mut copied = [0u8; PAGE as usize];
        copy(&raw mut copied as u64, other, bytes / 8);
        let is_other = |offset: &u64| {
            let byte = unsafe { ((here + offset) as *const u8).read_volatile() };
            copied[*offset as usize] != byte
        };
        (0..bytes).find(is_other).map(|offset| at + offset - WINDOW)
    }

    /// The first difference anywhere.
    pub(crate) fn difference_anywhere(&self) -> Option<u64> {
        self.difference(WINDOW, PAGES.len() as u64 * PAGE)
    }
}

/// The parts of a range that lie in one page each.
fn pieces(start: u64, bytes: u64) -> impl Iterator<Item = (u64, u64)> {
    let end = start + bytes;
    let mut at = start;
    core::iter::from_fn(move || {
        let here = at;
        at = ((at / PAGE + 1) * PAGE).min(end);
        (here < end).then_some((here, at - here))
    })
}

/// Copies words.
fn copy(to: u64, from: u64, words: u64) {
    unsafe {
        asm!("rep movsq", inout("rcx") words => _, inout("rdi") to => _, inout("rsi") from => _);
    }
}

/// Where the entry of 2 MiB for this linear address is.
fn directory_entry(linear: u64) -> u64 {
    let step = |table: u64, shift: u32| (table & 0x000f_ffff_ffff_f000) + (linear >> shift & 511) * 8;
    let read = |place: u64| unsafe { (place as *const u64).read_volatile() };
    step(read(step(read(step(cr3(), 39)), 30)), 21)
}
