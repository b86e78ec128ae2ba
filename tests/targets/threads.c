/* SPDX-License-Identifier: MIT */
/* threads together|short|exit|forever|late N - what threads do.
 *   together: N threads at once, each 20,000 calls
 *   short:    N threads, 16 at a time, each a few calls
 *   exit:     N threads that end by pthread_exit() in nested calls
 *   forever:  main returns while N detached threads call without end
 *   late:     main ends by pthread_exit(), a thread ends the process */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "victim.h"

#define AT_A_TIME 16
#define MOST 1000

static volatile unsigned long sink;
static pthread_t threads[MOST];
static volatile int started;

static APART void leaf(void)
{
	sink++;
}

static APART void work(int n)
{
	for (int i = 0; i < n; i++)
		leaf();
}

static void *start_together(void *unused)
{
	work(20000);
	return unused;
}

static void *start_short(void *unused)
{
	work(3);
	return unused;
}

static APART void leave(int n)
{
	leaf();
	if (n == 0)
		pthread_exit(NULL);
	if (n > 0) /* always: the compiler need not know */
		leave(n - 1);
}

static void *start_exit(void *unused)
{
	leave(9);
	return unused;
}

static void *start_forever(void *unused)
{
	work(1000);
	__atomic_add_fetch(&started, 1, __ATOMIC_SEQ_CST);
	for (;;)
		work(1000);
	return unused;
}

static void *start_late(void *main_thread)
{
	pthread_join(*(pthread_t *)main_thread, NULL);
	work(1000);
	SAY_CALLS("work", 1);
	SAY_CALLS("leaf", 1000);
	exit(6);
}

static UNTRACED void run(void *(*start)(void *), int n, int at_a_time)
{
	for (int done = 0; done < n; done += at_a_time) {
		const int now = n - done < at_a_time ? n - done : at_a_time;
		for (int i = 0; i < now; i++)
			if (pthread_create(&threads[i], NULL, start, NULL))
				abort();
		for (int i = 0; i < now; i++)
			pthread_join(threads[i], NULL);
	}
}

static int together(int n)
{
	run(start_together, n, MOST);
	SAY_CALLS("start_together", n);
	SAY_CALLS("work", n);
	SAY_CALLS("leaf", 20000ul * n);
	return 0;
}

static int short_lives(int n)
{
	run(start_short, n, AT_A_TIME);
	SAY_CALLS("start_short", n);
	SAY_CALLS("work", n);
	SAY_CALLS("leaf", 3ul * n);
	return 0;
}

static int by_exit(int n)
{
	run(start_exit, n, AT_A_TIME);
	SAY_CALLS("start_exit", n);
	SAY_CALLS("leave", 10ul * n);
	SAY_CALLS("leaf", 10ul * n);
	return 0;
}

static int forever(int n)
{
	for (int i = 0; i < n; i++)
		if (pthread_create(&threads[i], NULL, start_forever, NULL) ||
		    pthread_detach(threads[i]))
			abort();
	while (started < n)
		usleep(1000);
	SAY_CALLS("start_forever", n);
	return 9;
}

static int late(int n)
{
	static pthread_t self;
	(void)n;
	self = pthread_self();
	if (pthread_create(&threads[0], NULL, start_late, &self))
		abort();
	pthread_exit(NULL);
}

static const struct {
	const char *name;
	int (*run)(int n);
} kinds[] = {
	{"together", together}, {"short", short_lives}, {"exit", by_exit},
	{"forever", forever},	{"late", late},
};

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].name, argv[1]) == 0)
			return kinds[i].run(atoi(argv[2]));
	return 2;
}
