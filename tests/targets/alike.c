/* SPDX-License-Identifier: MIT */
/* tests/targets/alike.c - functions that differ in the upper bits of their addresses alone, each called N times. */
#include <stdlib.h>

#include "victim.h"

#define ALIKE(name)                                                                                \
	static APART __attribute__((aligned(0x10000))) void name(void)                             \
	{                                                                                          \
		__asm__ volatile("");                                                              \
	}

ALIKE(first)
ALIKE(second)
ALIKE(third)
ALIKE(fourth)
ALIKE(fifth)
ALIKE(sixth)

static UNTRACED void call_all(unsigned long n)
{
	for (unsigned long i = 0; i < n; i++) {
		first();
		second();
		third();
		fourth();
		fifth();
		sixth();
	}
}

int main(int argc, char **argv)
{
	const unsigned long n = argc > 1 ? strtoul(argv[1], NULL, 10) : 1;
	call_all(n);
	SAY_CALLS("first", n);
	SAY_CALLS("second", n);
	SAY_CALLS("third", n);
	SAY_CALLS("fourth", n);
	SAY_CALLS("fifth", n);
	SAY_CALLS("sixth", n);
	return 0;
}
