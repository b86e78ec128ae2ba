/* SPDX-License-Identifier: MIT */
/* early_library - a constructor with the first priority that libraries may have allocates, opens files, and makes a thread
 * that goes on while everybody else starts. With CROWD, eight threads whose first calls come at one moment, before any
 * other: those that find the library starting are dropped, and counted as such. */
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "early.h"
#include "victim.h"

#define FILES 8
#define STEPS 20000
#ifdef CROWD
#define THREADS 8
#else
#define THREADS 1
#endif

static struct early_seen seen;
static pthread_t thread[THREADS];
static pthread_barrier_t start;

static APART void step(unsigned i)
{
	char *volatile memory = malloc(i % 300 + 1);

	if (!memory)
		abort();
	memory[0] = 1;
	free(memory);
}

static APART void steps(void)
{
	for (unsigned i = 0; i < STEPS; i++)
		step(i);
}

static UNTRACED void *in_thread(void *unused)
{
	pthread_barrier_wait(&start);
	steps();
	return unused;
}

static UNTRACED void make_threads(void)
{
	pthread_barrier_init(&start, NULL, THREADS);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&thread[i], NULL, in_thread, NULL);
}

static UNTRACED void open_files(void)
{
	char text[64];
	int fd = -1;

	for (int i = 0; i < FILES; i++) {
		fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
		seen.first_file = i ? seen.first_file : fd;
		seen.bytes += (size_t)read(fd, text, sizeof(text));
	}
	seen.last_file = fd;
}

#ifdef CROWD
__attribute__((constructor(101))) static UNTRACED void early(void)
{
	open_files();
	make_threads();
}
#else
__attribute__((constructor(101))) static APART void early(void)
{
	open_files();
	make_threads();
	steps();
}
#endif

struct early_seen early_end(void)
{
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	for (int fd = seen.first_file; fd <= seen.last_file; fd++)
		close(fd);
#ifdef CROWD
	printf("made %d\n", THREADS * (1 + STEPS));
#else
	SAY_CALLS("early", 1);
	SAY_CALLS("steps", 1 + THREADS);
	SAY_CALLS("step", (1 + THREADS) * STEPS);
#endif
	return seen;
}
