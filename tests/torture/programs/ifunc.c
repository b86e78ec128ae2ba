/* SPDX-License-Identifier: MIT */
/* ifunc - functions that the loader chooses by calling a resolver, in the program and in a library: the resolvers are
 * instrumented, so hooks are called while objects are still being relocated, some before ours is. Those calls are
 * dropped, and counted as such. */
#include <stdlib.h>

#include "victim.h"

#define TIMES 10000

unsigned long from_library(unsigned long n);
unsigned long library_resolved(void);

static volatile unsigned long resolved;

static unsigned long chosen(unsigned long n)
{
	return n + 1;
}

static APART int choose(int n)
{
	resolved++;
	return n;
}

__attribute__((used)) static unsigned long (*resolve(void))(unsigned long)
{
	return choose(1) ? chosen : NULL;
}

unsigned long in_program(unsigned long n) __attribute__((ifunc("resolve")));

int main(void)
{
	unsigned long sum = 0;

	for (unsigned long i = 0; i < TIMES; i++)
		sum += in_program(i) + from_library(i);
	printf("sum %lu, resolved %lu and %lu\n", sum, resolved, library_resolved());
	SAY_CALLS("main", 1);
	SAY_CALLS("chosen", TIMES);
	SAY_CALLS("chosen_in_library", TIMES);
	SAY_CALLS("chosen_within", TIMES);
	return 0;
}
