# The first instructions: in M-mode, a0 the hart's number, a1 the device tree.
    .section .text.start, "ax"
    .globl _start
    .type _start, @function
_start:
    bnez a0, 3f                 # one hart is enough
    la sp, stack_top
    la t0, bss_start
    la t1, bss_end
1:  bgeu t0, t1, 2f             # clear .bss
    sw zero, 0(t0)
    addi t0, t0, 4
    j 1b
2:  la t0, trap
    csrw mtvec, t0
    call main                   # main(hart, device_tree)
    call exit
3:  wfi
    j 3b
    .size _start, . - _start
