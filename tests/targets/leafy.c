/* SPDX-License-Identifier: MIT */
/* A parent that does next to nothing but call a small function. With -DBARE only the parent is instrumented. */
#include <stdio.h>
#include <stdlib.h>

#include "victim.h"

#ifdef BARE
#define LEAF APART __attribute__((no_instrument_function))
#else
#define LEAF APART
#endif

#define WORDS 1024

static unsigned words[WORDS];

static LEAF unsigned leaf(unsigned x)
{
	unsigned a = 0, b = 0;

	for (int i = 0; i < WORDS; i += 2) {
		a += words[i] ^ x;
		b ^= words[i + 1] + x;
	}
	return a + b;
}

static APART unsigned parent(unsigned x, int calls)
{
	for (int i = 0; i < calls; i++)
		x += leaf(x | 1);
	return x;
}

int main(int argc, char **argv)
{
	const int times = argc > 1 ? atoi(argv[1]) : 1;
	unsigned x = 1;

	for (unsigned i = 0; i < WORDS; i++)
		words[i] = i * 2654435761u;
	for (int i = 0; i < times; i++)
		x = parent(x, 1000);
	printf("%u\n", x);
	return 0;
}
