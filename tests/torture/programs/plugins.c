/* SPDX-License-Identifier: MIT */
/* plugins - loads libraries in every way there is: by its own $ORIGIN run path, into a namespace of their own, itself,
 * without loading; the loader must answer as if nobody were between. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>

#include "victim.h"

#define CALLS 1000

static UNTRACED int (*function(void *handle, const char *name))(int)
{
	return handle ? (int (*)(int))dlsym(handle, name) : NULL;
}

static UNTRACED int call(int (*work)(int), const char *how)
{
	const int n = work ? work(CALLS) : -1;

	printf("%s %d\n", how, n);
	return n > 0;
}

APART int of_the_program(int times)
{
	return times;
}

int main(void)
{
	int plug = 0, name_space = 0;

	printf("not loaded yet %d\n", dlopen("libplug.so", RTLD_NOW | RTLD_NOLOAD) == NULL);
	void *by_origin = dlopen("libplug.so", RTLD_NOW);
	plug += call(function(by_origin, "plug_work"), "by $ORIGIN");
	void *again = dlopen("libplug.so", RTLD_NOW | RTLD_NOLOAD);
	printf("the same %d\n", again && again == by_origin);
	void *apart = dlmopen(LM_ID_NEWLM, "libplug.so", RTLD_NOW);
	name_space += call(function(apart, "plug_work"), "in a namespace");
	printf("another %d\n", apart != by_origin);
	void *itself = dlopen(NULL, RTLD_NOW);
	call(function(itself, "of_the_program"), "itself");
	printf("missing %d\n", dlopen("libnot-there.so", RTLD_NOW) == NULL);
	printf("closed %d %d\n", dlclose(again), dlclose(by_origin));
	printf("gone %d\n", dlopen("libplug.so", RTLD_NOW | RTLD_NOLOAD) == NULL);
	SAY_CALLS("main", 1);
	SAY_CALLS("of_the_program", 1);
	SAY_CALLS("plug_work", plug + NAMESPACE_SEEN * name_space);
	SAY_CALLS("plug_inner", (plug + NAMESPACE_SEEN * name_space) * CALLS);
	return 0;
}
