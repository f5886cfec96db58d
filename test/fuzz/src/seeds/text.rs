//! What people type, and messages.

use super::{Seed, behind, seed};
use management_protocol::{
    Memory, MemoryUser, Notice, Question, Reply, Request, Statistics, VmLine, VmState,
};
use serde::Serialize;
use vmm_protocol::{
    Boot, DiskBus, DiskConfig, KernelBoot, MachineConfig, Report, StartMessage, VmStatistics,
};

pub(super) fn vm_file() -> Vec<Seed> {
    let example = r#"when_all_stopped = "poweroff"
[[vm]]
name = "demo"
vcpus = 2
memory = "256M"
kernel = "vmlinuz"
initrd = "initrd.img"
cmdline = "console=ttyS0"
disks = [ { file = "disk.img", read_only = false } ]
console = "host"
restart = "never"
start = true
weight = 100
cap = 200
reservation = 50
cpus = [0, 1]
"#;
    let short =
        "[[vm]]\nname = 'a'\nmemory = '2M'\nkernel = 'k'\n[[vm]]\nname = 'b'\nmemory = '4T'\nkernel = 'k'\n";
    vec![seed("example", example), seed("two", short), seed("unknown_key", "[[vm]]\nmemroy = 1\n")]
}

pub(super) fn system_manifest() -> Vec<Seed> {
    vec![seed("shipped", include_str!("../../../../system.toml"))]
}

pub(super) fn keyboard() -> Vec<Seed> {
    // h, shift+i, Enter, cursor up, Ctrl-C; then the same letters in set 2.
    let first = [
        0x23, 0xA3, 0x2A, 0x17, 0x97, 0xAA, 0x1C, 0x9C, 0xE0, 0x48, 0xE0, 0xC8, 0x1D, 0x2E, 0xAE, 0x9D, 0x0F,
    ];
    let second = [0x33, 0xF0, 0x33, 0x12, 0x43, 0xF0, 0x43, 0xF0, 0x12, 0x5A, 0xF0, 0x5A, 0xE0, 0x75, 0x0D];
    vec![behind("set_1", &[0], &first), behind("set_2", &[1], &second)]
}

pub(super) fn terminal() -> Vec<Seed> {
    let boot = b"\x1b[2J\x1b[H\x1b[1;31mLinux\x1b[0m version 6\r\n[    0.000000] ok\r\n\x1b[5;10Hhere\x1b[K\tx\x1b7\x1b[9A\x1b8";
    vec![
        behind("boot", &[80, 25], boot),
        behind("narrow", &[3, 2], b"a long line that wraps\x1b[1J\x1b[99C!"),
    ]
}

pub(super) fn console() -> Vec<Seed> {
    let typed = |session: u8, text: &str| [&[session, text.len() as u8], text.as_bytes()].concat();
    let told = |notice: &Notice| {
        let bytes = encoded(notice);
        [&[9, bytes.len() as u8], bytes.as_slice()].concat()
    };
    let table = Reply::Vms { total: 1, lines: vec![vm_line()] };
    let commands = [
        typed(2, "vms\r"),
        told(&Notice::Answer { id: 1, reply: table }),
        typed(2, "stats\r"),
        told(&Notice::Answer { id: 2, reply: Reply::Statistics(Statistics::default()) }),
        typed(2, "log 5\r"),
        typed(8, "a line\n"),
        typed(2, "start demo\r"),
        told(&Notice::Answer { id: 3, reply: Reply::Accepted }),
    ];
    let lines = [
        vec![4, 1],
        typed(5, "login: "),
        vec![4, 0],
        typed(0, "root\r\x1dconsole demo\r"),
        typed(7, "kernel: something\n"),
        vec![6, 1],
        told(&Notice::Farewell),
    ];
    vec![seed("commands", commands.concat()), seed("lines", lines.concat())]
}

pub(super) fn messages() -> Vec<Seed> {
    let start = StartMessage {
        machine: MachineConfig {
            name: "demo".into(),
            vcpus: 2,
            memory_bytes: 256 << 20,
            boot: Boot::Kernel(KernelBoot {
                kernel_bytes: 12_345_678,
                initrd_bytes: Some(1 << 20),
                command_line: "console=ttyS0".into(),
            }),
            disks: vec![DiskConfig { bytes: 1 << 20, read_only: true, bus: DiskBus::Virtio }],
        },
        unix_nanos_at_zero: 1_767_312_000_000_000_000,
        cpu_mask: None,
    };
    let figures = Report::Statistics(VmStatistics { exits: vec![1, 2, 3], ..VmStatistics::default() });
    let users =
        vec![MemoryUser { name: "console".into(), used_bytes: 4096, kernel_bytes: 1, limit_bytes: 0 }];
    let memory = Reply::Memory(Memory { users, ..Memory::default() });
    vec![
        behind("vmm_start", &[0], &encoded(&start)),
        behind("vmm_balloon", &[1], &encoded(&vmm_protocol::Request::Balloon(64 << 20))),
        behind("vmm_statistics", &[2], &encoded(&figures)),
        behind("question", &[4], &encoded(&Question { id: 300, request: Request::Start("demo".into()) })),
        behind("answer", &[5], &encoded(&Notice::Answer { id: 7, reply: memory })),
        behind(
            "vm_table",
            &[5],
            &encoded(&Notice::Answer { id: 8, reply: Reply::Vms { total: 1, lines: vec![vm_line()] } }),
        ),
        behind("console_start", &[3], &encoded(&console_start())),
    ]
}

fn console_start() -> management_protocol::StartMessage {
    management_protocol::StartMessage {
        has_log: true,
        serial: Some(management_protocol::SerialLine { port: 0x3F8 }),
        screen: None,
        keyboard: Some(management_protocol::KeyboardPorts { data: 0x60, status: 0x64 }),
        vms: vec![management_protocol::VmConsole { name: "demo".into(), is_host: true }],
        banner: "Corten".into(),
    }
}

fn vm_line() -> VmLine {
    VmLine {
        name: "demo".into(),
        state: VmState::Running,
        vcpus: 2,
        memory_bytes: 256 << 20,
        used_bytes: 90 << 20,
        kernel_bytes: 100 << 10,
        cpu_ns: 3_000_000_000,
        wait_ns: 5,
        restarts: 1,
        outcome: "turned itself off".into(),
    }
}

fn encoded(message: &impl Serialize) -> Vec<u8> {
    postcard::to_allocvec(message).unwrap_or_default()
}
