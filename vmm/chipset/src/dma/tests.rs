//! What the DMA controllers promise.

use super::{Direction, Dma, Moved};
use alloc::{vec, vec::Vec};
use base_units::Gpa;
use proptest::prelude::*;
use vmm_bus::{FlatMemory, GuestMemory};

/// Programs channel 2 as a floppy driver does.
fn program(dma: &mut Dma, mode: u8, address: u32, count: u16) {
    dma.write(0x0A, 0x06);
    dma.write(0x0C, 0);
    dma.write(0x0B, mode | 2);
    let [low, high, page, _] = address.to_le_bytes();
    dma.write(0x04, low);
    dma.write(0x04, high);
    dma.write(0x81, page);
    let [low, high] = count.to_le_bytes();
    dma.write(0x05, low);
    dma.write(0x05, high);
    dma.write(0x0A, 0x02);
}

fn read(memory: &FlatMemory, at: u64, bytes: usize) -> Vec<u8> {
    let mut content = vec![0; bytes];
    assert_eq!(memory.read(Gpa::new(at), &mut content), Ok(()));
    content
}

#[test]
fn a_channel_writes_memory_until_its_count_ends() {
    let memory = FlatMemory::new(Gpa::new(0), 0x30000);
    let mut dma = Dma::new();
    program(&mut dma, 0x44, 0x1_2345, 599);

    let first = dma.transfer(2, Direction::ToMemory, &memory, &mut [7; 512]);
    let second = dma.transfer(2, Direction::ToMemory, &memory, &mut [8; 512]);

    assert_eq!(first, Moved { bytes: 512, is_terminal: false });
    assert_eq!(second, Moved { bytes: 88, is_terminal: true });
    assert_eq!(read(&memory, 0x1_2345 + 510, 4), [7, 7, 8, 8]);
    assert_eq!(read(&memory, 0x1_2345 + 599, 2), [8, 0]);
    assert_eq!(dma.read(0x08), 0x04, "channel 2 has reached its count");
    assert_eq!(dma.read(0x08), 0x00);
    assert!(!dma.is_open(2), "it is masked now");
}

#[test]
fn a_channel_for_the_other_direction_or_masked_moves_nothing() {
    let memory = FlatMemory::new(Gpa::new(0), 0x30000);
    let mut dma = Dma::new();
    program(&mut dma, 0x48, 0x1_0000, 511);
    assert_eq!(dma.transfer(2, Direction::ToMemory, &memory, &mut [7; 512]), Moved::default());
    dma.write(0x0A, 0x06);

    assert_eq!(dma.transfer(2, Direction::FromMemory, &memory, &mut [7; 512]), Moved::default());
}

#[test]
fn addresses_wrap_within_their_page_and_may_go_down() {
    let memory = FlatMemory::new(Gpa::new(0), 0x30000);
    let mut dma = Dma::new();
    program(&mut dma, 0x44, 0x1_FFFE, 3);
    dma.transfer(2, Direction::ToMemory, &memory, &mut [1, 2, 3, 4]);
    assert_eq!((read(&memory, 0x1_FFFE, 2), read(&memory, 0x1_0000, 2)), (vec![1, 2], vec![3, 4]));

    program(&mut dma, 0x64, 0x1_0011, 1);
    dma.transfer(2, Direction::ToMemory, &memory, &mut [1, 2]);
    assert_eq!(read(&memory, 0x1_0010, 2), [2, 1]);
}

#[test]
fn an_automatic_channel_begins_anew() {
    let memory = FlatMemory::new(Gpa::new(0), 0x30000);
    let mut dma = Dma::new();
    program(&mut dma, 0x54, 0x1_0000, 1);

    assert!(dma.transfer(2, Direction::ToMemory, &memory, &mut [1, 2]).is_terminal);
    assert!(dma.transfer(2, Direction::ToMemory, &memory, &mut [3, 4]).is_terminal);

    assert_eq!(read(&memory, 0x1_0000, 2), [3, 4]);
}

#[test]
fn the_second_controller_moves_words() {
    let memory = FlatMemory::new(Gpa::new(0), 0x30000);
    let mut dma = Dma::new();
    for (port, value) in
        [(0xD8, 0), (0xD6, 0x45), (0xC4, 0x10), (0xC4, 0), (0x8B, 1), (0xC6, 1), (0xC6, 0), (0xD4, 1)]
    {
        dma.write(port, value);
    }

    let moved = dma.transfer(5, Direction::ToMemory, &memory, &mut [1, 2, 3, 4, 5, 6]);

    assert_eq!(moved, Moved { bytes: 4, is_terminal: true });
    assert_eq!(read(&memory, 0x20, 5), [1, 2, 3, 4, 0]);
}

#[test]
fn counts_are_read_back_by_halves() {
    let memory = FlatMemory::new(Gpa::new(0), 0x30000);
    let mut dma = Dma::new();
    program(&mut dma, 0x44, 0x1_0000, 0x3FF);
    dma.transfer(2, Direction::ToMemory, &memory, &mut [0; 0x101]);
    dma.write(0x0C, 0);

    assert_eq!([dma.read(0x04), dma.read(0x04), dma.read(0x05), dma.read(0x05)], [0x01, 0x01, 0xFE, 0x02]);
}

proptest! {
    #[test]
    fn no_programming_panics_and_a_restored_pair_is_the_saved_one(
        writes in prop::collection::vec((0u16..0x100, any::<u8>()), 0..100),
    ) {
        let memory = FlatMemory::new(Gpa::new(0), 0x1000);
        let mut dma = Dma::new();
        for (port, value) in writes {
            dma.write(port, value);
            dma.read(port ^ 1);
            let mut data = [value; 40];
            for channel in 0..9 {
                dma.transfer(channel, Direction::ToMemory, &memory, &mut data);
                dma.transfer(channel, Direction::FromMemory, &memory, &mut data);
            }
        }
        let mut twin = Dma::new();
        prop_assert_eq!(twin.restore(dma.save()), Ok(()));
        prop_assert_eq!(twin, dma);
    }
}
