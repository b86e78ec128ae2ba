/* SPDX-License-Identifier: MIT */
/* tests/integration/site_pairs.c - hooks that note where they were called from, and for which function: the truth that the search
 * for hooks is compared with. To be preloaded; at the end "SITE FUNCTION EXIT" of every pair go to the file $SITE_PAIRS,
 * less the address where the program is. A site is where the call of 5 bytes began. */
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define PAIRS (1u << 16)

void __cyg_profile_func_enter(void *function, void *caller);
void __cyg_profile_func_exit(void *function, void *caller);

static struct pair {
	uint64_t site, function;
	int exit;
} pairs[PAIRS];

static void note(uint64_t site, uint64_t function, int exit)
{
	uint64_t i = (site * 31 + function * 7 + (uint64_t)exit) * 0x9e3779b97f4a7c15ull >> 48;
	while (pairs[i % PAIRS].function) {
		const struct pair *p = &pairs[i++ % PAIRS];
		if (p->site == site && p->function == function && p->exit == exit)
			return;
	}
	pairs[i % PAIRS] = (struct pair){site, function, exit};
}

void __cyg_profile_func_enter(void *function, void *caller)
{
	(void)caller;
	note((uint64_t)__builtin_return_address(0) - 5, (uint64_t)function, 0);
}

void __cyg_profile_func_exit(void *function, void *caller)
{
	(void)caller;
	note((uint64_t)__builtin_return_address(0) - 5, (uint64_t)function, 1);
}

/* The program comes first. */
static int take_bias(struct dl_phdr_info *info, size_t size, void *ret)
{
	(void)size;
	*(uint64_t *)ret = info->dlpi_addr;
	return 1;
}

__attribute__((destructor)) static void tell(void)
{
	uint64_t bias = 0;
	FILE *to = fopen(getenv("SITE_PAIRS"), "w");
	if (!to)
		return;
	dl_iterate_phdr(take_bias, &bias);
	for (unsigned i = 0; i < PAIRS; i++)
		if (pairs[i].function)
			fprintf(to, "%lx %lx %d\n", pairs[i].site - bias, pairs[i].function - bias,
				pairs[i].exit);
	fclose(to);
}
