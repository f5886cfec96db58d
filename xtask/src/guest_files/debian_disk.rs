//! A disk with an installed Debian: its packages' own kernel, initial RAM disk, systemd and login, booted by GRUB by
//! BIOS and by UEFI.
//!
//! Drivers for devices that our machines lack stay away, as do documents: a story loads the whole disk with Corten.

use std::path::Path;

use super::grub_disk::GrubDisk;
use super::package::Packages;
use crate::setup::{self, Need};
use crate::{Failure, places, process};

/// What is installed beside the essential packages. Systemd hears the power button when it has a message bus.
const PACKAGES: &str = "systemd-sysv,dbus,udev,login,kmod,e2fsprogs,initramfs-tools,linux-image-amd64";
/// Files of packages that are left out.
const LEFT_OUT: [&str; 17] = [
    "/usr/share/doc/*",
    "/usr/share/man/*",
    "/usr/share/locale/*",
    "/usr/share/zoneinfo/*",
    "/lib/modules/*/kernel/drivers/gpu/*",
    "/lib/modules/*/kernel/drivers/hid/*",
    "/lib/modules/*/kernel/drivers/hwmon/*",
    "/lib/modules/*/kernel/drivers/iio/*",
    "/lib/modules/*/kernel/drivers/infiniband/*",
    "/lib/modules/*/kernel/drivers/media/*",
    "/lib/modules/*/kernel/drivers/net/*",
    "/lib/modules/*/kernel/drivers/scsi/*/*",
    "/lib/modules/*/kernel/drivers/staging/*",
    "/lib/modules/*/kernel/drivers/usb/*",
    "/lib/modules/*/kernel/fs/*/*",
    "/lib/modules/*/kernel/net/*",
    "/lib/modules/*/kernel/sound/*",
];
/// Exceptions from that: what systemd wants, and network cards that PCs of ours may have.
const TAKEN_ALL_THE_SAME: [&str; 8] = [
    "/lib/modules/*/kernel/drivers/net/ethernet/intel/e1000*",
    "/lib/modules/*/kernel/drivers/net/net_failover.ko",
    "/lib/modules/*/kernel/drivers/net/virtio_net.ko",
    "/lib/modules/*/kernel/fs/autofs/*",
    "/lib/modules/*/kernel/fs/efivarfs/*",
    "/lib/modules/*/kernel/fs/ext4/*",
    "/lib/modules/*/kernel/fs/jbd2/*",
    "/lib/modules/*/kernel/net/core/failover.ko",
];
/// Before the kernel is installed: its initial RAM disk gets drivers for disks alone.
const BEFORE_KERNEL: &str = "\
set -e
mkdir -p $1/etc/initramfs-tools/conf.d
echo MODULES=list > $1/etc/initramfs-tools/conf.d/corten
printf '%s\\n' ahci ata_piix sd_mod nvme virtio_pci virtio_blk ext4 > $1/etc/initramfs-tools/modules";
/// At the end: a name, a user who needs no password, a file system, GRUB's menu, and no lists of packages.
const AFTER_ALL: &str = "\
set -e
echo guest > $1/etc/hostname
chroot $1 passwd -d root
echo 'LABEL=corten-root / ext4 rw,errors=remount-ro 0 1' > $1/etc/fstab
mkdir -p $1/boot/grub
cp \"$GRUB_MENU\" $1/boot/grub/grub.cfg
rm -rf $1/var/lib/apt/lists/* $1/var/cache/apt/*";
/// GRUB's menu on the disk.
const MENU: &str = "\
set timeout=0
menuentry 'Debian GNU/Linux' {
    linux /vmlinuz root=LABEL=corten-root ro quiet console=ttyS0
    initrd /initrd.img
}
";
/// What GRUB does: it goes on to the menu.
const GRUB_COMMANDS: &str = "\
serial --unit=0 --speed=115200
terminal_output serial console
search --no-floppy --label --set=root corten-root
configfile /boot/grub/grub.cfg
";
/// Bytes of the root file system: what is installed and some room.
const ROOT_BYTES: u64 = 360 << 20;

/// What the disk depends on, so that it is made again when that changes.
pub(super) fn recipe() -> String {
    [&[PACKAGES, BEFORE_KERNEL, AFTER_ALL, MENU, GRUB_COMMANDS], &LEFT_OUT[..], &TAKEN_ALL_THE_SAME]
        .concat()
        .join("\n")
}

/// Installs Debian and makes the disk at `path`.
pub(super) fn make(path: &Path) -> Result<(), Failure> {
    setup::ensure(&[Need::DebianTools, Need::IsoTools])?;
    let scratch = places::empty_folder("debian-disk")?;
    let tree = scratch.join("tree");
    let menu = scratch.join("menu.cfg");
    places::write(&menu, MENU)?;
    let installed = install(&tree, &menu).and_then(|()| make_disk(&tree, path, &scratch));
    let removed = process::output(setup::as_root("rm")?.arg("-rf").arg(&scratch)).map(drop);
    installed.and(removed)
}

fn install(tree: &Path, menu: &Path) -> Result<(), Failure> {
    let release = Packages::native().release()?;
    let mut command = setup::as_root("mmdebstrap")?;
    command.args(["--variant=minbase", &format!("--include={PACKAGES}")]);
    command.args(LEFT_OUT.map(|files| format!("--dpkgopt=path-exclude={files}")));
    command.args(TAKEN_ALL_THE_SAME.map(|files| format!("--dpkgopt=path-include={files}")));
    command.arg(format!("--essential-hook={BEFORE_KERNEL}"));
    command.arg(format!("--customize-hook=GRUB_MENU={}\n{AFTER_ALL}", menu.display()));
    process::step("installing Debian in a folder", command.arg(release).arg(tree))
}

fn make_disk(tree: &Path, path: &Path, scratch: &Path) -> Result<(), Failure> {
    let disk = GrubDisk {
        label: "DEBIANEFI",
        commands: GRUB_COMMANDS,
        modules: &["configfile", "ext2"],
        file_bytes: 0,
        linux_bytes: ROOT_BYTES,
    };
    let made = disk.make(path, scratch)?;
    // As root: files belong to several users, and some can be read by these alone.
    let mut command = setup::as_root("mke2fs")?;
    command.args(["-q", "-F", "-t", "ext4", "-L", "corten-root", "-E"]);
    command.arg(format!("offset={}", made.linux_start)).arg("-d").arg(tree).arg(path);
    process::step("making a disk of it", command.arg(format!("{}k", ROOT_BYTES >> 10)))
}
