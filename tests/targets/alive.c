/* SPDX-License-Identifier: MIT */
/* alive N - N threads that are all alive at one time, on stacks as small as they may be; each calls before and after
 * all have come. Status 77: the machine does not let us. */
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
	pthread_barrier_wait(&all_there);
	for (size_t i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	SAY_CALLS("life", n);
	SAY_CALLS("middle", 2 * n);
	SAY_CALLS("leaf", 2 * n);
	return 0;
}
