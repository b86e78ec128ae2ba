/* SPDX-License-Identifier: MIT */
/* fill MIB - touches so much memory, and calls for each page of it. */
#include <stdlib.h>
#include <sys/mman.h>

#include "victim.h"

#define PAGE 4096

static APART void touch(volatile char *page)
{
	*page = 1;
}

int main(int argc, char **argv)
{
	const size_t bytes = strtoull(argc > 1 ? argv[1] : "1", NULL, 10) << 20;
	char *memory =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return 1;
	for (size_t at = 0; at < bytes; at += PAGE)
		touch(memory + at);
	SAY_CALLS("main", 1);
	SAY_CALLS("touch", bytes / PAGE);
	return 0;
}
