//! What tells the spaces of processes and guests apart.

use crate::memory::Permissions;
use base_units::{Gpa, Uva};
use core::fmt::Debug;
use core::ops::Range;

/// The first address that a process may use: a null pointer with a small offset hits nothing.
pub const USER_START: u64 = 0x1_0000;
/// The first address after those that a process may use. The last page below the canonical hole stays
/// unmapped: SYSCALL at its end would return to a non-canonical address (Intel SDM vol. 2, SYSRET).
pub const USER_END: u64 = 0x7fff_ffff_f000;
/// The first address after those that a guest may have: what four levels of tables translate.
pub const GUEST_END: u64 = super::table::ADDRESS_END;

/// Where the kernel puts mappings whose place it may choose: above what programs are linked at.
const CHOICE_START: u64 = 0x1_0000_0000;

/// Whose addresses a space has.
pub trait Kind: Send + Sync + 'static {
    /// An address.
    type Address: Copy + Debug;
    /// Addresses that can be mapped.
    const RANGE: Range<u64>;
    /// Where a mapping goes that did not ask for a place.
    const CHOICE: Range<u64>;

    /// The address as a number.
    fn raw(address: Self::Address) -> u64;
    /// A number as an address.
    fn address(raw: u64) -> Self::Address;
    /// Whether a mapping may allow this.
    fn permits(permissions: Permissions) -> bool;
}

/// Ring 3 of a process.
#[derive(Debug)]
pub struct ProcessKind;

impl Kind for ProcessKind {
    type Address = Uva;
    const RANGE: Range<u64> = USER_START..USER_END;
    const CHOICE: Range<u64> = CHOICE_START..USER_END;

    fn raw(address: Uva) -> u64 {
        address.raw()
    }

    fn address(raw: u64) -> Uva {
        Uva::new(raw)
    }

    /// No page is both writable and executable.
    fn permits(permissions: Permissions) -> bool {
        !(permissions.write && permissions.execute)
    }
}

/// Physical addresses of a guest.
#[derive(Debug)]
pub struct GuestKind;

impl Kind for GuestKind {
    type Address = Gpa;
    const RANGE: Range<u64> = 0..GUEST_END;
    const CHOICE: Range<u64> = 0..GUEST_END;

    fn raw(address: Gpa) -> u64 {
        address.raw()
    }

    fn address(raw: u64) -> Gpa {
        Gpa::new(raw)
    }

    fn permits(_permissions: Permissions) -> bool {
        true
    }
}
