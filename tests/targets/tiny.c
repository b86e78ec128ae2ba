/* SPDX-License-Identifier: MIT */
/* tiny N - a function of a nanosecond, N times. Prints its address in the program. */
#include <stdlib.h>

#include "victim.h"

static volatile unsigned long sink;

static APART void tiny(void)
{
	sink++;
}

int main(int argc, char **argv)
{
	const long n = argc > 1 ? atol(argv[1]) : 0;
	for (long i = 0; i < n; i++)
		tiny();
	SAY_CALLS("tiny", n);
	return 0;
}
