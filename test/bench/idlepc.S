/* A boot sector for an idle PC of 16 MiB: touches all RAM, so that it is known how much is in use, says so on the
   serial line, takes no interrupt any more, and halts. */
#define RAM_END 0x1000000
#define VIDEO_START 0xA0000
#define VIDEO_END 0xC0000
 .code16
 .globl start
start: cli
 xor %ax,%ax; mov %ax,%ds
 lgdtl gdtr
 mov %cr0,%eax; or $1,%al; mov %eax,%cr0
 ljmpl $8,$start32
 .code32
start32: mov $16,%ax; mov %ax,%ds; mov %ax,%ss
 mov $0x7c00,%esp
 xor %ebx,%ebx
1: cmp $VIDEO_START,%ebx; jne 2f
 mov $VIDEO_END,%ebx
2: lock orb $0,(%ebx)
 add $0x1000,%ebx
 cmp $RAM_END,%ebx; jb 1b
 mov $message,%esi
3: mov $0x3FD,%dx; in %dx,%al; test $0x20,%al; jz 3b
 lodsb; test %al,%al; jz 4f
 mov $0x3F8,%dx; out %al,%dx
 jmp 3b
 /* What the firmware had programmed stays so, but nobody listens. */
4: mov $0xFF,%al; out %al,$0x21; out %al,$0xA1
5: hlt; jmp 5b
 .align 8
gdt: .quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff
gdtr: .word 23; .long gdt
message: .asciz "IDLE_UP\r\n"
 .org 510
 .word 0xAA55
