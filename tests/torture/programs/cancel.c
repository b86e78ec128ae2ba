/* SPDX-License-Identifier: MIT */
/* cancel deferred|async|blocked|exit N - N threads, 8 at a time, that end in the fifth of nested calls, with cleanup
 * handlers in each:
 *   deferred: cancelled at a cancellation point        async: cancelled in a loop without one
 *   blocked:  cancelled in pthread_cond_wait()         exit: by pthread_exit()
 * What each frame says after the end must never come; what the handlers call must be counted. */
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "victim.h"

#define LEVELS 5
#define AT_A_TIME 8

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t never = PTHREAD_COND_INITIALIZER;
static sem_t ready;
static int cleaned, unlocked, survived;
static volatile unsigned long sink;
static char how;

static APART void in_cleanup(void)
{
	sink++;
}

static APART void clean(void *unused)
{
	(void)unused;
	in_cleanup();
	__atomic_add_fetch(&cleaned, 1, __ATOMIC_RELAXED);
}

static APART void unlock(void *locked)
{
	pthread_mutex_unlock(locked);
	__atomic_add_fetch(&unlocked, 1, __ATOMIC_RELAXED);
}

static APART void end_deferred(void)
{
	for (;;)
		pthread_testcancel();
}

static APART void end_async(void)
{
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
	sem_post(&ready);
	for (;;)
		__asm__ volatile("" ::: "memory");
}

static APART void end_blocked(void)
{
	pthread_mutex_lock(&mutex);
	pthread_cleanup_push(unlock, &mutex);
	sem_post(&ready);
	for (;;)
		pthread_cond_wait(&never, &mutex);
	pthread_cleanup_pop(0);
}

static APART void end_here(void)
{
	if (how == 'a')
		end_async();
	if (how == 'b')
		end_blocked();
	sem_post(&ready);
	if (how == 'd')
		end_deferred();
	if (how == 'e')
		pthread_exit(&cleaned);
}

static APART void level(int n)
{
	pthread_cleanup_push(clean, NULL);
	if (n == LEVELS)
		end_here();
	if (n < LEVELS) /* always: the compiler need not know */
		level(n + 1);
	pthread_cleanup_pop(0);
	survived++;
}

static void *start(void *unused)
{
	level(1);
	survived++;
	return unused;
}

static void run(int n)
{
	pthread_t threads[AT_A_TIME];
	for (int i = 0; i < n; i++)
		if (pthread_create(&threads[i], NULL, start, NULL))
			abort();
	for (int i = 0; i < n; i++)
		sem_wait(&ready);
	for (int i = 0; i < n; i++) {
		void *result = NULL;
		if (how != 'e')
			pthread_cancel(threads[i]);
		if (pthread_join(threads[i], &result) ||
		    result != (how == 'e' ? (void *)&cleaned : PTHREAD_CANCELED))
			survived++;
	}
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	const int n = atoi(argv[2]) / AT_A_TIME * AT_A_TIME;
	how = argv[1][0];
	sem_init(&ready, 0, 0);
	for (int i = 0; i < n; i += AT_A_TIME)
		run(AT_A_TIME);
	printf("cleaned %d unlocked %d survived %d\n", cleaned, unlocked, survived);
	SAY_CALLS("start", n);
	SAY_CALLS("level", LEVELS * n);
	SAY_CALLS("clean", LEVELS * n);
	SAY_CALLS("in_cleanup", LEVELS * n);
	SAY_CALLS("end_here", n);
	SAY_CALLS("unlock", how == 'b' ? n : 0);
	SAY_CALLS("run", n / AT_A_TIME);
	return cleaned == LEVELS * n && survived == 0 ? 0 : 1;
}
