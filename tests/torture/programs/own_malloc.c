/* SPDX-License-Identifier: MIT */
/* own_malloc - the program's own malloc, calloc, realloc and free are instrumented: the loader calls them before any
 * constructor, libc from everywhere. They must answer, and those that main makes are counted. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "victim.h"

#define ROOM (64u << 20)
#define CALLS 10000

static char heap[ROOM] __attribute__((aligned(16)));
static size_t used;

static APART void *take(size_t bytes)
{
	const size_t want = (bytes + 31) & ~(size_t)15;
	const size_t at = __atomic_fetch_add(&used, want, __ATOMIC_RELAXED);

	if (at + want > ROOM)
		return NULL;
	memcpy(heap + at, &bytes, sizeof(bytes));
	return heap + at + 16;
}

void *malloc(size_t bytes)
{
	return take(bytes);
}

void *calloc(size_t n, size_t bytes)
{
	return take(n * bytes);
}

void free(void *memory)
{
	(void)memory;
}

void *realloc(void *memory, size_t bytes)
{
	void *more = take(bytes);
	size_t had = 0;

	if (memory)
		memcpy(&had, (char *)memory - 16, sizeof(had));
	if (more && memory)
		memcpy(more, memory, had < bytes ? had : bytes);
	return more;
}

static APART void *ask(void *unused)
{
	for (int i = 0; i < CALLS; i++) {
		char *volatile text = malloc(24);
		if (!text)
			abort();
		text[0] = 1;
		free(text);
	}
	return unused;
}

int main(void)
{
	pthread_t thread[4];

	ask(NULL);
	for (int i = 0; i < 4; i++)
		pthread_create(&thread[i], NULL, ask, NULL);
	for (int i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	SAY_CALLS("main", 1);
	SAY_CALLS("ask", 5);
	return 0;
}
