/* SPDX-License-Identifier: MIT */
/* frame_pointer N - N calls from machine code that has anything but a frame in the frame pointer: random numbers, NULL,
 * addresses that nobody has, its own address. */
#include <stdint.h>
#include <stdlib.h>

#include "victim.h"

static volatile unsigned long sink;

static APART void leaf(void)
{
	sink++;
}

static APART void work(void)
{
	leaf();
}

static UNTRACED void call_with(uintptr_t frame_pointer, void (*function)(void))
{
#if defined(__x86_64__)
	/* The red zone may hold something of ours. */
	__asm__ volatile("lea -128(%%rsp), %%rsp\n\t"
			 "push %%rbp\n\t"
			 "push %%rbx\n\t"
			 "mov %%rsp, %%rbx\n\t"
			 "and $-16, %%rsp\n\t"
			 "mov %0, %%rbp\n\t"
			 "call *%1\n\t"
			 "mov %%rbx, %%rsp\n\t"
			 "pop %%rbx\n\t"
			 "pop %%rbp\n\t"
			 "lea 128(%%rsp), %%rsp"
			 : "+a"(frame_pointer), "+c"(function)
			 :
			 : "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory", "cc");
#else
	(void)frame_pointer;
	function();
#endif
}

int main(int argc, char **argv)
{
	const int n = argc > 1 ? atoi(argv[1]) : 1000;
	uint64_t state = 88172645463325252ull;
	for (int i = 0; i < n; i++) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		const uintptr_t values[] = {state,
					    0,
					    8,
					    state & 0x7ffffffffff8ull,
					    (uintptr_t)&state,
					    (uintptr_t)leaf,
					    ~0ull,
					    (uintptr_t)&values};
		call_with(values[i % 8], work);
	}
	SAY_CALLS("main", 1);
	SAY_CALLS("work", n);
	SAY_CALLS("leaf", n);
	return 0;
}
