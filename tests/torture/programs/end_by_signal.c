/* SPDX-License-Identifier: MIT */
/* end_by_signal NUMBER|FAULT - calls, and raises a signal, or does what the processor punishes with one. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "victim.h"

static volatile int sink;

static APART void work(void)
{
	sink++;
}

static APART void divide(void)
{
	static volatile int zero;
	sink = sink / zero; /* by a division: 1 / x needs none */
}

static APART void touch_nothing(void)
{
	static volatile int *volatile nowhere;
	*nowhere = 1;
}

static APART void touch_beyond_the_file(void)
{
	const int fd = memfd_create("empty", 0);
	volatile char *page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	sink = page[0];
}

static APART void trap(void)
{
	__builtin_trap();
}

static const struct {
	const char *name;
	void (*fault)(void);
} faults[] = {
	{"divide", divide},
	{"touch_nothing", touch_nothing},
	{"touch_beyond_the_file", touch_beyond_the_file},
	{"trap", trap},
};

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	for (int i = 0; i < 1000; i++)
		work();
	SAY_CALLS("main", 1);
	SAY_CALLS("work", 1000);
	for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
		if (strcmp(argv[1], faults[i].name) != 0)
			continue;
		SAY_CALLS(argv[1], 1);
		fflush(stdout);
		faults[i].fault();
	}
	fflush(stdout);
	raise(atoi(argv[1]));
	return 9;
}
