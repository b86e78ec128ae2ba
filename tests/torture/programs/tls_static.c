/* SPDX-License-Identifier: MIT */
/* tls_static - libraries in the initial-exec model are loaded late: they share what room the loader keeps for that. Which of
 * them find room is the same as ever, and threads that were there before find their variables as they should be. */
#include <pthread.h>
#include <stdlib.h>

#include "copies.h"

#define MOST 64

static pthread_barrier_t loaded;
static unsigned long (*touch[MOST])(unsigned long);
static int libraries;

static APART unsigned long touch_all(void)
{
	unsigned long sum = 0;

	for (int i = 0; i < libraries; i++)
		sum += touch[i](0) + touch[i](1);
	return sum;
}

static APART void *early_thread(void *unused)
{
	pthread_barrier_wait(&loaded);
	printf("an older thread: %lu\n", touch_all());
	return unused;
}

/* Copies of @path until there is no room. */
static APART void fill(const char *path)
{
	const int before = libraries;

	while (libraries < MOST) {
		void *handle = load_copy(path, libraries);
		if (!handle)
			break;
		*(void **)&touch[libraries++] = dlsym(handle, "touch");
	}
	printf("%d loaded\n", libraries - before);
}

int main(int argc, char **argv)
{
	pthread_t thread;

	pthread_barrier_init(&loaded, NULL, 2);
	pthread_create(&thread, NULL, early_thread, NULL);
	for (int i = 1; i < argc; i++)
		fill(argv[i]);
	pthread_barrier_wait(&loaded);
	pthread_join(thread, NULL);
	printf("this one: %lu\n", touch_all());
	SAY_CALLS("main", 1);
	SAY_CALLS("touch_all", 2);
	SAY_CALLS("fill", argc - 1);
	SAY_CALLS("touch", 2 * 2 * libraries);
	return 0;
}
