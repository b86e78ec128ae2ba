/* SPDX-License-Identifier: MIT */
/* deep_bound LIBRARY N - a library loaded with RTLD_DEEPBIND, which binds to libc before anything that is preloaded: it frees
 * the program's blocks, the program frees its, it calls back, and jumps across the program's frames. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "deep_bound.h"
#include "victim.h"

static jmp_buf landing;
static volatile unsigned long sink;

static APART void leaf(void)
{
	sink++;
}

static APART void called_back(void *block)
{
	leaf();
	free(block);
}

static APART void called_to_jump(void *jump)
{
	leaf();
	((jump_fn)jump)(landing);
}

static APART void after(void)
{
	sink++;
}

static APART void one_round(const struct deep_bound *lib, int i)
{
	void *block = malloc((size_t)i % 5000 + 1);
	if (!block)
		abort();
	lib->free_block(memset(block, 1, 1));
	block = lib->new_block((size_t)i % 7000 + 1);
	free(realloc(block, (size_t)i % 9000 + 1));
	lib->call_back(called_back, lib->new_block(100));
	if (setjmp(landing) == 0)
		lib->call_back(called_to_jump, (void *)lib->jump);
	after();
}

int main(int argc, char **argv)
{
	const int n = argc > 2 ? atoi(argv[2]) : 0;
	void *handle = n ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND) : NULL;
	const struct deep_bound *lib = handle ? dlsym(handle, "deep_bound") : NULL;
	if (!lib)
		return 2;
	for (int i = 0; i < n; i++)
		one_round(lib, i);
	printf("sum %lu\n", lib->sum());
	printf("closed: %d\n", dlclose(handle));
	SAY_CALLS("main", 1);
	SAY_CALLS("one_round", n);
	SAY_CALLS("called_back", n);
	SAY_CALLS("called_to_jump", n);
	SAY_CALLS("leaf", 2 * n);
	SAY_CALLS("after", n);
	return 5;
}
