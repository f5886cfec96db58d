//! The instruction decoder against another one.

use iced_x86::{Decoder, DecoderOptions};
use vmm_x86emu::{INSTRUCTION_BYTES_MAX, Mode, decode};

/// Decodes the bytes in all modes. What we know, iced knows, and it agrees about the length.
pub fn run(data: &[u8]) {
    let bytes = data.get(..INSTRUCTION_BYTES_MAX).unwrap_or(data);
    for (mode, bits) in [(Mode::Bits16, 16), (Mode::Bits32, 32), (Mode::Bits64, 64)] {
        let Some(ours) = decode(bytes, mode) else { continue };
        let length = usize::from(ours.length);
        assert!((1..=bytes.len()).contains(&length), "an instruction of {length} bytes");
        let theirs = Decoder::new(bits, bytes, DecoderOptions::NONE).decode();
        assert!(!theirs.is_invalid(), "{bits} bits: {ours:?} is no instruction");
        assert_eq!(theirs.len(), length, "{bits} bits: {ours:?} is {:?}", theirs.code());
        assert_eq!(decode(&bytes[..length], mode), Some(ours), "the bytes behind it matter");
        assert_eq!(decode(&bytes[..length - 1], mode), None, "its last byte does not matter");
    }
}
