/* SPDX-License-Identifier: MIT */
/* twins ROUNDS - two libraries of one size take turns at one address: each call is that of the one that is there. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#include <stdlib.h>

#include "victim.h"

#define CALLS 10

int main(int argc, char **argv)
{
	static const char *const file[] = {"libalpha.so", "libbravo.so"};
	static const char *const work[] = {"alpha_work", "bravo_work"};
	const int rounds = argc > 1 ? atoi(argv[1]) : 100;
	unsigned long address[2] = {0, 0}, moved = 0;

	for (int i = 0; i < rounds; i++) {
		void *handle = dlopen(file[i & 1], RTLD_NOW);
		struct link_map *map = handle;
		int (*function)(int) = handle ? (int (*)(int))dlsym(handle, work[i & 1]) : NULL;
		if (!function || function(CALLS) != CALLS)
			return 1;
		moved += address[i & 1] && address[i & 1] != map->l_addr;
		address[i & 1] = map->l_addr;
		if (dlclose(handle))
			return 1;
	}
	printf("at one address %d, moved %lu\n", address[0] == address[1], moved);
	SAY_CALLS("main", 1);
	SAY_CALLS("alpha_work", rounds / 2);
	SAY_CALLS("bravo_work", rounds / 2);
	SAY_CALLS("alpha_inner", rounds / 2 * CALLS);
	SAY_CALLS("bravo_inner", rounds / 2 * CALLS);
	return 0;
}
