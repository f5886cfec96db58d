//! The bundle inside of this program.

/// Bytes at the start of a page, so that the bundle can be used in place.
#[repr(C, align(4096))]
struct Paged<Bytes: ?Sized>(Bytes);

static BUNDLE: &Paged<[u8]> = &Paged(*include_bytes!(env!("CORTEN_BUNDLE_FILE")));

/// The bundle. Starts on a page; empty if the program was built without one.
pub(crate) fn bundle() -> &'static [u8] {
    &BUNDLE.0
}
