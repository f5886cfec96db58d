//! Guest memory over mapped pages: the only VMM crate with unsafe.
