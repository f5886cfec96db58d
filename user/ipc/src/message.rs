//! Values to bytes of a channel message and back, in the postcard format.

use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// The value does not fit the buffer; the sender is at fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EncodeError;

/// The bytes are not one value of the type; the peer is at fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DecodeError {
    /// They do not decode.
    Malformed,
    /// They decode, but more bytes follow.
    TrailingBytes,
}

/// Encodes a value into `buffer` and returns the part that it takes.
pub fn encode<'a>(value: &impl Serialize, buffer: &'a mut [u8]) -> Result<&'a [u8], EncodeError> {
    postcard::to_slice(value, buffer).map(|used| &*used).map_err(|_| EncodeError)
}

/// Encodes a value of at most `limit` bytes into a new buffer.
pub fn encode_to_vec(value: &impl Serialize, limit: usize) -> Result<Vec<u8>, EncodeError> {
    let bytes = postcard::to_allocvec(value).map_err(|_| EncodeError)?;
    if bytes.len() > limit { Err(EncodeError) } else { Ok(bytes) }
}

/// Decodes exactly one value. Memory that a decoded collection takes is bounded by the length of `bytes`
/// (serde reserves no more than it has seen elements for), and so by the size of a message.
pub fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, DecodeError> {
    let (value, rest) = postcard::take_from_bytes(bytes).map_err(|_| DecodeError::Malformed)?;
    if rest.is_empty() { Ok(value) } else { Err(DecodeError::TrailingBytes) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;
    use proptest::prelude::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Sample {
        Nothing,
        Number(u64),
        Text { name: String, parts: Vec<Option<u32>> },
    }

    #[test]
    fn a_value_that_does_not_fit_is_refused() {
        let value = Sample::Text { name: String::from("demo"), parts: Vec::new() };

        assert_eq!(encode(&value, &mut [0; 4]), Err(EncodeError));
        assert_eq!(encode_to_vec(&value, 4), Err(EncodeError));
    }

    #[test]
    fn bytes_behind_the_value_are_refused() {
        assert_eq!(decode::<Sample>(&[0]), Ok(Sample::Nothing));
        assert_eq!(decode::<Sample>(&[0, 0]), Err(DecodeError::TrailingBytes));
        assert_eq!(decode::<Sample>(&[9]), Err(DecodeError::Malformed));
        assert_eq!(decode::<Sample>(&[]), Err(DecodeError::Malformed));
    }

    #[test]
    fn a_length_that_the_bytes_do_not_back_is_refused() {
        assert_eq!(decode::<Vec<u64>>(&[0xff, 0xff, 0xff, 0xff, 0x0f]), Err(DecodeError::Malformed));
        assert_eq!(
            decode::<String>(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]),
            Err(DecodeError::Malformed)
        );
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(name in ".{0,40}", parts in proptest::collection::vec(any::<Option<u32>>(), 0..20)) {
            let value = Sample::Text { name, parts };
            let mut buffer = [0; 512];

            let bytes = encode(&value, &mut buffer).expect("it fits");

            prop_assert_eq!(decode::<Sample>(bytes), Ok(value));
        }

        #[test]
        fn foreign_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode::<Sample>(&bytes);
        }
    }
}
