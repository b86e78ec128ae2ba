/* SPDX-License-Identifier: MIT */
/* end_by_memory MS - calls, lives for MS milliseconds, calls, then takes memory until it is killed for it. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "victim.h"

#define MIB (1 << 20)
#define MOST_MIB 4096

static volatile unsigned long sink;

static APART void work(void)
{
	sink++;
}

static APART void take_all(void)
{
	for (int i = 0; i < MOST_MIB; i++) {
		char *more = malloc(MIB);
		if (!more)
			_exit(3);
		memset(more, i, MIB);
	}
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	for (int i = 0; i < 1000; i++)
		work();
	usleep((useconds_t)atoi(argv[1]) * 1000);
	for (int i = 0; i < 1000; i++)
		work();
	SAY_CALLS("main", 1);
	SAY_CALLS("work", 2000);
	SAY_CALLS("take_all", 1);
	fflush(stdout);
	take_all();
	return 4;
}
