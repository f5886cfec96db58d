//! Claims about the VM definition file.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use management_config::{
    BootDefinition, ConfigError, ConsoleKind, FirmwareFile, FirmwareImage, RestartPolicy, Shares, VmFile,
    WhenAllStopped,
};
use proptest::prelude::*;
use vmm_protocol::{BootDevice, ClockBase, DiskBus, Display, NicModel};

const FULL: &str = r#"
when_all_stopped = "poweroff"
[[vm]]
name = "demo"
vcpus = 2
memory = "256M"
kernel = "vmlinuz"
initrd = "initrd.img"
cmdline = "console=ttyS0"
disks = [ { file = "disk.img", read_only = false }, { file = "vmlinuz", read_only = true } ]
console = "host"
restart = "on-failure"
start = false
weight = 300
cap = 150
reservation = 50
cpus = [0, 3]
"#;

const LEAST: &str = "[[vm]]\nname = \"a\"\nmemory = \"64M\"\nkernel = \"k\"\n";

fn refusal(text: &str) -> String {
    VmFile::parse(text).expect_err("should be refused").to_string()
}

#[test]
fn every_key_is_read() {
    let file = VmFile::parse(FULL).unwrap();

    let vm = &file.vms[0];
    assert_eq!(file.when_all_stopped, WhenAllStopped::PowerOff);
    assert_eq!((vm.name.as_str(), vm.vcpus, vm.memory_bytes), ("demo", 2, 256 << 20));
    let BootDefinition::Kernel(kernel) = &vm.boot else { panic!("a kernel is named") };
    assert_eq!(kernel.initrd.as_ref().unwrap().as_str(), "initrd.img");
    assert_eq!(kernel.command_line, "console=ttyS0");
    assert_eq!((vm.console, vm.restart, vm.start), (ConsoleKind::Host, RestartPolicy::OnFailure, false));
    assert!(!vm.disks[0].read_only && vm.disks[1].read_only);
    let shares = Shares { weight: 300, cap_milli: 1500, reservation_milli: 500, cpu_mask: Some(0b1001) };
    assert_eq!(vm.shares, shares);
}

#[test]
fn what_is_left_out_has_the_documented_default() {
    let file = VmFile::parse(LEAST).unwrap();

    let vm = &file.vms[0];
    assert_eq!(file.when_all_stopped, WhenAllStopped::Wait);
    assert_eq!(
        (vm.vcpus, vm.console, vm.restart, vm.start),
        (1, ConsoleKind::Buffer, RestartPolicy::Never, true)
    );
    assert_eq!(vm.shares, Shares::default());
    assert!(vm.disks.is_empty());
    let BootDefinition::Kernel(kernel) = &vm.boot else { panic!("a kernel is named") };
    assert!(kernel.initrd.is_none() && kernel.command_line.is_empty());
}

const PC: &str = r#"
[[vm]]
name = "pc"
memory = "512M"
platform = "pc"
firmware = "uefi"
cdrom = "install.iso"
cdrom_bus = "ide"
floppy = "a.img"
disks = [ { file = "root.img", bus = "nvme" }, { file = "old.img", bus = "ide" } ]
display = "virtio-gpu"
nics = ["e1000e", "virtio"]
boot = ["cdrom", "disk"]
rtc = "local"
"#;

#[test]
fn every_key_of_a_pc_is_read() {
    let file = VmFile::parse(PC).unwrap();

    let vm = &file.vms[0];
    let pc = vm.boot.pc().unwrap();
    assert_eq!(pc.firmware, FirmwareFile::Uefi);
    assert_eq!(
        pc.cdrom.as_ref().map(|(file, bus)| (file.as_str(), *bus)),
        Some(("install.iso", DiskBus::Ide))
    );
    assert_eq!(pc.floppy.as_ref().unwrap().as_str(), "a.img");
    assert_eq!(vm.disks.iter().map(|disk| disk.bus).collect::<Vec<_>>(), [DiskBus::Nvme, DiskBus::Ide]);
    assert_eq!((pc.display, pc.clock), (Display::VirtioGpu, ClockBase::Local));
    assert_eq!(pc.nics, [NicModel::E1000e, NicModel::Virtio]);
    assert_eq!(pc.boot_order, [BootDevice::Cdrom, BootDevice::Disk]);
    let names: Vec<_> = file.files().iter().map(|file| file.as_str().to_owned()).collect();
    assert_eq!(names, ["install.iso", "a.img", "root.img", "old.img"]);
    let images: Vec<_> = vm.firmware_images().collect();
    assert_eq!(images, [FirmwareImage::UefiCode, FirmwareImage::UefiVariables]);
}

#[test]
fn a_pc_with_a_display_has_usb_unless_it_says_otherwise() {
    let pc = "[[vm]]\nname = \"a\"\nmemory = \"64M\"\nfirmware = \"bios\"\n";
    for (text, has_usb) in [
        ("", true),
        ("display = \"none\"\n", false),
        ("display = \"none\"\nusb = true\n", true),
        ("display = \"virtio-gpu\"\nusb = false\n", false),
    ] {
        let file = VmFile::parse(&format!("{pc}{text}")).unwrap();
        assert_eq!(file.vms[0].boot.pc().unwrap().usb, has_usb, "{text}");
    }
}

#[test]
fn a_firmware_that_is_no_word_is_a_file() {
    let file = VmFile::parse("[[vm]]\nname = \"a\"\nmemory = \"64M\"\nfirmware = \"u-boot.rom\"\n").unwrap();

    assert_eq!(file.files().iter().map(|file| file.as_str()).collect::<Vec<_>>(), ["u-boot.rom"]);
    assert_eq!(file.vms[0].firmware_images().collect::<Vec<_>>(), [FirmwareImage::VideoBios]);
}

#[test]
fn uefi_starts_a_kernel_that_the_definition_names() {
    let text = "[[vm]]\nname = \"a\"\nmemory = \"64M\"\nfirmware = \"uefi\"\nkernel = \"k\"\ninitrd = \"i\"\ncmdline = \"quiet\"\n";
    let file = VmFile::parse(text).unwrap();

    let kernel = file.vms[0].boot.pc().unwrap().kernel.as_ref().unwrap();
    assert_eq!((kernel.kernel.as_str(), kernel.command_line.as_str()), ("k", "quiet"));
    assert_eq!(file.files().iter().map(|file| file.as_str()).collect::<Vec<_>>(), ["k", "i"]);
}

#[test]
fn combinations_that_make_no_machine_are_explained() {
    let pc = "[[vm]]\nname = \"a\"\nmemory = \"64M\"\nfirmware = \"bios\"\n";
    for (text, words) in [
        (format!("{LEAST}display = \"vga\"\n"), "line 5, column 11: display: only a PC has this"),
        (
            format!("{LEAST}disks = [{{ file = \"d\", bus = \"ide\" }}]\n"),
            "bus: the micro platform has virtio disks only",
        ),
        (format!("{pc}kernel = \"k\"\n"), "kernel: a BIOS boots a disk or CD"),
        (format!("{pc}initrd = \"i\"\n").replace("bios", "uefi"), "initrd: there is no kernel"),
        (format!("{pc}cdrom_bus = \"ide\"\n"), "cdrom_bus: there is no cdrom"),
        (format!("{pc}boot = [\"cdrom\"]\n"), "boot: it names \"cdrom\" but there is none"),
        (format!("{pc}boot = [\"disk\", \"disk\"]\n"), "the boot device disk was given before"),
        (format!("{pc}boot = [\"tape\"]\n"), "boot = \"tape\" is not one of the choices"),
        (format!("{LEAST}platform = \"pc\"\n"), "kernel: a BIOS boots a disk or CD"),
        (pc.replace("64M", "2M"), "memory: a BIOS needs at least \"4M\""),
        (pc.replace("64M", "32M").replace("bios", "uefi"), "memory: UEFI firmware needs at least \"64M\""),
        (
            format!("{pc}disks = [{}]\n", "{ file = \"d\", bus = \"ide\" },".repeat(5)),
            "too many disks and CD-ROMs on ide",
        ),
        (
            format!("{pc}cdrom = \"c\"\ndisks = [{}]\n", "{ file = \"d\", bus = \"ahci\" },".repeat(6)),
            "too many disks and CD-ROMs on ahci",
        ),
        (format!("{pc}disks = [{}]\n", "{ file = \"d\", bus = \"nvme\" },".repeat(17)), "the most is 16"),
        (format!("{pc}nics = [{}]\n", "\"e1000\", ".repeat(9)), "too many nics"),
    ] {
        assert!(refusal(&text).contains(words), "{text}: {}", refusal(&text));
    }
    let no_firmware = "[[vm]]\nname = \"a\"\nmemory = \"64M\"\nplatform = \"pc\"\n";
    assert!(refusal(no_firmware).contains("add a line such as firmware = \"uefi\""));
}

#[test]
fn each_file_is_listed_once_with_its_place() {
    let file = VmFile::parse(FULL).unwrap();

    let names: Vec<_> =
        file.files().iter().map(|file| (file.as_str().to_owned(), file.place().line)).collect();

    assert_eq!(names, [("vmlinuz".into(), 7), ("initrd.img".into(), 8), ("disk.img".into(), 10)]);
}

#[test]
fn a_missing_file_is_told_with_its_line() {
    let file = VmFile::parse(FULL).unwrap();

    let error = ConfigError::missing_file(file.files()[1]);

    assert_eq!(
        error.to_string(),
        "line 8, column 10: there is no file \"initrd.img\"; the path is relative to this file"
    );
}

#[test]
fn secure_boot_is_refused_with_the_reason() {
    let with = |line: &str| format!("[[vm]]\nname = \"a\"\nmemory = \"64M\"\nfirmware = \"uefi\"\n{line}\n");
    assert_eq!(
        refusal(&with("secure_boot = true")),
        "line 5, column 15: secure_boot: UEFI with Secure Boot needs system management mode, which these PCs do not have; \
         leave it out"
    );
    assert!(VmFile::parse(&with("secure_boot = false")).is_ok());
}

#[test]
fn an_unknown_key_is_refused_with_a_guess() {
    assert_eq!(
        refusal("[[vm]]\nname = \"a\"\nvcpu = 2\n"),
        "line 3, column 1: unknown key \"vcpu\" in [[vm]]; did you mean \"vcpus\"?"
    );
    assert!(
        refusal("colour = 1")
            .starts_with("line 1, column 1: unknown key \"colour\" in the file; the keys are")
    );
    let disk = format!("{LEAST}disks = [ {{ file = \"d\", readonly = true }} ]\n");
    assert!(refusal(&disk).contains("did you mean \"read_only\"?"));
}

#[test]
fn bad_sizes_are_refused_with_advice() {
    let with_memory = |size: &str| format!("[[vm]]\nname = \"a\"\nkernel = \"k\"\nmemory = {size}\n");
    assert!(
        refusal(&with_memory("\"256MB\"")).contains("line 4, column 10: memory = \"256MB\" is not a size")
    );
    assert!(refusal(&with_memory("256")).contains("memory must be a size in quotes such as \"256M\""));
    assert!(refusal(&with_memory("\"1K\"")).contains("can be \"2M\" to \"4T\""));
    assert!(refusal(&with_memory("\"3000000\"")).contains("not a multiple of 4 KiB"));
    assert!(refusal(&with_memory("\"99999999T\"")).contains("is not a size"));
}

#[test]
fn numbers_outside_of_their_range_are_refused() {
    for line in
        ["vcpus = 0", "vcpus = 65", "vcpus = -1", "weight = 0", "weight = 10001", "cap = 0", "cpus = [64]"]
    {
        assert!(refusal(&format!("{LEAST}{line}\n")).contains("out of range"), "{line}");
    }
    assert!(refusal(&format!("{LEAST}cap = 50\nreservation = 60\n")).contains("reservation is above cap"));
    assert!(refusal(&format!("{LEAST}cpus = [1, 1]\n")).contains("processor 1 was given before"));
    assert!(refusal(&format!("{LEAST}cpus = []\n")).contains("at least one processor"));
    assert!(refusal(&format!("{LEAST}vcpus = 1.5\n")).contains("must be a whole number, not a fraction"));
}

#[test]
fn a_second_vm_with_the_same_name_is_refused() {
    let error = refusal(&format!("{LEAST}{LEAST}"));

    assert_eq!(
        error,
        "line 6, column 8: the VM name a was given before (line 2, column 8); each may be given once"
    );
}

#[test]
fn a_second_host_console_is_refused() {
    let second = LEAST.replace("\"a\"", "\"b\"");
    let error = refusal(&format!("{LEAST}console = \"host\"\n{second}console = \"host\"\n"));

    assert!(
        error.starts_with("line 10, column 11: only one VM can have the machine's serial line"),
        "{error}"
    );
}

#[test]
fn missing_keys_come_with_an_example() {
    assert_eq!(
        refusal("when_all_stopped = \"wait\"\n[[vm]]\nname = \"a\"\nmemory = \"64M\"\n"),
        "line 2, column 1: [[vm]] has no \"kernel\"; add a line such as kernel = \"vmlinuz\""
    );
}

#[test]
fn wrong_words_list_the_choices() {
    assert_eq!(
        refusal(&format!("{LEAST}restart = \"sometimes\"\n")),
        "line 5, column 11: restart = \"sometimes\" is not one of the choices \"never\", \"on-failure\", \"always\""
    );
}

#[test]
fn names_that_no_command_could_hold_are_refused() {
    for name in ["", "two words", "-a", "é", "a\\u0007", &"x".repeat(33)] {
        let text = LEAST.replace("\"a\"", &format!("\"{name}\""));
        assert!(refusal(&text).contains("name must be 1 to 32 letters"), "{name}");
    }
}

#[test]
fn what_is_no_toml_is_refused_with_its_line() {
    assert!(refusal("[[vm]]\nname = \n").starts_with("line 2, column "));
    assert!(refusal("a = 1\na = 2\n").contains("line 2"));
    assert!(VmFile::parse_bytes(&[0xff, 0xfe]).unwrap_err().to_string().contains("UTF-8"));
}

#[test]
fn deep_nesting_is_refused_instead_of_overflowing_the_stack() {
    let text = format!("a = {}{}", "[".repeat(100_000), "]".repeat(100_000));

    assert!(VmFile::parse(&text).is_err());
}

#[test]
fn an_empty_file_has_no_vms() {
    assert!(VmFile::parse("").unwrap().vms.is_empty());
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        management_config::fuzz::parse_anything(&bytes);
    }

    #[test]
    fn no_damaged_file_panics(at in 0..FULL.len(), character in any::<char>(), cut in 0..20usize) {
        let head = FULL.get(..at).unwrap_or("");
        let tail = FULL.get(at + cut..).unwrap_or("");
        let text = format!("{head}{character}{tail}");

        management_config::fuzz::parse_anything(text.as_bytes());
    }

    #[test]
    fn errors_of_one_line_name_a_line_of_the_file(at in 0..FULL.lines().count(), junk in "[a-z]{3,9} = [0-9]{1,3}") {
        let mut lines: Vec<&str> = FULL.lines().collect();
        lines.insert(at, &junk);

        if let Err(error) = VmFile::parse(&lines.join("\n")) {
            let place = error.place.unwrap();
            prop_assert!(place.line as usize <= lines.len() && place.line > 0);
        }
    }
}
