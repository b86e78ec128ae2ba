/* SPDX-License-Identifier: MIT */
/* alive N [M] - N threads that are all alive at one time, on stacks as small as they may be; each calls before and after
 * all have come. M more come and go meanwhile, one after the other. Status 77: the machine does not let us. */
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "victim.h"

static pthread_barrier_t all_there;
static volatile unsigned long sink;

static APART void leaf(void)
{
	sink++;
}

static APART void middle(void)
{
	leaf();
	sink++;
}

static void *life(void *unused)
{
	(void)unused;
	middle();
	pthread_barrier_wait(&all_there);
	middle();
	return NULL;
}

static void *brief(void *unused)
{
	middle();
	return unused;
}

static UNTRACED void come_and_go(size_t n)
{
	for (size_t i = 0; i < n; i++) {
		pthread_t thread;
		if (pthread_create(&thread, NULL, brief, NULL) || pthread_join(thread, NULL))
			_Exit(77);
	}
}

/* One mapping for all stacks: a machine has a limit of mappings too. */
int main(int argc, char **argv)
{
	const size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000, bytes = PTHREAD_STACK_MIN;
	pthread_t *threads = calloc(n, sizeof *threads);
	pthread_attr_t attributes;
	char *stacks = mmap(NULL, n * bytes, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	pthread_barrier_init(&all_there, NULL, (unsigned)n + 1);
	pthread_attr_init(&attributes);
	for (size_t i = 0; i < n; i++) {
		pthread_attr_setstack(&attributes, stacks + i * bytes, bytes);
		if (pthread_create(&threads[i], &attributes, life, NULL))
			_Exit(77);
	}
	const size_t m = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
	come_and_go(m);
	pthread_barrier_wait(&all_there);
	for (size_t i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	SAY_CALLS("life", n);
	SAY_CALLS("brief", m);
	SAY_CALLS("middle", 2 * n + m);
	SAY_CALLS("leaf", 2 * n + m);
	return 0;
}
