"""One polled entropy driver in three instruction sets, with the source that each was assembled from.

The slot is at 0x10001000, the rings at 0x4000, the buffer of 32 bytes at 0x8000. Assembled by
`clang --target=armv7-none-eabi`, `aarch64-none-elf` and `x86_64-none-elf`, `.text` only.
"""

# A32:
# movw r0, #0x1000; movt r0, #0x1000; mov r3, #0x4000; mov r1, #0; str r1, [r0, #0x70]; mov r1, #1
# str r1, [r0, #0x70]; mov r1, #3; str r1, [r0, #0x70]; mov r1, #1; str r1, [r0, #0x24]; str r1, [r0, #0x20]
# mov r1, #11; str r1, [r0, #0x70]; mov r1, #0; str r1, [r0, #0x30]; mov r1, #8; str r1, [r0, #0x38]
# str r3, [r0, #0x80]; add r1, r3, #0x100; str r1, [r0, #0x90]; add r2, r3, #0x200; str r2, [r0, #0xa0]
# mov r1, #1; str r1, [r0, #0x44]; mov r1, #15; str r1, [r0, #0x70]; mov r1, #0x8000; str r1, [r3]; mov r1, #32
# str r1, [r3, #8]; mov r1, #2; str r1, [r3, #12]; mov r1, #0x10000; str r1, [r3, #0x100]; mov r1, #0
# str r1, [r0, #0x50]; 1:  ldrh r1, [r2, #2]; cmp r1, #1; bne 1b; ldr r1, [r0, #0x60]; str r1, [r0, #0x64]
ARM = bytes.fromhex(
    "000001e3000041e30139a0e30010a0e3701080e50110a0e3701080e50310a0e3701080e50110a0e3241080e5201080e50b10a0e3"
    "701080e50010a0e3301080e50810a0e3381080e5803080e5011c83e2901080e5022c83e2a02080e50110a0e3441080e50f10a0e3"
    "701080e50219a0e3001083e52010a0e3081083e50210a0e30c1083e50118a0e3001183e50010a0e3501080e5b210d2e1010051e3"
    "fcffff1a601090e5641080e5"
)

# A64:
# movz x0, #0x1000; movk x0, #0x1000, lsl #16; mov x3, #0x4000; str wzr, [x0, #0x70]; mov w1, #1
# str w1, [x0, #0x70]; mov w1, #3; str w1, [x0, #0x70]; mov w1, #1; str w1, [x0, #0x24]; str w1, [x0, #0x20]
# mov w1, #11; str w1, [x0, #0x70]; str wzr, [x0, #0x30]; mov w1, #8; str w1, [x0, #0x38]; str w3, [x0, #0x80]
# add w1, w3, #0x100; str w1, [x0, #0x90]; add x2, x3, #0x200; str w2, [x0, #0xa0]; mov w1, #1
# str w1, [x0, #0x44]; mov w1, #15; str w1, [x0, #0x70]; mov w1, #0x8000; str w1, [x3]; mov w1, #32
# str w1, [x3, #8]; mov w1, #2; str w1, [x3, #12]; mov w1, #0x10000; str w1, [x3, #0x100]; str wzr, [x0, #0x50]
# 1:  ldrh w1, [x2, #2]; cmp w1, #1; b.ne 1b; ldr w1, [x0, #0x60]; str w1, [x0, #0x64]
ARM64 = bytes.fromhex(
    "000082d20000a2f2030088d21f7000b921008052017000b961008052017000b921008052012400b9012000b961018052017000b9"
    "1f3000b901018052013800b9038000b961000411019000b96200089102a000b921008052014400b9e1018052017000b901009052"
    "610000b901048052610800b941008052610c00b92100a052610001b91f5000b9410440793f040071c1ffff54016040b9016400b9"
)

# x86-64:
# .intel_syntax noprefix; mov ebx, 0x10001000; mov esi, 0x4000; mov dword ptr [rbx + 0x70], 0
# mov dword ptr [rbx + 0x70], 1; mov dword ptr [rbx + 0x70], 3; mov dword ptr [rbx + 0x24], 1
# mov dword ptr [rbx + 0x20], 1; mov dword ptr [rbx + 0x70], 11; mov dword ptr [rbx + 0x30], 0
# mov dword ptr [rbx + 0x38], 8; mov dword ptr [rbx + 0x80], 0x4000; mov dword ptr [rbx + 0x90], 0x4100
# mov dword ptr [rbx + 0xa0], 0x4200; mov dword ptr [rbx + 0x44], 1; mov dword ptr [rbx + 0x70], 15
# mov dword ptr [rsi], 0x8000; mov dword ptr [rsi + 8], 32; mov dword ptr [rsi + 12], 2
# mov dword ptr [rsi + 0x100], 0x10000; mov dword ptr [rbx + 0x50], 0; 1:  cmp word ptr [rsi + 0x202], 1; jne 1b
# mov eax, [rbx + 0x60]; mov [rbx + 0x64], eax
X86 = bytes.fromhex(
    "bb00100010be00400000c7437000000000c7437001000000c7437003000000c7432401000000c7432001000000c743700b000000"
    "c7433000000000c7433808000000c7838000000000400000c7839000000000410000c783a000000000420000c7434401000000c7"
    "43700f000000c70600800000c7460820000000c7460c02000000c7860001000000000100c74350000000006683be020200000175"
    "f68b4360894364"
)
