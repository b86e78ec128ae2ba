/* SPDX-License-Identifier: MIT */
/* reload FIRST SECOND - load, call, unload: the first library, then the second, then the first
 * again. */
#include <dlfcn.h>
#include <stdlib.h>

#include "victim.h"

/* Calls NAME of a library. Return: its address. */
static void *use(const char *path, const char *name, int n)
{
	void *library = dlopen(path, RTLD_NOW);
	void *symbol = library ? dlsym(library, name) : NULL;
	if (!symbol)
		abort();
	for (int i = 0; i < n; i++)
		((void (*)(void))symbol)();
	if (dlclose(library))
		abort();
	return symbol;
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	void *first = use(argv[1], "alpha", 1000);
	void *second = use(argv[2], "bravo", 2000);
	void *again = use(argv[1], "alpha", 4000);
	printf("same address: %d %d\n", first == second, first == again);
	SAY_CALLS("alpha", 5000);
	SAY_CALLS("bravo", 2000);
	SAY_CALLS("use", 3);
	return 0;
}
