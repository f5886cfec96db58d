//! The range table against a plain list.

use crate::range_table::{RangeError, RangeTable};
use alloc::{vec, vec::Vec};
use proptest::prelude::*;

#[test]
fn a_range_may_end_with_the_address_space() {
    let mut table = RangeTable::new();

    assert_eq!(table.insert(u64::MAX - 1, 2, 'a'), Ok(()));
    assert_eq!(table.insert(u64::MAX, 2, 'b'), Err(RangeError::Invalid));
    assert_eq!(table.insert(5, 0, 'b'), Err(RangeError::Invalid));

    assert_eq!(table.find(u64::MAX), Some(('a', 1)));
    assert_eq!(table.find(0), None);
}

proptest! {
    #[test]
    fn it_answers_as_a_list_that_is_searched_from_the_start(
        ranges in prop::collection::vec((0u64..100, 0u64..12), 0..40),
        removed in 0usize..40,
    ) {
        let mut table = RangeTable::new();
        let mut model: Vec<(u64, u64, usize)> = vec![];
        for (target, (start, bytes)) in ranges.into_iter().enumerate() {
            let overlaps = model.iter().any(|(other, length, _)| start < other + length && *other < start + bytes);
            let expected = if bytes == 0 { Err(RangeError::Invalid) } else if overlaps { Err(RangeError::Overlap) } else { Ok(()) };
            prop_assert_eq!(table.insert(start, bytes, target), expected);
            if expected.is_ok() {
                model.push((start, bytes, target));
            }
        }
        table.retain(|target| target != removed);
        model.retain(|(_, _, target)| *target != removed);
        for address in 0..120 {
            let expected = model.iter().find(|(start, bytes, _)| (*start..start + bytes).contains(&address));
            prop_assert!(!table.is_known_gap(address) || expected.is_none());
            prop_assert_eq!(table.find(address), expected.map(|(start, _, target)| (*target, address - start)));
            prop_assert_eq!(table.is_known_gap(address), expected.is_none());
        }
    }
}
