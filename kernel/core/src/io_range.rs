//! Ranges of x86 I/O ports.

use abi::Error;

/// The right to drive the ports `first..first + count`.
#[derive(Debug)]
pub struct IoRange {
    first: u16,
    count: u16,
}

impl IoRange {
    /// The range, if it is not empty and ends within the 65,536 ports.
    pub fn new(first: u64, count: u64) -> Option<Self> {
        let end = first.checked_add(count)?;
        if count == 0 || end > 0x1_0000 {
            return None;
        }
        Some(Self { first: u16::try_from(first).ok()?, count: u16::try_from(count).ok()? })
    }

    /// First port.
    pub fn first(&self) -> u16 {
        self.first
    }

    /// Number of ports.
    pub fn count(&self) -> u16 {
        self.count
    }

    /// The port of an access of `size` bytes at `port`, if all of it lies in the range.
    ///
    /// # Errors
    /// `BadArgument` for a size that is not 1, 2 or 4; `OutOfRange`.
    pub fn check(&self, port: u64, size: u64) -> Result<(u16, u8), Error> {
        let size_byte = match size {
            1 | 2 | 4 => size as u8,
            _ => return Err(Error::BadArgument),
        };
        let first = u64::from(self.first);
        let end = port.checked_add(size).ok_or(Error::OutOfRange)?;
        if port < first || end > first + u64::from(self.count) {
            return Err(Error::OutOfRange);
        }
        Ok((u16::try_from(port).map_err(|_| Error::OutOfRange)?, size_byte))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_access_must_lie_wholly_in_the_range() {
        let range = IoRange::new(0x3f8, 8).unwrap();

        assert_eq!(range.check(0x3f8, 1), Ok((0x3f8, 1)));
        assert_eq!(range.check(0x3fc, 4), Ok((0x3fc, 4)));
        assert_eq!(range.check(0x3fe, 4), Err(Error::OutOfRange));
        assert_eq!(range.check(0x3f7, 1), Err(Error::OutOfRange));
        assert_eq!(range.check(u64::MAX, 4), Err(Error::OutOfRange));
        assert_eq!(range.check(0x3f8, 3), Err(Error::BadArgument));
    }

    #[test]
    fn ranges_past_the_last_port_do_not_exist() {
        assert!(IoRange::new(0xffff, 1).is_some());
        assert!(IoRange::new(0xffff, 2).is_none());
        assert!(IoRange::new(0, 0).is_none());
        assert!(IoRange::new(u64::MAX, 1).is_none());
    }
}
