#!/bin/busybox sh
# Works for ever. Each round runs on the next processor, writes another block and reads it back from the disk.
for disk in /dev/vda /dev/sda /dev/nvme0n1; do [ -b $disk ] && break; done
# Behind what the disk boots from.
end=$(($(blockdev --getsz $disk) - 64))
count=0
while :; do
    count=$((count + 1))
    block=$((end + count % 64))
    taskset -p $((1 << count % $(nproc))) $$ > /dev/null
    echo "round $count" | dd of=$disk bs=512 seek=$block conv=sync,notrunc 2>/dev/null
    sync
    echo 3 > /proc/sys/vm/drop_caches
    back=$(dd if=$disk bs=512 skip=$block count=1 2>/dev/null | head -n 1)
    [ "$back" = "round $count" ] || echo "CORTEN-GUEST round $count is lost: $back"
    echo "CORTEN-GUEST round $count at $(cut -d ' ' -f 1 /proc/uptime)"
    sleep 0.2
done
