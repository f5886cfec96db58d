//! What guests do to devices.

use super::{Seed, behind, seed};
use crate::{
    Input,
    board::{Board, Choice, Event},
    pair::Restorable,
};
use spec::virtio::{FEATURE_EVENT_INDEX, FEATURE_INDIRECT, FEATURE_PACKED};

/// Events of [`Choice::Everything`]: set up the console in slot 1, save, put a request into its transmit queue, notify,
/// take the output.
fn console_events() -> Vec<u8> {
    let mut events = vec![16, 1];
    events.extend(0u64.to_le_bytes());
    events.push(20);
    // Descriptor 0 of queue 1: 32 bytes at 0x100, for the device to read.
    events.extend(describe(0x100, 0x100, 32, 0, 0));
    // The available ring of queue 1 lies at 0x2400: one request, the first descriptor.
    events.extend(poke(0x2400, 1 << 16));
    events.extend([21, 5, 1, 14, 10, 232, 3, 20, 13, 5]);
    events.extend(b"hello");
    events
}

/// A read of the first sector of the disk in slot 4.
fn disk_events() -> Vec<u8> {
    let mut events = vec![16, 4];
    events.extend(0u64.to_le_bytes());
    // Header, data, status: queue 0 lies at 0x1000.
    events.extend(describe(0, 0x8000, 16, 1, 1));
    events.extend(describe(1, 0x9000, 512, 3, 2));
    events.extend(describe(2, 0xA000, 1, 2, 0));
    events.extend(poke(0x1400, 1 << 16));
    events.extend([20, 21, 8, 0, 6, 4, 1, 0, 0]);
    events
}

/// [`Event::Describe`] as bytes.
fn describe(index: u16, address: u32, bytes: u16, third: u16, fourth: u16) -> Vec<u8> {
    let mut event = vec![9];
    event.extend(index.to_le_bytes());
    event.extend(address.to_le_bytes());
    for field in [bytes, third, fourth] {
        event.extend(field.to_le_bytes());
    }
    event
}

/// [`Event::Poke`] as bytes.
fn poke(at: u16, value: u64) -> Vec<u8> {
    let mut event = vec![8];
    event.extend(at.to_le_bytes());
    event.extend(value.to_le_bytes());
    event
}

pub(super) fn machine() -> Vec<Seed> {
    let both = [console_events(), disk_events()].concat();
    vec![seed("console", console_events()), seed("disk", disk_events()), seed("both", both)]
}

pub(super) fn registers() -> Vec<Seed> {
    // By place in the list of ports: UART interrupts on, a byte out, clock's register B, power button enabled.
    let mut events = Vec::new();
    for (port, value) in [(1, 0x0F), (4, 0x0B), (2, 0xC7), (0, 0x41), (9, 0x0B), (10, 0x42), (14, 0x21)] {
        events.extend([1, port, 0]);
        events.extend(u32::to_le_bytes(value));
    }
    events.extend([10, 6, 3, 1, 2, 3, 9, 5, 1, 0, 5, 0, 0, 2, 0, 6, 4, 32, 8, 8]);
    // The I/O APIC: entry 4, unmasked; then somebody types.
    for (register, value) in [(0u8, 0x18u64), (16, 0x31), (0, 0x19), (16, 0)] {
        events.extend([3, register, 2]);
        events.extend(value.to_le_bytes());
    }
    events.extend([6, 3, 65, 66, 67, 0, 0, 0, 10, 0, 0, 0, 5, 1, 49]);
    vec![seed("chipset", events)]
}

/// Events of the target `chipset`: firmware sets things up, somebody types, timers tick, a floppy's sector is read.
pub(super) fn chipset() -> Vec<Seed> {
    let set_up = [0, 21, 3];
    let typing = [18, 4, 0, 7, 3, 18, 4, 1, 7, 3, 16, 4, 5, 0x20, 19, 5, 0, 3, 0, 0, 1];
    let ticking = [14, 16, 4, 5, 0x20, 14, 16, 22, 14, 13, 255, 255, 12];
    // A read of two sectors; the DMA channel was opened for 1024 bytes.
    let sector: Vec<u8> =
        [0xE6, 0, 0, 0, 1, 2, 8, 0x1B, 0xFF].into_iter().flat_map(|byte| [4, 0, byte]).collect();
    // The event timers: periodic by message, running.
    let mut timers = vec![0];
    for (register, value) in [(0x100u16, 0x404Cu64), (0x110, 0xFEE0_0000_0000_4041), (0x108, 5000), (0x10, 1)]
    {
        timers.push(9);
        timers.extend(register.to_le_bytes());
        timers.extend([1, 4]);
        timers.extend(value.to_le_bytes());
    }
    timers.extend([14, 14, 22, 14]);
    // The disk behind the root port: a register, its doorbell; again with a bridge that is no bus master, and saved.
    let ring = [8, 0x1C, 0, 6, 3, 9, 0, 0, 7, 3, 1, 0, 0, 0, 0, 0, 0, 0];
    let (close, open) = ([11, 2, 4, 3, 0, 0, 0], [11, 2, 4, 7, 0, 0, 0]);
    let port = [&set_up[..], &ring, &close, &ring, &[22], &open, &ring, &[22], &ring].concat();
    let all = [&set_up[..], &typing, &ticking, &sector, &timers[1..]].concat();
    let after = [&[14, 14, 22], &typing[..], &ticking, &sector].concat();
    let restored = [crate::targets::chipset::sample(), after.clone()].concat();
    vec![
        seed("typing", [&set_up[..], &typing].concat()),
        seed("ticking", [&set_up[..], &ticking].concat()),
        seed("floppy", [&set_up[..], &sector].concat()),
        seed("event_timers", timers),
        seed("root_port", port),
        seed("all", all),
        behind("restored", &[1, after.len() as u8, 0], &restored),
    ]
}

/// Events of the target `nics`: drivers set the cards up, frames go from each to the others, a link is lost.
pub(super) fn nics() -> Vec<Seed> {
    let set_up: Vec<u8> = (0..3).flat_map(|card| [&[0, card][..], &[0; 8]].concat()).collect();
    let to_all = [2, 0, 0xFF, 100, 0, 2, 1, 0xFF, 0x2A, 0, 2, 2, 0xFF, 0xEA, 5, 16];
    let to_one = [2, 0, 2, 60, 0, 2, 1, 0, 60, 0, 2, 2, 1, 60, 0, 16];
    let link = [20, 1, 1, 20, 0, 1, 2, 1, 0, 60, 0, 16, 20, 1, 0, 20, 0, 0];
    let strange = [19, 1, 4, 1, 2, 3, 4, 19, 0, 2, 9, 9, 19, 2, 0];
    let all = [&[0][..], &set_up, &to_all, &[23], &to_one, &link, &[23], &strange, &to_all].concat();
    let after = [&to_all[..], &[23], &link, &to_one].concat();
    let restored = [crate::targets::nics::sample(), after.clone()].concat();
    vec![
        seed("to_all", [&[0][..], &set_up[..], &to_all, &to_all].concat()),
        seed("to_one", [&[0][..], &set_up[..], &to_one].concat()),
        seed("all", all),
        behind("restored", &[1, after.len() as u8, 0], &restored),
    ]
}

pub(super) fn pci() -> Vec<Seed> {
    // Sizing of BAR 0 of slot 1, moving it, memory on, MSI-X on; reads through the window.
    let mut events = Vec::new();
    for (register, value) in [(0x10u16, 0xFFFF_FFFFu64), (0x10, 0xC050_0000), (0x04, 6), (0x42, 0x8000)] {
        events.extend([1, 1]);
        events.extend(register.to_le_bytes());
        events.push(2);
        events.extend(value.to_le_bytes());
        events.extend([0, 1]);
        events.extend(register.to_le_bytes());
        events.push(2);
    }
    events.extend([4, 5, 0, 20, 0, 8, 4, 1, 3, 0, 2]);
    vec![seed("bar", events)]
}

pub(super) fn virtqueue() -> Vec<Seed> {
    // Descriptors at 0, driver area at 0x400, device area at 0x800, size 8.
    let queue = |choice: u8, memory: &[u8]| [&[choice, 0, 0x40, 0x80], memory].concat();
    let mut split = vec![0; 0x420];
    split[..16].copy_from_slice(&[0, 16, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0, 1, 0, 1, 0]);
    split[16..32].copy_from_slice(&[0, 17, 0, 0, 0, 0, 0, 0, 32, 0, 0, 0, 2, 0, 0, 0]);
    split[0x402] = 1;
    let mut packed = vec![0; 0x40];
    packed[..16].copy_from_slice(&[0, 16, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0, 5, 0, 0x81, 0]);
    packed[16..32].copy_from_slice(&[0, 17, 0, 0, 0, 0, 0, 0, 32, 0, 0, 0, 5, 0, 0x82, 0]);
    vec![
        seed("split", queue(7 << 3, &split)),
        seed("split_indirect", queue(7 << 3 | 6, &split)),
        seed("packed", queue(7 << 3 | 1, &packed)),
    ]
}

pub(super) fn virtio_function() -> Vec<Seed> {
    // Kind, size, offset, value: acknowledge, driver, features, a queue, ready; see `vmm_virtio::fuzz`.
    let mut accesses = Vec::new();
    let writes: [(u16, u8, u64); 12] = [
        (0x14, 0, 1),
        (0x14, 0, 3),
        (0x08, 2, 1),
        (0x0C, 2, 1),
        (0x14, 0, 11),
        (0x16, 1, 0),
        (0x18, 1, 16),
        (0x20, 3, 0x1000),
        (0x28, 3, 0x2000),
        (0x30, 3, 0x3000),
        (0x1C, 1, 1),
        (0x14, 0, 15),
    ];
    for (offset, size, value) in writes {
        accesses.extend([0, size]);
        accesses.extend(offset.to_le_bytes());
        accesses.extend(value.to_le_bytes());
    }
    accesses.extend([0, 1, 0, 0x30, 0, 0, 0, 0, 0, 0, 0, 0]);
    vec![behind("set_up", &[0], &accesses), behind("restore", &[1], &[0; 300])]
}

pub(super) fn virtio_devices() -> Vec<Seed> {
    // A request of three buffers: 16 bytes at 0x400, 512 at 0x1000, 1 at 0x2000; the last two are written.
    let request: &[u8] = &[0, 2, 0b110, 0, 1, 0, 0, 0, 4, 0, 120, 0, 8, 0, 80];
    let steps = [request, &[5, 0, 1, 8], &[0; 8], &[8, 14]].concat();
    let of = |name, device: u8, features: u64| {
        behind(name, &[&[device], features.to_le_bytes().as_slice()].concat(), &steps)
    };
    vec![
        of("disk_split", 0, 0),
        of("disk_packed", 1, FEATURE_PACKED | FEATURE_INDIRECT),
        of("console", 2, FEATURE_EVENT_INDEX),
        of("entropy", 3, FEATURE_INDIRECT),
        of("balloon", 4, FEATURE_PACKED | 0b10_0111),
    ]
}

/// A saved board on which something had happened.
fn saved() -> Vec<u8> {
    let mut board = Board::new();
    let events = [console_events(), disk_events()].concat();
    let mut input = Input::new(&events);
    while !input.is_empty() {
        board.perform(Event::take(&mut input, Choice::Everything));
    }
    board.save()
}

pub(super) fn snapshot() -> Vec<Seed> {
    let mut writer = vmm_snapshot::SnapshotWriter::new();
    for (name, instance) in [("uart", 0), ("virtio blk", 0), ("virtio blk", 1)] {
        let state = vmm_snapshot::SavedState::encode(1, &(instance, name));
        assert_eq!(writer.add(name, instance, &state), Ok(()));
    }
    vec![behind("three_sections", &[1], &writer.finish())]
}

pub(super) fn device_restore() -> Vec<Seed> {
    let events = [21, 5, 1, 21, 8, 0, 14, 20, 10, 1, 0, 20];
    let with_events = [saved(), events.to_vec()].concat();
    let new = Board::new().save();
    vec![behind("used", &[1, events.len() as u8, 0], &with_events), behind("new", &[1, 0, 0], &new)]
}

/// A write of index and data to the sequencer (0), the graphics controller (1) or the CRT controller (2).
fn vga_register(controller: u8, index: u8, value: u8) -> [u8; 8] {
    [5 << 3, controller, 0, 0, index, value, 0, 0]
}

/// Commands of each controller, then a move to another machine and more of them; and a state of each.
pub(super) fn disks() -> Vec<Seed> {
    // Identify, read, write to the disk; a packet to the CD-ROM drive.
    let ahci = [
        [9, 0, 0, 21, 0, 1, 0, 1].as_slice(),
        &[7, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 1],
        &[9, 0, 1, 2, 3, 4, 0, 2],
        &[7, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 1, 0, 2, 0xFF, 7],
        &[6, 9, 1, 0, 12, 0, 0, 0, 1, 7, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0xFF, 7],
        &[6, 9, 0, 2, 10, 5, 16, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 3, 5],
    ];
    let ide = [
        [9, 0, 0].as_slice(),
        &[0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 2, 0, 1, 2, 0, 0],
        &[9, 4, 19, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 2, 0, 1, 2, 0, 0],
        &[6, 9, 8, 5, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 2, 0, 1, 2, 0, 0],
        &[9, 2, 12, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 0, 8, 7, 0, 0, 0, 0, 1, 0, 2, 0, 0, 0, 1, 6],
    ];
    let nvme = [
        [9, 0, 2, 5, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 2].as_slice(),
        &[9, 1, 0, 2, 1, 1, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 7, 0, 0],
        &[6, 9, 1, 1, 1, 2, 1, 0, 0, 0, 0, 0, 5, 0, 0, 0, 3, 0, 1, 5],
    ];
    let mut seeds = vec![
        behind("ahci", &[0], &ahci.concat()),
        behind("ide", &[2], &ide.concat()),
        behind("nvme", &[4], &nvme.concat()),
    ];
    for (index, name) in ["ahci_restore", "ide_restore", "nvme_restore"].into_iter().enumerate() {
        let state = crate::targets::disks::sample(index);
        seeds.push(behind(name, &[index as u8 * 2 + 1, 12, 0], &[state.bytes(), &[5; 12]].concat()));
    }
    seeds
}

/// Somebody types and points, the driver asks for reports, talks to the devices and stops endpoints; a move to another
/// machine; and a state.
pub(super) fn usb() -> Vec<Seed> {
    let steps = [
        [13, 4, 0, 12, 1, 13, 4, 1].as_slice(),
        &[15, 1, 2, 3, 4, 1, 12, 2, 15, 5, 6, 7, 8, 0],
        &[11, 0, 1, 0, 0, 11, 1, 5, 0, 0, 4, 8, 6, 1, 3, 0],
        &[13, 0xE1, 0, 3, 0xFF, 0xFF, 12, 1, 10, 0, 3, 1, 32, 0, 0, 0, 8, 7],
        &[8, 7, 1, 3, 0, 8, 5, 1, 3, 0, 8, 8, 1, 0, 0, 3, 1, 0, 4],
    ];
    let state = crate::targets::usb::sample();
    vec![
        behind("typed", &[0], &steps.concat()),
        behind("restore", &[1, 8, 0], &[state.bytes(), &[13, 4, 0, 12, 1, 13, 4, 1]].concat()),
    ]
}

pub(super) fn display() -> Vec<Seed> {
    // Colour ports; text with 80 columns; the picture on; save; "A" in the text window; look.
    let mut text = vec![[0, 2, 0, 0, 0x67, 0, 0, 0]];
    for (controller, index, value) in [
        (0, 2, 3),
        (0, 4, 2),
        (1, 5, 0x10),
        (1, 6, 0x0E),
        (1, 8, 0xFF),
        (2, 1, 79),
        (2, 9, 15),
        (2, 0x12, 0xDF),
    ] {
        text.push(vga_register(controller, index, value));
    }
    text.push([0, 0, 0, 0, 0x20, 0, 0, 0]);
    text.push([0xFF, 0, 0, 0, 0, 0, 0, 0]);
    text.push([0x45, 0, 0x80, 1, b'A', 7, 0, 0]);
    text.push([0xFF, 0xFF, 0, 0, 0, 0, 0, 0]);
    // A mode of the extension: width, height, depth, on.
    let mut pixels = Vec::new();
    for (index, value) in [(1u8, 128u8), (2, 64), (3, 32), (4, 0x41)] {
        pixels.push([0x44, 0, 0, 0, index, 0, 0, 0]);
        pixels.push([0x44, 1, 0, 0, value, 0, 0, 0]);
    }
    pixels.push([0, 0, 0, 0, 0x20, 0, 0, 0]);
    pixels.push([0x85, 8, 0, 0, 1, 2, 3, 4]);
    pixels.push([0xFF, 0xFF, 0, 0, 0, 0, 0, 0]);
    // A picture, its memory, shown, transferred, a cursor.
    let gpu = [
        &[1, 4, 5, 1, 16, 16][..],
        &[6, 6, 5, 1, 0, 0, 0xFA, 0],
        &[3, 6, 0, 0, 16, 16, 0, 5],
        &[5, 8, 0, 0, 8, 8, 0, 0, 5, 0],
        &[11, 8, 0, 3, 3, 0, 5, 1, 1, 0],
        &[2, 1, 5],
    ];
    vec![
        behind("vga_text", &[0], text.as_flattened()),
        behind("vga_pixels", &[0], pixels.as_flattened()),
        behind("vga_restore", &[1], vmm_bus::Device::save(&vmm_display::fuzz::sample()).bytes()),
        behind("gpu", &[2], &gpu.concat()),
        behind("gpu_restore", &[3], &[0, 0, 0, 0, 0, 0, 0]),
        behind("virtio_vga", &[4], pixels.as_flattened()),
    ]
}

pub(super) fn x86_decode() -> Vec<Seed> {
    let instructions: [(&'static str, &[u8]); 11] = [
        ("mov", &[0x8B, 0x47, 0x10]),
        ("mov_wide", &[0x48, 0x89, 0x84, 0xC8, 1, 2, 3, 4]),
        ("lock_add", &[0xF0, 0x66, 0x81, 0x05, 1, 0, 0, 0, 0xFF, 0x7F]),
        ("rep_movs", &[0xF3, 0x48, 0xA5]),
        ("movzx", &[0x44, 0x0F, 0xB6, 0x4C, 0x24, 0x7F]),
        ("mov_offset", &[0x67, 0xA1, 1, 2, 3, 4]),
        ("shift", &[0xC1, 0x67, 0x10, 5]),
        ("multiply", &[0x48, 0x69, 0x07, 1, 2, 3, 4]),
        ("pair", &[0xF0, 0x48, 0x0F, 0xC7, 0x0F]),
        ("pop", &[0x8F, 0x44, 0x24, 0x08]),
        ("swapped", &[0x0F, 0x38, 0xF1, 0x07]),
    ];
    instructions.into_iter().map(|(name, bytes)| seed(name, bytes)).collect()
}

pub(super) fn x86_emulate() -> Vec<Seed> {
    // Mode, protections, level, flags, RIP; registers that name device memory; no change to the tables.
    let state = |mode: u8| {
        let mut bytes = vec![mode, 0, 0, 0, 0, 0, 0];
        (0..16u8).for_each(|index| bytes.extend([2, index << 4, 0]));
        bytes.push(0);
        bytes
    };
    let of = |name, mode: u8, instruction: &[u8]| seed(name, [state(mode), instruction.to_vec()].concat());
    vec![
        of("load", 0, &[0x8B, 0x47, 0x10]),
        of("store", 7, &[0x48, 0x89, 0x03]),
        of("xchg", 1, &[0x87, 0x06]),
        of("rep_outs", 4, &[0xF3, 0x6F]),
        of("rep_stos", 0, &[0xF3, 0xAA]),
        of("bts", 3, &[0x0F, 0xAB, 0x06]),
        of("real", 2, &[0x26, 0x88, 0x07]),
        of("rotate", 3, &[0xD3, 0x16]),
        of("double_shift", 0, &[0x48, 0x0F, 0xA5, 0x07]),
        of("multiply", 1, &[0xF7, 0x2E]),
        of("pair", 7, &[0x48, 0x0F, 0xC7, 0x0F]),
        of("push", 0, &[0xFF, 0x77, 0x08]),
        of("pop", 2, &[0x8F, 0x07]),
        of("table", 6, &[0x26, 0xD7]),
        of("far_jump", 1, &[0xEA, 0, 0x80, 0, 0, 0x10, 0]),
        of("far_call", 2, &[0x9A, 0, 0x80, 0x10, 0]),
        of("far_return", 6, &[0xCB]),
        of("interrupt_return", 0, &[0x48, 0xCF]),
        of("load_table", 3, &[0x0F, 0x01, 0x17]),
    ]
}
