//! What the GPU promises.

use super::{Gpu, RESOURCES_MAX};
use crate::{Size, frame};
use alloc::{vec, vec::Vec};
use proptest::prelude::*;
use spec::virtio_gpu::{
    ERROR_INVALID_PARAMETER, ERROR_INVALID_RESOURCE, ERROR_INVALID_SCANOUT, ERROR_OUT_OF_MEMORY,
    ERROR_UNSPECIFIED, FLAG_FENCE, FORMAT_B8G8R8X8, FORMAT_R8G8B8A8, GET_DISPLAY_INFO, GET_EDID, MOVE_CURSOR,
    OK_DISPLAY_INFO, OK_EDID, OK_NO_DATA, RESOURCE_ATTACH_BACKING, RESOURCE_CREATE_2D, RESOURCE_FLUSH,
    RESOURCE_UNREF, SET_SCANOUT, TRANSFER_TO_HOST_2D, UPDATE_CURSOR,
};
use vmm_bus::{Device, GuestMemory, GuestRange};
use vmm_virtio::testing::Bench;

const NATIVE: Size = Size { width: 1024, height: 768 };
/// Sides of the test's picture.
const SIDE: u32 = 16;

fn bench() -> Bench<Gpu> {
    Bench::new(Gpu::new(NATIVE), 2, 2)
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// Sends a command; returns the answer's kind and what follows its header.
fn ask(bench: &mut Bench<Gpu>, kind: u32, body: &[u32]) -> (u32, Vec<u8>) {
    let sent = words(&[&[kind, 0, 0, 0, 0, 0], body].concat());
    let (answers, written) = bench.request(0, &[&sent], &[1100]);
    let mut answer = answers[0].clone();
    answer.truncate(written as usize);
    (u32::from_le_bytes([answer[0], answer[1], answer[2], answer[3]]), answer[24..].to_vec())
}

fn tell(bench: &mut Bench<Gpu>, kind: u32, body: &[u32]) -> u32 {
    ask(bench, kind, body).0
}

/// A picture with memory in two pieces, which is shown.
fn shown(bench: &mut Bench<Gpu>) -> [GuestRange; 2] {
    let pieces = [bench.allocate(100 * 4), bench.allocate(u64::from(SIDE * SIDE - 100) * 4)];
    assert_eq!(tell(bench, RESOURCE_CREATE_2D, &[7, FORMAT_B8G8R8X8, SIDE, SIDE]), OK_NO_DATA);
    let list = pieces.map(|piece| [piece.start.raw() as u32, 0, piece.bytes as u32, 0]);
    let body = [&[7, 2][..], list.as_flattened()].concat();
    assert_eq!(tell(bench, RESOURCE_ATTACH_BACKING, &body), OK_NO_DATA);
    assert_eq!(tell(bench, SET_SCANOUT, &[0, 0, SIDE, SIDE, 0, 7]), OK_NO_DATA);
    pieces
}

fn picture(bench: &Bench<Gpu>) -> Vec<Vec<u32>> {
    let mut frame = bench.pci.device().frame().expect("something is shown");
    let size = frame.size();
    (0..size.height)
        .map(|y| {
            let mut line = vec![0; size.width as usize];
            frame.line(y, &mut line);
            line
        })
        .collect()
}

#[test]
fn the_screen_says_its_size() {
    let mut bench = bench();

    let (kind, info) = ask(&mut bench, GET_DISPLAY_INFO, &[]);
    assert_eq!((kind, info.len()), (OK_DISPLAY_INFO, 16 * 24));
    assert_eq!(info[..24], words(&[0, 0, 1024, 768, 1, 0]));
    let (kind, edid) = ask(&mut bench, GET_EDID, &[0, 0]);
    assert_eq!((kind, edid.len(), edid[0]), (OK_EDID, 8 + 1024, 128));
    assert_eq!(tell(&mut bench, GET_EDID, &[1, 0]), ERROR_INVALID_SCANOUT);
}

#[test]
fn what_is_transferred_is_shown() {
    let mut bench = bench();
    let pieces = shown(&mut bench);
    let pixels: Vec<u32> = (0..SIDE * SIDE).map(|index| 0xFF00_0000 | (index * 0x010203)).collect();
    let bytes = words(&pixels);
    assert_eq!(bench.memory.write(pieces[0].start, &bytes[..400]), Ok(()));
    assert_eq!(bench.memory.write(pieces[1].start, &bytes[400..]), Ok(()));

    let part = [2, 3, 8, 9, (3 * SIDE + 2) * 4, 0, 7, 0];
    assert_eq!(tell(&mut bench, TRANSFER_TO_HOST_2D, &part), OK_NO_DATA);
    assert_eq!(tell(&mut bench, RESOURCE_FLUSH, &[2, 3, 8, 9, 7, 0]), OK_NO_DATA);

    for (y, line) in (0..).zip(picture(&bench)) {
        for (x, pixel) in (0..).zip(line) {
            let is_inside = (2..10).contains(&x) && (3..12).contains(&y);
            let expected = if is_inside { (y * SIDE + x) * 0x010203 } else { 0 };
            assert_eq!(pixel, expected, "{x} {y}");
        }
    }
    assert_eq!(tell(&mut bench, TRANSFER_TO_HOST_2D, &[0, 0, SIDE, SIDE, 0, 0, 7, 0]), OK_NO_DATA);
    assert_eq!(picture(&bench).concat(), pixels.iter().map(|pixel| pixel & 0xFF_FFFF).collect::<Vec<_>>());
}

#[test]
fn a_picture_that_is_not_there_is_refused() {
    let mut bench = bench();
    shown(&mut bench);

    assert_eq!(tell(&mut bench, RESOURCE_CREATE_2D, &[7, FORMAT_B8G8R8X8, 1, 1]), ERROR_INVALID_RESOURCE);
    assert_eq!(tell(&mut bench, RESOURCE_CREATE_2D, &[0, FORMAT_B8G8R8X8, 1, 1]), ERROR_INVALID_RESOURCE);
    assert_eq!(tell(&mut bench, RESOURCE_CREATE_2D, &[8, 999, 1, 1]), ERROR_INVALID_PARAMETER);
    assert_eq!(tell(&mut bench, RESOURCE_CREATE_2D, &[8, FORMAT_B8G8R8X8, 0, 1]), ERROR_INVALID_PARAMETER);
    assert_eq!(tell(&mut bench, SET_SCANOUT, &[0, 0, 1, 1, 0, 9]), ERROR_INVALID_RESOURCE);
    assert_eq!(tell(&mut bench, SET_SCANOUT, &[0, 0, 1, 1, 1, 7]), ERROR_INVALID_SCANOUT);
    assert_eq!(tell(&mut bench, SET_SCANOUT, &[1, 0, SIDE, SIDE, 0, 7]), ERROR_INVALID_PARAMETER);
    assert_eq!(tell(&mut bench, RESOURCE_FLUSH, &[u32::MAX, 0, 2, 1, 7, 0]), ERROR_INVALID_PARAMETER);
    let too_far = [0, 0, SIDE, SIDE, 4, 0, 7, 0];
    assert_eq!(tell(&mut bench, TRANSFER_TO_HOST_2D, &too_far), ERROR_INVALID_PARAMETER);
    assert_eq!(tell(&mut bench, 0x0108, &[0, 0]), ERROR_UNSPECIFIED);
    assert_eq!(tell(&mut bench, RESOURCE_UNREF, &[]), ERROR_UNSPECIFIED);
}

#[test]
fn pictures_are_bounded_in_number_and_bytes() {
    let mut bench = bench();

    // 32 MiB.
    for id in 1..=2 {
        assert_eq!(tell(&mut bench, RESOURCE_CREATE_2D, &[id, FORMAT_B8G8R8X8, 2048, 2048]), OK_NO_DATA);
    }
    assert_eq!(tell(&mut bench, RESOURCE_CREATE_2D, &[3, FORMAT_B8G8R8X8, 1, 1]), ERROR_OUT_OF_MEMORY);
    assert_eq!(tell(&mut bench, RESOURCE_UNREF, &[1, 0]), OK_NO_DATA);
    let mut bench = self::bench();
    for id in 1..=RESOURCES_MAX as u32 {
        let sent = words(&[RESOURCE_CREATE_2D, 0, 0, 0, 0, 0, id, FORMAT_B8G8R8X8, 1, 1]);
        bench.request(0, &[&sent], &[24]);
    }
    let next = [RESOURCES_MAX as u32 + 1, FORMAT_B8G8R8X8, 1, 1];
    assert_eq!(tell(&mut bench, RESOURCE_CREATE_2D, &next), ERROR_OUT_OF_MEMORY);
}

#[test]
fn a_picture_that_goes_away_is_not_shown_any_more() {
    let mut bench = bench();
    shown(&mut bench);

    assert_eq!(tell(&mut bench, RESOURCE_UNREF, &[7, 0]), OK_NO_DATA);

    assert!(bench.pci.device().frame().is_none());
}

#[test]
fn fences_come_back() {
    let mut bench = bench();
    let sent = words(&[GET_DISPLAY_INFO, FLAG_FENCE, 5, 6, 3, 0]);

    let (answers, _) = bench.request(0, &[&sent], &[24]);

    assert_eq!(answers[0], words(&[OK_DISPLAY_INFO, FLAG_FENCE, 5, 6, 3, 0]));
}

#[test]
fn the_cursor_is_drawn_above_the_picture_with_its_hot_spot() {
    let mut bench = bench();
    shown(&mut bench);
    let piece = bench.allocate(16);
    // Red, opaque; then half transparent; then clear.
    let bytes = [0xFF, 0, 0, 0xFF, 0xFF, 0, 0, 0x80, 0xFF, 0, 0, 0, 0xFF, 0, 0, 0xFF];
    assert_eq!(bench.memory.write(piece.start, &bytes), Ok(()));
    assert_eq!(tell(&mut bench, RESOURCE_CREATE_2D, &[9, FORMAT_R8G8B8A8, 2, 2]), OK_NO_DATA);
    let list = [9, 1, piece.start.raw() as u32, 0, 16, 0];
    assert_eq!(tell(&mut bench, RESOURCE_ATTACH_BACKING, &list), OK_NO_DATA);
    assert_eq!(tell(&mut bench, TRANSFER_TO_HOST_2D, &[0, 0, 2, 2, 0, 0, 9, 0]), OK_NO_DATA);

    let update = words(&[UPDATE_CURSOR, 0, 0, 0, 0, 0, 0, 5, 5, 0, 9, 1, 1, 0]);
    bench.request(1, &[&update], &[]);
    let lines = picture(&bench);
    assert_eq!(lines[4][3..7], [0, 0x00FF_0000, 0x0080_0000, 0]);
    assert_eq!(lines[5][3..7], [0, 0, 0x00FF_0000, 0]);

    let moved = words(&[MOVE_CURSOR, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 1, 1, 0]);
    bench.request(1, &[&moved], &[]);
    assert_eq!(picture(&bench)[0][..2], [0x00FF_0000, 0], "only its lower right pixel is left");
}

#[test]
fn a_restored_gpu_shows_the_same_and_goes_on() {
    let mut bench = bench();
    let pieces = shown(&mut bench);
    assert_eq!(bench.memory.write(pieces[0].start, &[0x5A; 400]), Ok(()));
    assert_eq!(tell(&mut bench, TRANSFER_TO_HOST_2D, &[0, 0, SIDE, 4, 0, 0, 7, 0]), OK_NO_DATA);
    let saved = bench.pci.save();
    let before = picture(&bench);

    let mut twin = Bench::untouched(Gpu::new(NATIVE));
    assert_eq!(twin.pci.restore(saved.as_saved()), Ok(()));

    assert_eq!(twin.pci.save(), saved);
    assert_eq!(picture(&twin), before);
    for position in 0..saved.bytes().len() {
        let mut bytes = saved.bytes().to_vec();
        bytes[position] ^= 0x81;
        let mut other = Bench::untouched(Gpu::new(NATIVE));
        let saved = vmm_snapshot::Saved { version: saved.version(), bytes: &bytes };
        if other.pci.restore(saved).is_ok()
            && let Some(frame) = other.pci.device().frame()
        {
            assert!(frame.size().width <= frame::WIDTH_MAX);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_commands_break_the_device(
        commands in prop::collection::vec(
            (prop_oneof![0x100u32..0x10B, 0x300u32..0x302, any::<u32>()],
             prop::collection::vec(prop_oneof![0u32..8, 0u32..80, any::<u32>()], 0..14)),
            1..30,
        ),
    ) {
        let mut bench = bench();
        for (kind, body) in commands {
            let sent = words(&[&[kind, 0, 0, 0, 0, 0], &body[..]].concat());
            let queue = u16::from(kind >= 0x300);
            bench.add(queue, &[&sent], &[1100]);
            bench.notify(queue);
            if bench.pci.fault().is_some() {
                break;
            }
            while bench.queues[usize::from(queue)].take_used(&bench.memory).is_some() {}
            if let Some(mut frame) = bench.pci.device().frame() {
                let mut line = vec![0; frame.size().width as usize];
                frame.line(0, &mut line);
            }
        }
        let saved = bench.pci.save();
        let mut twin = Bench::untouched(Gpu::new(NATIVE));
        prop_assert_eq!(twin.pci.restore(saved.as_saved()), Ok(()));
        prop_assert_eq!(twin.pci.save(), saved);
    }
}
