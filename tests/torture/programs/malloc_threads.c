/* SPDX-License-Identifier: MIT */
/* malloc_threads - threads take, change and give back blocks of one size class as fast as they can, also each other's:
 * every block holds what was written into it, none is live at the end but those that the program knows of, and every
 * call is counted. With an allocator of its own in the program or beside it, it says which one answers. */
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

#include "victim.h"

#define SLOTS 64
#define SHARED 16
#define WORDS 6 /* 48 bytes */

extern int mallctl(const char *, void *, size_t *, void *, size_t) __attribute__((weak));
extern const char *tc_version(int *, int *, const char **) __attribute__((weak));
extern void shim_say(void) __attribute__((weak));

struct counts {
	unsigned long seed, taken, given, changed, passed;
};

static unsigned long rounds;
static uint64_t *shared[SHARED];

static APART uint64_t *take(uint64_t seed)
{
	uint64_t *block = malloc(WORDS * sizeof(*block));

	if (!block)
		abort();
	block[0] = seed;
	block[WORDS - 1] = ~seed;
	return block;
}

static APART void give(uint64_t *block)
{
	if (block[0] != ~block[WORDS - 1])
		abort();
	free(block);
}

static APART uint64_t *change(uint64_t *block)
{
	uint64_t *moved = realloc(block, (WORDS + 1) * sizeof(*block));

	if (!moved || moved[0] != ~moved[WORDS - 1])
		abort();
	return moved;
}

/* The block is the others' to give back; what was there is ours. */
static APART uint64_t *pass(uint64_t *block, unsigned to)
{
	return __atomic_exchange_n(&shared[to % SHARED], block, __ATOMIC_ACQ_REL);
}

static APART void hammer(uint64_t state, struct counts *counts)
{
	uint64_t *slot[SLOTS] = {NULL};

	for (unsigned long i = 0; i < rounds; i++) {
		state = state * 6364136223846793005u + 1442695040888963407u;
		uint64_t **at = &slot[(state >> 33) % SLOTS];
		const unsigned how = (state >> 40) % 8;
		if (!*at) {
			*at = take(state);
			counts->taken++;
		} else if (how == 0) {
			uint64_t *other = pass(*at, (unsigned)(state >> 50));
			*at = NULL;
			counts->passed++;
			if (other) {
				give(other);
				counts->given++;
			}
		} else if (how < 3) {
			*at = change(*at);
			counts->changed++;
		} else {
			give(*at);
			counts->given++;
			*at = NULL;
		}
	}
	for (int i = 0; i < SLOTS; i++)
		if (slot[i]) {
			give(slot[i]);
			counts->given++;
		}
}

static APART void *work(void *argument)
{
	struct counts *counts = argument;

	hammer(counts->seed, counts);
	return NULL;
}

static void say(const struct counts *all, int threads)
{
	printf("%s%s\n", mallctl ? "jemalloc" : "", tc_version ? "tcmalloc" : "");
	printf("live at the end: %ld\n", (long)(all->taken - all->given));
	SAY_CALLS("main", 1);
	SAY_CALLS("work", threads);
	SAY_CALLS("hammer", threads);
	SAY_CALLS("take", all->taken);
	SAY_CALLS("give", all->given);
	SAY_CALLS("change", all->changed);
	SAY_CALLS("pass", all->passed);
}

int main(int argc, char **argv)
{
	const int threads = argc > 1 ? atoi(argv[1]) : 16;
	pthread_t thread[64];
	struct counts counts[64] = {{0}}, all = {0};

	rounds = argc > 2 ? strtoul(argv[2], NULL, 10) : 100000;
	for (int i = 0; i < threads; i++) {
		counts[i].seed = (unsigned long)i;
		pthread_create(&thread[i], NULL, work, &counts[i]);
	}
	for (int i = 0; i < threads; i++) {
		pthread_join(thread[i], NULL);
		all.taken += counts[i].taken;
		all.given += counts[i].given;
		all.changed += counts[i].changed;
		all.passed += counts[i].passed;
	}
	for (int i = 0; i < SHARED; i++)
		if (shared[i]) {
			give(shared[i]);
			all.given++;
		}
	if (shim_say)
		shim_say();
	say(&all, threads);
	return 0;
}
