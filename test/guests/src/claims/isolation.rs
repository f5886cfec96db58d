//! Claims about what a VM finds in memory: zeros, then what it wrote itself, and nothing where nothing is.
//!
//! `seed=N` on the command line makes VMs that run side by side write different patterns.

use crate::modes::tables::{Format, Tables, bit};
use crate::processor::{cr3, read_memory, set_cr3, write_memory};
use crate::startup::{self, Range};
use crate::{Verdict, expect, require};

/// Below this lie this kernel and what it was started with.
const OWN_END: u64 = 32 << 20;
/// Conventional memory that nobody uses.
const LOW: (u64, u64) = (0x3_0000, 0x9_f000);
/// Rounds of looking at the pattern, unless `rounds=N` says otherwise.
const ROUNDS: u64 = 6;
/// Bytes between two places that are looked at.
const STRIDE: usize = 64;
/// Where pages of the scan are mapped.
const PLACE: u64 = 0x70_0000_0000;
const APIC: u64 = 0xfee0_0000;

/// The memory that is free to be written: all RAM but this kernel's.
fn free_memory() -> impl Iterator<Item = (u64, u64)> {
    let ram = startup::memory_map().iter().filter(|range| range.kind == startup::USABLE);
    let high = ram.map(|range| (range.start.max(OWN_END), range.start + range.bytes));
    high.filter(|(start, end)| start < end && *end <= 1 << 32).chain([LOW])
}

/// What belongs at an address.
fn pattern(seed: u64, address: u64) -> u64 {
    (address ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_mul(0xbf58_476d_1ce4_e5b9) | 1
}

fn seed() -> u64 {
    startup::number("seed=").unwrap_or(1)
}

fn for_each_place(mut work: impl FnMut(*mut u64) -> Verdict) -> Verdict {
    for (start, end) in free_memory() {
        for address in (start..end).step_by(STRIDE) {
            work(address as *mut u64)?;
        }
    }
    Ok(())
}

pub(super) fn fresh_memory_is_zero() -> Verdict {
    let mut bytes = 0;
    for (start, end) in free_memory() {
        let words = unsafe { core::slice::from_raw_parts(start as *const u64, ((end - start) / 8) as usize) };
        require("all of it", words.iter().all(|word| *word == 0))?;
        bytes += end - start;
    }
    require("there was some", bytes > 16 << 20)
}

/// Writes a pattern over everything and finds it again for a while; exits between let others run.
pub(super) fn memory_keeps_its_pattern() -> Verdict {
    let seed = seed();
    for_each_place(|place| {
        let found = unsafe { place.read_volatile() };
        unsafe { place.write_volatile(pattern(seed, place as u64)) };
        expect("fresh memory is zero", found, 0)
    })?;
    for _ in 0..startup::number("rounds=").unwrap_or(ROUNDS) {
        for _ in 0..200 {
            crate::processor::read_port(0x61);
        }
        for_each_place(|place| {
            let found = unsafe { place.read_volatile() };
            expect("memory is as it was written", found, pattern(seed, place as u64))
        })?;
    }
    Ok(())
}

/// Whether an address belongs to something of the machine.
fn is_known(address: u64, map: &[Range]) -> bool {
    let in_ram = map.iter().any(|range| (range.start..range.start + range.bytes).contains(&address));
    let in_windows = crate::pci::functions()
        .filter_map(|function| function.window())
        .any(|window| (window..window + (1 << 20)).contains(&address));
    in_ram || in_windows || address < 1 << 20 || (0xfec0_0000..=APIC + 0xfff).contains(&address)
}

/// Looks all over guest-physical memory: what is not this VM's own is an empty bus.
pub(super) fn beyond_memory_there_is_nothing() -> Verdict {
    let map = startup::memory_map();
    let end = map.iter().filter(|range| range.kind == startup::USABLE).map(|range| range.start + range.bytes);
    let end = end.filter(|end| *end < 1 << 32).max().unwrap_or(0);
    for address in (end..1 << 32).step_by(4 << 20) {
        if !is_known(address, map) {
            look_at(address)?;
        }
    }
    look_at(end)?;
    far_memory_is_empty(map)
}

fn look_at(address: u64) -> Verdict {
    write_memory(address, 0x1357_9bdf);
    expect("an empty bus", u64::from(read_memory(address)), 0xffff_ffff)?;
    expect("its last bytes", u64::from(read_memory(address + 0xffc)), 0xffff_ffff)
}

/// The same above 4 GiB, up to where addresses end.
fn far_memory_is_empty(map: &[Range]) -> Verdict {
    let bits = crate::processor::cpuid(0x8000_0008, 0)[0] & 0xff;
    let (tables, before) = (Tables::with_this_kernel(Format::Long4), cr3());
    let place = tables.place(PLACE, 12);
    let mut verdict = Ok(());
    for shift in 32..bits.min(51) {
        for offset in [0, 0x10_0000_0000u64, 0x1234_5000] {
            let address = ((1 << shift) + offset) & ((1 << bits) - 1);
            if is_known(address, map) {
                continue;
            }
            tables.write(place, address | bit::PRESENT | bit::WRITE);
            set_cr3(tables.root());
            verdict = verdict.and_then(|()| look_at(PLACE));
            set_cr3(before);
        }
    }
    verdict
}
