//! Claims about virtqueues in the hands of a hostile driver: whatever it does, the device works after a reset.

use crate::pci;
use crate::processor::{Random, read_memory, ticks, write_memory};
use crate::virtio::{
    ACKNOWLEDGED, DRIVER, DRIVER_OK, Driver, FEATURES_OK, SIZE, common, flag, kind, write_16, write_64,
    write_descriptor,
};
use crate::{Verdict, expect, require};

/// Nothing of the machine is there.
const NOWHERE: u64 = 0xd000_0000;
/// The transmit queue of a console.
const TRANSMIT: u16 = 1;
/// Ticks that a device gets to fall over.
const WHILE: u64 = 3_000_000;

/// A hostile deed.
type Deed = fn(&Driver);

/// The devices that are there, each with a queue that takes requests.
fn drivers() -> impl Iterator<Item = (u32, Driver)> {
    let kinds = [(kind::CONSOLE, TRANSMIT), (kind::ENTROPY, 0), (kind::BLOCK, 0)];
    kinds.into_iter().filter_map(|(kind, queue)| Some((kind, Driver::find(pci::virtio(kind)?, queue)?)))
}

/// A correct request after a reset.
fn works(kind: u32, driver: &Driver) -> Verdict {
    require("a reset and a start", driver.start())?;
    match kind {
        kind::BLOCK => reads_and_writes(driver),
        kind::ENTROPY => {
            driver.describe(0, driver.buffer, 64, flag::WRITE, 0);
            driver.offer(0);
            driver.notify();
            require("the request is answered", driver.wait_for_used(1))?;
            let written = driver.written();
            require("with some bytes", (1..=64).contains(&written))
        }
        _ => {
            driver.describe(0, driver.buffer, 0, 0, 0);
            driver.offer(0);
            driver.notify();
            require("the request is answered", driver.wait_for_used(1))
        }
    }
}

/// Writes sector 2, reads it back, and finds the label in sector 0.
fn reads_and_writes(driver: &Driver) -> Verdict {
    let (header, data, status) = (driver.buffer, driver.buffer + 512, driver.buffer + 1024);
    for (round, (sector, is_write)) in [(2u64, true), (2, false), (0, false)].into_iter().enumerate() {
        write_memory(header, u32::from(is_write));
        write_memory(header + 4, 0);
        write_64(header + 8, sector);
        let pattern = if is_write { 0x5a5a_1234 } else { 0 };
        write_memory(data, pattern);
        write_memory(status, 0xff);
        driver.describe(0, header, 16, flag::NEXT, 1);
        driver.describe(1, data, 512, flag::NEXT | if is_write { 0 } else { flag::WRITE }, 2);
        driver.describe(2, status, 1, flag::WRITE, 0);
        driver.offer(0);
        driver.notify();
        require("the request is answered", driver.wait_for_used(round as u16 + 1))?;
        expect("it went well", u64::from(read_memory(status) & 0xff), 0)?;
        if !is_write && sector == 2 {
            expect("what was written is read", u64::from(read_memory(data)), 0x5a5a_1234)?;
        }
    }
    expect("the disk's label", u64::from(read_memory(data)), u64::from(u32::from_le_bytes(*b"CORT")))
}

/// Does each deed to each device, and shows that it works again after a reset.
fn survive(deeds: &[Deed]) -> Verdict {
    let mut devices = 0;
    for (kind, driver) in drivers() {
        devices += 1;
        works(kind, &driver)?;
        for deed in deeds {
            require("a start", driver.start())?;
            deed(&driver);
            let end = ticks() + WHILE;
            while ticks() < end {
                core::hint::spin_loop();
            }
            works(kind, &driver)?;
        }
    }
    require("there are devices", devices >= 1)
}

fn offer_and_tell(driver: &Driver) {
    driver.offer(0);
    driver.notify();
}

pub(super) fn descriptors_that_loop() -> Verdict {
    survive(&[
        |driver| {
            driver.describe(0, driver.buffer, 16, flag::NEXT, 0);
            offer_and_tell(driver);
        },
        |driver| {
            driver.describe(0, driver.buffer, 16, flag::NEXT | flag::WRITE, 1);
            driver.describe(1, driver.buffer, 16, flag::NEXT | flag::WRITE, 0);
            offer_and_tell(driver);
        },
        |driver| {
            for index in 0..SIZE {
                driver.describe(index, driver.buffer, 1, flag::NEXT, (index + 1) % SIZE);
            }
            offer_and_tell(driver);
        },
        |driver| {
            driver.describe(0, driver.buffer, 16, flag::NEXT, 0xffff);
            offer_and_tell(driver);
        },
    ])
}

pub(super) fn descriptors_outside_of_memory() -> Verdict {
    survive(&[
        |driver| {
            driver.describe(0, NOWHERE, 512, flag::WRITE, 0);
            offer_and_tell(driver);
        },
        |driver| {
            driver.describe(0, u64::MAX - 7, 512, 0, 0);
            offer_and_tell(driver);
        },
        |driver| {
            driver.describe(0, driver.common, 64, flag::WRITE, 0);
            offer_and_tell(driver);
        },
        |driver| {
            driver.describe(0, 0xfee0_0000, 4096, flag::WRITE, 0);
            offer_and_tell(driver);
        },
        // The last bytes of RAM and more.
        |driver| {
            driver.describe(0, (64 << 20) - 16, 4096, flag::WRITE, 0);
            offer_and_tell(driver);
        },
        // Its own rings.
        |driver| {
            driver.describe(0, driver.descriptors, 3 * 4096, flag::WRITE, 0);
            offer_and_tell(driver);
        },
    ])
}

pub(super) fn lengths_of_nothing_and_of_everything() -> Verdict {
    survive(&[
        |driver| {
            driver.describe(0, driver.buffer, 0, flag::WRITE, 0);
            offer_and_tell(driver);
        },
        |driver| {
            driver.describe(0, driver.buffer, u32::MAX, flag::WRITE, 0);
            offer_and_tell(driver);
        },
        |driver| {
            driver.describe(0, driver.buffer, u32::MAX, flag::NEXT, 1);
            driver.describe(1, driver.buffer, u32::MAX, flag::NEXT | flag::WRITE, 2);
            driver.describe(2, driver.buffer, u32::MAX, flag::WRITE, 0);
            offer_and_tell(driver);
        },
        |driver| {
            // Not for a device to read: a console would show it all.
            driver.describe(0, 32 << 20, 16 << 20, flag::NEXT | flag::WRITE, 1);
            driver.describe(1, driver.buffer, 1, flag::WRITE, 0);
            offer_and_tell(driver);
        },
    ])
}

pub(super) fn indices_out_of_range() -> Verdict {
    survive(&[
        |driver| {
            driver.offer(0xffff);
            driver.notify();
        },
        |driver| {
            driver.offer(SIZE);
            driver.notify();
        },
        |driver| {
            driver.set_index(0x8000);
            driver.notify();
        },
        |driver| {
            driver.set_index(u16::MAX);
            driver.notify();
        },
        |driver| {
            offer_and_tell(driver);
            driver.set_index(0);
            driver.notify();
        },
    ])
}

pub(super) fn tables_of_tables() -> Verdict {
    survive(&[
        |driver| {
            write_descriptor(driver.buffer, driver.buffer, 16, 0, 0);
            driver.describe(0, driver.buffer, 16, flag::INDIRECT, 0);
            offer_and_tell(driver);
        },
        |driver| {
            write_descriptor(driver.buffer, driver.buffer, 16, flag::INDIRECT, 0);
            driver.describe(0, driver.buffer, 16, flag::INDIRECT | flag::NEXT, 0);
            offer_and_tell(driver);
        },
        |driver| {
            driver.describe(0, driver.buffer, 17, flag::INDIRECT, 0);
            offer_and_tell(driver);
        },
        |driver| {
            driver.describe(0, NOWHERE, !15u32, flag::INDIRECT, 0);
            offer_and_tell(driver);
        },
    ])
}

pub(super) fn rings_outside_of_memory() -> Verdict {
    survive(&[
        |driver| again(driver, SIZE, NOWHERE, driver.available(), driver.used()),
        |driver| again(driver, SIZE, driver.descriptors, u64::MAX - 1, driver.used()),
        |driver| again(driver, SIZE, driver.descriptors, driver.available(), 0xfee0_0000),
        |driver| again(driver, SIZE, driver.descriptors, driver.available() + 1, driver.used() + 3),
        |driver| again(driver, 0, driver.descriptors, driver.available(), driver.used()),
        |driver| again(driver, 3, driver.descriptors, driver.available(), driver.used()),
        |driver| again(driver, 0xffff, driver.descriptors, driver.available(), driver.used()),
        |driver| again(driver, SIZE, driver.descriptors, driver.descriptors, driver.descriptors),
    ])
}

/// Starts anew with another queue, and uses it.
fn again(driver: &Driver, size: u16, descriptors: u64, available: u64, used: u64) {
    driver.reset();
    driver.negotiate();
    driver.set_queue(size, descriptors, available, used);
    driver.set_status(ACKNOWLEDGED | DRIVER | FEATURES_OK | DRIVER_OK);
    driver.describe(0, driver.buffer, 16, flag::WRITE, 0);
    offer_and_tell(driver);
}

pub(super) fn storms_of_notifications() -> Verdict {
    survive(&[
        |driver| {
            for _ in 0..2000 {
                driver.notify();
            }
        },
        |driver| {
            for queue in 0..400 {
                driver.notify_at(u64::from(queue % 64) * 4, queue);
                driver.notify_at(u64::from(queue) & !1, 0xffff);
            }
        },
        |driver| {
            driver.reset();
            for _ in 0..100 {
                driver.notify();
            }
        },
    ])
}

pub(super) fn games_with_the_status() -> Verdict {
    survive(&[
        |driver| {
            driver.reset();
            driver.set_status(DRIVER_OK);
            offer_and_tell(driver);
        },
        |driver| {
            for status in 0..=0xffu8 {
                driver.set_status(status);
                driver.notify();
            }
        },
        |driver| {
            driver.reset();
            driver.set_status(ACKNOWLEDGED | DRIVER);
            write_memory(driver.common + common::DRIVER_FEATURE_SELECT, 0);
            write_memory(driver.common + common::DRIVER_FEATURE, u32::MAX);
            write_memory(driver.common + common::DRIVER_FEATURE_SELECT, 7);
            write_memory(driver.common + common::DRIVER_FEATURE, u32::MAX);
            write_memory(driver.common + common::DEVICE_FEATURE_SELECT, u32::MAX);
            driver.set_status(ACKNOWLEDGED | DRIVER | FEATURES_OK);
            driver.set_status(ACKNOWLEDGED | DRIVER | FEATURES_OK | DRIVER_OK);
            offer_and_tell(driver);
        },
        // Reset while a request is on its way.
        |driver| {
            for _ in 0..50 {
                driver.describe(0, driver.buffer, 64, flag::WRITE, 0);
                offer_and_tell(driver);
                driver.reset();
                driver.start();
            }
        },
        |driver| {
            offer_and_tell(driver);
            write_16(driver.common + common::QUEUE_ENABLE, 0);
            write_16(driver.common + common::QUEUE_SIZE, 1);
            driver.notify();
        },
        // Without memory and bus master.
        |driver| {
            offer_and_tell(driver);
            write_memory(driver.function.config + 4, 0);
            driver.notify();
            write_memory(driver.function.config + 4, 2);
            driver.notify();
            driver.function.enable();
        },
    ])
}

pub(super) fn garbage_in_the_vector_table() -> Verdict {
    survive(&[
        |driver| with_vectors(driver, |index| (0xfee0_0000, index)),
        |driver| with_vectors(driver, |_| (NOWHERE, u32::MAX)),
        |driver| with_vectors(driver, |_| (u64::MAX, 0x4000)),
        |driver| with_vectors(driver, |_| (0xfeef_f000, 0x0700)),
        |driver| with_vectors(driver, |_| (0x1000, 0x55)),
    ])
}

/// Fills the vector table, uses the device with it, and turns it off again.
fn with_vectors(driver: &Driver, fill: fn(u32) -> (u64, u32)) {
    let Some(capability) = driver.function.msix() else { return };
    let control = read_memory(capability);
    let entries = (control >> 16 & 0x7ff) + 1;
    let Some(window) = driver.function.window() else { return };
    let table = window + u64::from(read_memory(capability + 4) & !7);
    write_memory(capability, control | 1 << 31);
    for index in 0..entries.min(64) {
        let (address, data) = fill(index);
        let entry = table + 16 * u64::from(index);
        write_64(entry, address);
        write_memory(entry + 8, data);
        write_memory(entry + 12, 0);
    }
    for vector in [0, 1, entries as u16, 0x7fff, 0xfffe] {
        write_16(driver.common + 16, vector);
        write_16(driver.common + common::QUEUE_SELECT, driver.queue);
        write_16(driver.common + common::QUEUE_VECTOR, vector);
        driver.describe(0, driver.buffer, 8, flag::WRITE, 0);
        offer_and_tell(driver);
        // The whole function masked, and not.
        write_memory(capability, control | 3 << 30);
        driver.notify();
        write_memory(capability, control | 1 << 31);
    }
    write_memory(capability, control & !(3 << 30));
}

/// Random values in everything that the driver may write.
pub(super) fn garbage_everywhere() -> Verdict {
    let mut random = Random::new(0xfeed_f00d_dead_beef);
    for (kind, driver) in drivers() {
        for round in 0..60 {
            driver.start();
            for _ in 0..20 {
                let place = (driver.descriptors + random.next() % (3 * 4096)) & !3;
                write_memory(place, random.next() as u32);
            }
            for _ in 0..(round % 7) {
                write_memory((driver.common + random.next() % common::BYTES) & !3, random.next() as u32);
            }
            driver.set_index(random.next() as u16);
            driver.notify();
        }
        works(kind, &driver)?;
    }
    Ok(())
}
