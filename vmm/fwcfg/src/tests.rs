//! What the firmware sees.

use crate::{Content, ContentError, FwCfg, Key, REGION, Source, content::FILES_MAX, dma::STEP_BYTES};
use alloc::{boxed::Box, format, string::String, vec, vec::Vec};
use base_units::{Gpa, Nanos};
use proptest::prelude::*;
use vmm_bus::{AccessSize, Context, Device, Effects, FlatMemory, GuestMemory};

const ERROR: u32 = 1;
const READ: u32 = 2;
const SKIP: u32 = 4;
const SELECT: u32 = 8;
const WRITE: u32 = 16;
const REQUEST_AT: u64 = 0x100;

struct Bench {
    device: FwCfg,
    memory: FlatMemory,
    effects: Effects,
}

impl Bench {
    fn new(content: Content) -> Self {
        Self {
            device: FwCfg::new(content),
            memory: FlatMemory::new(Gpa::new(0), 8 << 20),
            effects: Effects::new(),
        }
    }

    fn with<R>(&mut self, act: impl FnOnce(&mut FwCfg, &mut Context<'_>) -> R) -> R {
        let mut context = Context { now: Nanos::ZERO, memory: &self.memory, effects: &mut self.effects };
        act(&mut self.device, &mut context)
    }

    fn select(&mut self, key: u16) {
        self.with(|device, context| device.write(REGION, 0, AccessSize::Word, u64::from(key), context));
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count)
            .map(|_| self.with(|device, context| device.read(REGION, 1, AccessSize::Byte, context)) as u8)
            .collect()
    }

    /// Writes a request and rings; returns the control word.
    fn request(&mut self, control: u32, length: u32, to: u64) -> u32 {
        let mut request = control.to_be_bytes().to_vec();
        request.extend(length.to_be_bytes());
        request.extend(to.to_be_bytes());
        self.memory.write(Gpa::new(REQUEST_AT), &request).unwrap();
        let address = (REQUEST_AT as u32).swap_bytes();
        self.with(|device, context| {
            device.write(REGION, 4, AccessSize::Dword, 0, context);
            device.write(REGION, 8, AccessSize::Dword, u64::from(address), context);
        });
        self.control()
    }

    fn control(&self) -> u32 {
        self.memory.read_u32(Gpa::new(REQUEST_AT)).unwrap().swap_bytes()
    }

    /// The directory as firmware reads it: names with numbers and sizes.
    fn directory(&mut self) -> Vec<(String, u16, u32)> {
        self.select(Key::DIRECTORY.0);
        let count = u32::from_be_bytes(self.bytes(4).try_into().unwrap());
        (0..count)
            .map(|_| {
                let entry = self.bytes(64);
                let size = u32::from_be_bytes(entry[..4].try_into().unwrap());
                let number = u16::from_be_bytes(entry[4..6].try_into().unwrap());
                let end = entry[8..].iter().position(|byte| *byte == 0).unwrap();
                (String::from_utf8(entry[8..8 + end].to_vec()).unwrap(), number, size)
            })
            .collect()
    }
}

fn sample() -> Bench {
    let mut content = Content::new();
    content.set(Key::PROCESSORS, 3u16);
    content.set(Key::INTERRUPT_0_OVERRIDE, vec![1]);
    content.add_file("etc/table", vec![7; 100]).unwrap();
    content.add_file("bootorder", &b"/pci\0"[..]).unwrap();
    Bench::new(content)
}

#[test]
fn the_device_names_itself_and_its_interfaces() {
    let mut bench = sample();

    assert_eq!(bench.bytes(6), *b"QEMU\0\0", "selected from the start");
    bench.select(Key::INTERFACE.0);
    assert_eq!(bench.bytes(4), [3, 0, 0, 0]);
    let sign = bench.with(|device, context| device.read(REGION, 4, AccessSize::Dword, context));
    assert_eq!((sign as u32).to_le_bytes(), *b"QEMU");
    let sign = bench.with(|device, context| device.read(REGION, 8, AccessSize::Dword, context));
    assert_eq!((sign as u32).to_le_bytes(), *b" CFG");
}

#[test]
fn files_are_sorted_and_found_by_their_numbers() {
    let mut bench = sample();

    let directory = bench.directory();

    assert_eq!(directory, [("bootorder".into(), 0x20, 5), ("etc/table".into(), 0x21, 100)]);
    bench.select(0x20);
    assert_eq!(bench.bytes(6), *b"/pci\0\0");
}

#[test]
fn what_does_not_exist_reads_as_zeros() {
    let mut bench = sample();

    bench.select(Key::INTERRUPT_0_OVERRIDE.0);
    assert_eq!(bench.bytes(2), [1, 0]);
    bench.select(Key::PROCESSORS.0);
    assert_eq!(bench.bytes(3), [3, 0, 0]);
    bench.select(0x1234);
    assert_eq!(bench.bytes(3), [0; 3]);
    assert_eq!(bench.request(SELECT | READ | 0x8003 << 16, 4, 0x1000), 0);
}

#[test]
fn a_request_copies_an_item_and_zeros_behind_it() {
    let mut bench = sample();
    bench.memory.write(Gpa::new(0x1000), &[0xFF; 200]).unwrap();

    assert_eq!(bench.request(SELECT | READ | 0x21 << 16, 150, 0x1000), 0);

    let mut copied = [0; 200];
    bench.memory.read(Gpa::new(0x1000), &mut copied).unwrap();
    assert_eq!((copied[99], copied[100], copied[149], copied[150]), (7, 0, 0, 0xFF));
}

#[test]
fn requests_go_on_where_the_last_one_ended() {
    let mut bench = sample();

    bench.select(0x20);
    assert_eq!(bench.request(SKIP, 2, 0), 0);
    assert_eq!(bench.request(READ, 1, 0x1000), 0);
    assert_eq!(bench.memory.read_u8(Gpa::new(0x1000)), Ok(b'c'));
    assert_eq!(bench.bytes(1), *b"i");
}

#[test]
fn nothing_can_be_written() {
    let mut bench = sample();

    assert_eq!(bench.request(SELECT | WRITE | 0x21 << 16, 4, 0x1000), ERROR);
    bench.select(0x21);
    assert_eq!(bench.bytes(1), [7]);
}

#[test]
fn a_request_outside_of_memory_fails() {
    let mut bench = sample();

    assert_eq!(bench.request(SELECT | READ | 0x21 << 16, 4, 1 << 40), ERROR);
    assert_eq!(bench.request(SELECT | READ | 0x21 << 16, 4, u64::MAX - 1), ERROR);
    assert_eq!(bench.request(SELECT | READ | 0x3FFF << 16, 4, 1 << 40), ERROR);
}

#[test]
fn a_long_request_goes_on_in_steps() {
    struct Pattern;
    impl Source for Pattern {
        fn bytes(&self) -> u32 {
            STEP_BYTES * 2 + 10
        }
        fn read(&self, offset: u32, into: &mut [u8]) {
            for (index, byte) in (offset..).zip(into) {
                *byte = (index % 251) as u8;
            }
        }
    }
    let mut content = Content::new();
    content.set(Key::INITRD_DATA, crate::Item::Source(Box::new(Pattern)));
    let mut bench = Bench::new(content);
    let control = SELECT | READ | u32::from(Key::INITRD_DATA.0) << 16;

    assert_eq!(bench.request(control, STEP_BYTES * 2 + 10, 0x1000), control, "under way");
    assert_eq!(bench.device.deadline(), Nanos::ZERO);
    let twin_state = bench.device.save();
    bench.device.restore(twin_state.as_saved()).unwrap();
    bench.with(|device, context| device.advance(context));
    assert_eq!(bench.control(), control);
    bench.with(|device, context| device.advance(context));

    assert_eq!(bench.control(), 0);
    assert_eq!(bench.device.deadline(), Nanos::MAX);
    let last = STEP_BYTES * 2 + 9;
    assert_eq!(bench.memory.read_u8(Gpa::new(0x1000 + u64::from(last))), Ok((last % 251) as u8));
}

#[test]
fn reset_ends_a_request_and_selects_the_signature() {
    let mut bench = sample();
    bench.request(SELECT | READ | 0x21 << 16, STEP_BYTES + 1, 0x1000);

    bench.with(|device, context| device.reset(context));

    assert_eq!(bench.device.deadline(), Nanos::MAX);
    assert_eq!(bench.bytes(4), *b"QEMU");
}

#[test]
fn bad_files_are_refused() {
    let mut content = Content::new();
    content.add_file("a", vec![]).unwrap();

    assert_eq!(content.add_file("a", vec![]), Err(ContentError::Taken));
    assert_eq!(content.add_file("", vec![]), Err(ContentError::BadName));
    assert_eq!(content.add_file(&"x".repeat(56), vec![]), Err(ContentError::BadName));
    assert_eq!(content.add_file(&"x".repeat(55), vec![]), Ok(()));
    assert_eq!(content.replace_file("b", vec![]), Err(ContentError::Missing));
    for number in 2..FILES_MAX {
        assert_eq!(content.add_file(&format!("file {number}"), vec![]), Ok(()));
    }
    assert_eq!(content.add_file("one more", vec![]), Err(ContentError::Full));
}

#[test]
fn a_replaced_file_reads_as_its_new_bytes() {
    let mut bench = sample();

    bench.device.replace_file("etc/table", vec![9; 4]).unwrap();

    assert_eq!(bench.directory()[1].2, 4);
    bench.select(0x21);
    assert_eq!(bench.bytes(5), [9, 9, 9, 9, 0]);
}

proptest! {
    #[test]
    fn both_ways_read_the_same(bytes: Vec<u8>, skip in 0u32..300, count in 1u32..300) {
        let mut content = Content::new();
        content.add_file("file", bytes.clone()).unwrap();
        let mut bench = Bench::new(content);
        let mut expected = bytes;
        expected.resize(1000, 0);
        let wanted = &expected[skip as usize..(skip + count) as usize];

        bench.select(0x20);
        bench.bytes(skip as usize);
        prop_assert_eq!(bench.bytes(count as usize), wanted);

        prop_assert_eq!(bench.request(SELECT | SKIP | 0x20 << 16, skip, 0), 0);
        prop_assert_eq!(bench.request(READ, count, 0x1000), 0);
        let mut copied = vec![0; count as usize];
        bench.memory.read(Gpa::new(0x1000), &mut copied).unwrap();
        prop_assert_eq!(&copied[..], wanted);
    }

    #[test]
    fn no_guest_makes_the_device_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        crate::fuzz::drive(&bytes);
        crate::fuzz::restore(&bytes);
    }
}
