//! What the disk promises.

use super::{Block, BlockConfig, ID_BYTES};
use alloc::{vec, vec::Vec};
use proptest::prelude::*;
use spec::virtio::{FEATURE_EVENT_INDEX, FEATURE_INDIRECT, FEATURE_PACKED};
use vmm_bus::{AccessSize, ByteVolume, Device, volume::Access};
use vmm_virtio::{Fault, VirtioDevice, testing::Bench};

const SECTORS: u64 = 16;
const ALL: u64 = FEATURE_PACKED | FEATURE_INDIRECT | FEATURE_EVENT_INDEX;
const DEVICE: u64 = 0x2000;

type Disk = Block<ByteVolume<Vec<u8>>>;

fn disk(access: Access, queues: u16) -> Disk {
    let mut id = [0; ID_BYTES];
    id[..4].copy_from_slice(b"disk");
    let content = (0..SECTORS as usize * 512 + 100).map(|index| (index / 512) as u8).collect();
    Block::new(BlockConfig { access, id, queues }, ByteVolume::new(content))
}

fn bench(features: u64) -> Bench<Disk> {
    Bench::new(disk(Access::ReadWrite, 1), features, 1)
}

fn header(kind: u32, sector: u64) -> [u8; 16] {
    (u128::from(kind) | u128::from(sector) << 64).to_le_bytes()
}

fn range(sector: u64, sectors: u32, flags: u32) -> [u8; 16] {
    (u128::from(sector) | u128::from(sectors) << 64 | u128::from(flags) << 96).to_le_bytes()
}

fn status(answer: &(Vec<Vec<u8>>, u32)) -> u8 {
    answer.0.last().and_then(|part| part.last()).copied().unwrap_or(0xFF)
}

#[test]
fn the_configuration_says_what_the_disk_is() {
    let mut bench = Bench::untouched(disk(Access::ReadWrite, 4));

    assert_eq!(bench.read(DEVICE, AccessSize::Qword), SECTORS, "a rest below a sector is not shown");
    assert_eq!(bench.read(DEVICE + 12, AccessSize::Dword), 254);
    assert_eq!(bench.read(DEVICE + 20, AccessSize::Dword), 512);
    assert_eq!(bench.read(DEVICE + 34, AccessSize::Word), 4);
    assert_eq!(bench.pci.device().queues().len(), 4);
}

#[test]
fn a_read_gets_the_sectors_across_its_buffers() {
    for features in [0, ALL] {
        let mut bench = bench(features);

        let answer = bench.request(0, &[&header(0, 2)], &[512, 512, 1]);

        assert_eq!(answer.0, vec![vec![2; 512], vec![3; 512], vec![0]]);
        assert_eq!(answer.1, 1025);
    }
}

#[test]
fn a_header_split_over_buffers_and_a_status_that_shares_one_are_understood() {
    let mut bench = bench(0);
    let header = header(0, 5);

    let answer = bench.request(0, &[&header[..3], &header[3..]], &[513]);

    let mut expected = vec![5; 512];
    expected.push(0);
    assert_eq!(answer.0, vec![expected]);
}

#[test]
fn what_is_written_is_read_back() {
    let mut bench = bench(ALL);
    let data = [0xAB; 1024];

    let written = bench.request(0, &[&header(1, 14), &data], &[1]);
    let flushed = bench.request(0, &[&header(4, 0)], &[1]);
    let answer = bench.request(0, &[&header(0, 13)], &[1536, 1]);

    assert_eq!((status(&written), written.1, status(&flushed)), (0, 1, 0));
    assert!(answer.0[0][..512].iter().all(|byte| *byte == 13));
    assert!(answer.0[0][512..].iter().all(|byte| *byte == 0xAB));
}

#[test]
fn accesses_past_the_last_sector_or_of_half_sectors_fail() {
    let mut bench = bench(0);

    for (request, room) in
        [(header(0, 16), 512), (header(0, 15), 1024), (header(0, u64::MAX), 512), (header(0, 0), 100)]
    {
        assert_eq!(status(&bench.request(0, &[&request], &[room, 1])), 1);
    }
    assert_eq!(status(&bench.request(0, &[&header(1, 15), &[0; 1024]], &[1])), 1);
    assert_eq!(bench.pci.fault(), None);
}

#[test]
fn a_read_only_disk_refuses_every_change() {
    let mut bench = Bench::new(disk(Access::ReadOnly, 1), 0, 1);
    assert_eq!(bench.pci.device().features() & 1 << 5, 1 << 5);

    for kind in [1, 11, 13] {
        assert_eq!(status(&bench.request(0, &[&header(kind, 0), &range(0, 1, 0)], &[1])), 1);
    }
    assert_eq!(status(&bench.request(0, &[&header(0, 0)], &[512, 1])), 0);
}

#[test]
fn the_id_is_zero_padded_and_cut_to_the_room() {
    let mut bench = bench(0);

    let whole = bench.request(0, &[&header(8, 0)], &[20, 1]);
    let part = bench.request(0, &[&header(8, 0)], &[2, 1]);

    assert_eq!(whole.0[0], b"disk\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
    assert_eq!((part.0[0].as_slice(), status(&part)), (&b"di"[..], 0));
}

#[test]
fn zeros_are_written_to_each_range() {
    let mut bench = bench(0);

    let zeroed = bench.request(0, &[&header(13, 0), &range(3, 2, 1), &range(7, 1, 0)], &[1]);
    let answer = bench.request(0, &[&header(0, 2)], &[512 * 6, 1]);

    assert_eq!(status(&zeroed), 0);
    let firsts: Vec<u8> = answer.0[0].chunks(512).map(|sector| sector[0]).collect();
    assert_eq!(firsts, vec![2, 0, 0, 5, 6, 0]);
}

#[test]
fn bad_ranges_and_flags_are_refused() {
    let mut bench = bench(0);

    assert_eq!(status(&bench.request(0, &[&header(11, 0), &range(0, 1, 0)], &[1])), 0);
    assert_eq!(status(&bench.request(0, &[&header(11, 0), &range(0, 1, 1)], &[1])), 2, "unmap in a discard");
    assert_eq!(status(&bench.request(0, &[&header(13, 0), &range(0, 1, 2)], &[1])), 2, "a reserved flag");
    assert_eq!(status(&bench.request(0, &[&header(13, 0), &range(15, 2, 0)], &[1])), 1);
    assert_eq!(status(&bench.request(0, &[&header(13, 0), &range(0, 1, 0)[..9]], &[1])), 1);
    assert_eq!(status(&bench.request(0, &[&header(99, 0)], &[1])), 2);
}

#[test]
fn a_request_without_header_or_status_breaks_the_device() {
    for (sent, room) in [(&b"short"[..], 1), (&header(0, 0)[..], 0)] {
        let mut bench = bench(0);
        bench.add(0, &[sent], &[room][..usize::from(room > 0)]);

        bench.notify(0);

        assert_eq!(bench.pci.fault(), Some(Fault::BadRequest));
    }
}

#[test]
fn a_saved_disk_is_restored_only_over_one_of_the_same_size() {
    let saved = Bench::untouched(disk(Access::ReadWrite, 1)).pci.save();

    assert_eq!(Bench::untouched(disk(Access::ReadWrite, 1)).pci.restore(saved.as_saved()), Ok(()));
    assert!(Bench::untouched(disk(Access::ReadOnly, 1)).pci.restore(saved.as_saved()).is_err());
    let config = BlockConfig { access: Access::ReadWrite, id: [0; ID_BYTES], queues: 1 };
    let smaller = Block::new(config, ByteVolume::new(vec![0u8; 512]));
    assert!(Bench::untouched(smaller).pci.restore(saved.as_saved()).is_err());
}

proptest! {
    #[test]
    fn the_disk_holds_what_a_model_holds(
        features in prop_oneof![Just(0), Just(FEATURE_PACKED), Just(ALL)],
        steps in prop::collection::vec((0u8..3, 0u64..18, 1usize..4, any::<u8>()), 1..40),
    ) {
        let mut bench = bench(features);
        let mut model: Vec<u8> = (0..SECTORS as usize * 512).map(|index| (index / 512) as u8).collect();
        for (kind, sector, sectors, value) in steps {
            let place = sector as usize * 512..(sector as usize + sectors) * 512;
            let fits = place.end <= model.len();
            let data = vec![value; sectors * 512];
            let answer = match kind {
                0 => bench.request(0, &[&header(0, sector)], &[data.len() as u64, 1]),
                1 => bench.request(0, &[&header(1, sector), &data], &[1]),
                _ => bench.request(0, &[&header(13, 0), &range(sector, sectors as u32, 0)], &[1]),
            };
            prop_assert_eq!(status(&answer), u8::from(!fits));
            match kind {
                0 if fits => prop_assert_eq!(&answer.0[0], &model[place]),
                1 if fits => model[place].fill(value),
                2 if fits => model[place].fill(0),
                _ => {}
            }
        }
    }
}
