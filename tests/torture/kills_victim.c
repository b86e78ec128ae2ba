/* SPDX-License-Identifier: MIT */
/* kills-victim FD THREADS ROUNDS [unnoticed] - the victim of `kills`: threads that do nothing but call, until they are killed.
 *
 * FD is the page where each thread publishes its calls. A thread ends after ROUNDS calls and makes its successor
 * (0: it never ends), unnoticed by the bare system call. Every slot has functions of its own, so that a report tells what each thread did. */
#include <linux/futex.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kills_page.h"

#define UNTRACED __attribute__((no_instrument_function))
#define APART __attribute__((noinline))

static struct kills_page *page;
static uint64_t rounds;
static bool unnoticed;
static volatile uint64_t sinks[KILLS_SLOTS * 8];
static pthread_attr_t detached;

static inline UNTRACED void publish(uint64_t *count)
{
	__atomic_store_n(count, *count + 1, __ATOMIC_SEQ_CST);
}

#define FUNCTIONS_OF_SLOT(n)                                                                       \
	static APART void inner_##n(void)                                                          \
	{                                                                                          \
		sinks[(n)*8]++;                                                                    \
	}                                                                                          \
	static APART void outer_##n(void)                                                          \
	{                                                                                          \
		struct kills_count *inner = &page->slots[n].counts[KILLS_INNER];                   \
		publish(&inner->before);                                                           \
		inner_##n();                                                                       \
		publish(&inner->after);                                                            \
	}                                                                                          \
	static APART void body_##n(void)                                                           \
	{                                                                                          \
		struct kills_count *outer = &page->slots[n].counts[KILLS_OUTER];                   \
		for (uint64_t i = 0; i < rounds || !rounds; i++) {                                 \
			publish(&outer->before);                                                   \
			outer_##n();                                                               \
			publish(&outer->after);                                                    \
		}                                                                                  \
	}

FUNCTIONS_OF_SLOT(0)
FUNCTIONS_OF_SLOT(1)
FUNCTIONS_OF_SLOT(2)
FUNCTIONS_OF_SLOT(3)
FUNCTIONS_OF_SLOT(4)
FUNCTIONS_OF_SLOT(5)
FUNCTIONS_OF_SLOT(6)
FUNCTIONS_OF_SLOT(7)

#define ROW(n)                                                                                     \
	{                                                                                          \
		body_##n, outer_##n, inner_##n                                                     \
	}
static void (*const functions[KILLS_SLOTS][KILLS_FUNCTIONS])(void) = {
	ROW(0), ROW(1), ROW(2), ROW(3), ROW(4), ROW(5), ROW(6), ROW(7),
};

static UNTRACED void *begin(void *number);

static UNTRACED void succeed(uintptr_t slot)
{
	pthread_t thread;
	while (pthread_create(&thread, &detached, begin, (void *)slot) != 0)
		usleep(100);
}

static UNTRACED void *begin(void *number)
{
	const uintptr_t slot = (uintptr_t)number;
	struct kills_count *body = &page->slots[slot].counts[KILLS_BODY];
	page->slots[slot].tids[page->slots[slot].threads % KILLS_TIDS] = (uint32_t)gettid();
	publish(&page->slots[slot].threads);
	publish(&body->before);
	functions[slot][KILLS_BODY]();
	publish(&body->after);
	succeed(slot);
	if (unnoticed)
		syscall(SYS_exit, 0);
	return NULL;
}

static UNTRACED void say_addresses(void)
{
	for (int slot = 0; slot < KILLS_SLOTS; slot++)
		for (int i = 0; i < KILLS_FUNCTIONS; i++)
			page->slots[slot].counts[i].address = (uint64_t)functions[slot][i];
}

int main(int argc, char **argv)
{
	if (argc != 4 && argc != 5)
		return 2;
	unnoticed = argc == 5;
	page = mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED, atoi(argv[1]), 0);
	if (page == MAP_FAILED)
		return 2;
	rounds = strtoull(argv[3], NULL, 10);
	say_addresses();
	pthread_attr_init(&detached);
	pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&detached, 65536); /* those of threads that end unnoticed stay */
	__atomic_store_n(&page->running, 1, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, &page->running, FUTEX_WAKE, 1, NULL, NULL, 0);
	for (uintptr_t slot = 1; slot < strtoul(argv[2], NULL, 10); slot++)
		succeed(slot);
	begin(NULL); /* comes back when the first thread has made its successor */
	for (;;)
		pause();
}
