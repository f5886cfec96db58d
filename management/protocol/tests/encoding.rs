//! Claims about the size and robustness of the messages.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use management_protocol::{Notice, Question, Reply, StartMessage, VM_LINES_MAX, VmConsole, VmLine, VmState};
use proptest::prelude::*;

/// The kernel's limit of one channel message.
const MESSAGE_BYTES_MAX: usize = 16 * 1024;

#[test]
fn a_full_vm_table_fits_one_message() {
    let line = VmLine {
        name: "x".repeat(32),
        state: VmState::Failed,
        vcpus: u32::MAX,
        memory_bytes: u64::MAX,
        used_bytes: u64::MAX,
        kernel_bytes: u64::MAX,
        cpu_ns: u64::MAX,
        wait_ns: u64::MAX,
        restarts: u32::MAX,
        outcome: "x".repeat(160),
    };
    let reply = Reply::Vms { total: u32::MAX, lines: vec![line; VM_LINES_MAX] };

    let bytes = postcard::to_allocvec(&Notice::Answer { id: u32::MAX, reply }).unwrap();

    assert!(bytes.len() <= MESSAGE_BYTES_MAX, "{}", bytes.len());
}

#[test]
fn a_start_message_for_256_vms_fits_one_message() {
    let vms = vec![VmConsole { name: "x".repeat(32), is_host: false }; 256];
    let start = StartMessage {
        has_log: true,
        serial: None,
        screen: None,
        keyboard: None,
        vms,
        banner: "x".repeat(100),
    };

    assert!(postcard::to_allocvec(&start).unwrap().len() <= MESSAGE_BYTES_MAX);
}

proptest! {
    #[test]
    fn no_bytes_panic_the_decoders(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = postcard::from_bytes::<Question>(&bytes);
        let _ = postcard::from_bytes::<Notice>(&bytes);
        let _ = postcard::from_bytes::<StartMessage>(&bytes);
    }
}
