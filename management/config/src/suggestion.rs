//! Which known word somebody may have meant.

/// Longest word that is compared; longer ones get no suggestion.
const WORD_BYTES_MAX: usize = 32;
/// Letters that may differ.
const DISTANCE_MAX: usize = 2;

/// The known word nearest to `word`, if one is near enough to be a slip of the fingers.
pub(crate) fn nearest(word: &str, known: &[&'static str]) -> Option<&'static str> {
    known
        .iter()
        .map(|candidate| (distance(word, candidate), *candidate))
        .filter(|(distance, candidate)| *distance <= DISTANCE_MAX && *distance < candidate.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance in bytes, with one row of state.
fn distance(left: &str, right: &str) -> usize {
    if left.len() > WORD_BYTES_MAX || right.len() > WORD_BYTES_MAX {
        return usize::MAX;
    }
    let mut row = [0usize; WORD_BYTES_MAX + 1];
    for (index, cell) in row.iter_mut().enumerate() {
        *cell = index;
    }
    for (above, left_byte) in left.bytes().enumerate() {
        let mut diagonal = above;
        let mut previous = above + 1;
        if let Some(first) = row.first_mut() {
            *first = previous;
        }
        for (cell, right_byte) in row.iter_mut().skip(1).zip(right.bytes()) {
            let substitution = diagonal + usize::from(left_byte != right_byte);
            diagonal = *cell;
            previous = substitution.min(diagonal + 1).min(previous + 1);
            *cell = previous;
        }
    }
    row.get(right.len()).copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_word_and_a_stranger_does_not() {
        assert_eq!(nearest("vcpu", &["memory", "vcpus"]), Some("vcpus"));
        assert_eq!(nearest("mmeory", &["memory", "vcpus"]), Some("memory"));
        assert_eq!(nearest("network", &["memory", "vcpus"]), None);
        assert_eq!(nearest("", &["a"]), None);
    }

    #[test]
    fn distances_are_levenshteins() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("same", "same"), 0);
    }
}
