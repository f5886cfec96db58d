#!/bin/busybox sh
# The first program of the demo guest. The kernel's argument corten.do=A,B,... says what to do; a shell by default.
B=/bin/busybox
$B mount -t proc proc /proc
$B mount -t sysfs sysfs /sys
$B mount -t devtmpfs dev /dev
$B --install -s /bin
export PATH=/bin HOME=/ TERM=linux
# This script is the first process and answers no signals, which the plain words would send it.
printf 'poweroff() { busybox poweroff -f; }\nreboot() { busybox reboot -f; }\n' > /tmp/shell
export ENV=/tmp/shell
for module in $(cat /lib/modules/order); do insmod /lib/modules/$module; done
# The power button. Keyboards and mice are input devices, too.
for input in /dev/input/event*; do
    [ "$(cat /sys/class/input/${input##*/}/device/name)" = "Power Button" ] || continue
    (head -c 24 "$input" > /dev/null && echo "CORTEN-GUEST powering off by the power button" && busybox poweroff -f) &
done
todo=shell
for word in $(cat /proc/cmdline); do
    case $word in
        corten.do=*) todo=${word#corten.do=} ;;
        corten.name=*) hostname ${word#corten.name=} ;;
    esac
done
echo "CORTEN-GUEST up cpus=$(nproc) memory_kib=$(awk '/MemTotal/{print $2}' /proc/meminfo)"
IFS=,
for task in $todo; do
    unset IFS
    case $task in
        shell)
            echo
            echo "This is Linux $(uname -r) in a virtual machine on Corten."
            echo "Type 'poweroff' to end it; Ctrl-] opens Corten's own monitor."
            echo
            setsid cttyhack sh
            ;;
        clock) echo "CORTEN-GUEST clock=$(cat /sys/devices/system/clocksource/clocksource0/current_clocksource)" ;;
        disk)
            echo "CORTEN-GUEST disk bytes=$(blockdev --getsize64 /dev/vda) head=$(head -c 16 /dev/vda)"
            echo "written by the guest" | dd of=/dev/vda bs=512 seek=1 conv=sync 2>/dev/null
            sync
            echo 3 > /proc/sys/vm/drop_caches
            echo "CORTEN-GUEST disk read back: $(dd if=/dev/vda bs=512 skip=1 count=1 2>/dev/null | head -c 20)"
            ;;
        drives)
            for drive in /sys/block/*; do
                name=${drive##*/}
                case $name in ram*|loop*|zram*) continue ;; esac
                bytes=$(dd if=/dev/$name bs=64k count=32 2>/dev/null | wc -c)
                echo "CORTEN-GUEST drive $name sectors=$(cat $drive/size) read=$bytes"
            done
            ;;
        tick)
            count=0
            while :; do count=$((count + 1)); echo "CORTEN-GUEST tick $count"; sleep 1; done
            ;;
        idle) echo "CORTEN-GUEST idle"; while :; do sleep 100000; done ;;
        crash) echo c > /proc/sysrq-trigger ;;
        reboot) echo "CORTEN-GUEST rebooting"; reboot -f ;;
        poweroff) break ;;
        *) echo "CORTEN-GUEST does not know the task $task" ;;
    esac
done
echo "CORTEN-GUEST powering off"
poweroff -f
