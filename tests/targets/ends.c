/* SPDX-License-Identifier: MIT */
/* ends HOW MS [PROGRAM] - calls for MS milliseconds (0: a thousand calls), says how many, and ends
 * in one of many ways. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "victim.h"

#define THREADS 32

static volatile unsigned long sink;
static const char *program;
static volatile int started;

static APART void work(void)
{
	sink++;
}

static UNTRACED void call_for(unsigned long long ms)
{
	const unsigned long long until = now_ns() + ms * 1000000;
	unsigned long n = 0;
	do {
		for (int i = 0; i < 1000; i++)
			work();
		n += 1000;
		if (ms) /* leave others the processor: it is the length that matters */
			usleep(200);
	} while (now_ns() < until);
	SAY_CALLS("work", n);
	SAY_CALLS("main", 1);
	fflush(stdout);
}

static void by_exit(void)
{
	SAY_CALLS("by_exit", 1);
	exit(11);
}

static void by_quick_exit(void)
{
	quick_exit(12);
}

static void by_raw_exit(void)
{
	_exit(13);
}

static void by_Exit(void)
{
	_Exit(14);
}

static void by_abort(void)
{
	abort();
}

static void by_segv(void)
{
	static volatile int *volatile nowhere;
	*nowhere = 1;
}

static void handle_and_exit(int number)
{
	_exit(number);
}

static void by_handler(void)
{
	signal(SIGTERM, handle_and_exit);
	raise(SIGTERM);
}

static void at_exit_work(void)
{
	work();
}

static void by_atexit(void)
{
	atexit(at_exit_work);
	SAY_CALLS("at_exit_work", 1);
	SAY_CALLS("work", 1);
	exit(15);
}

static void *forever(void *unused)
{
	work();
	__atomic_add_fetch(&started, 1, __ATOMIC_SEQ_CST);
	for (;;)
		work();
	return unused;
}

static void with_threads(void)
{
	pthread_t thread;
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&thread, NULL, forever, NULL))
			abort();
	while (started < THREADS)
		usleep(1000);
	exit(16);
}

static void by_exec(void)
{
	execl(program, program, (char *)NULL);
	_exit(99);
}

static void by_exec_failing(void)
{
	if (execl("/nonexistent/program", "x", (char *)NULL) != -1 || errno != ENOENT)
		_exit(98);
	work();
	SAY_CALLS("work", 1);
	exit(17);
}

static void by_few_descriptors(void)
{
	struct rlimit few;
	if (getrlimit(RLIMIT_NOFILE, &few))
		_exit(97);
	few.rlim_cur = 3;
	if (setrlimit(RLIMIT_NOFILE, &few))
		_exit(97);
	exit(18);
}

static const struct {
	const char *name;
	void (*end)(void);
	int signal;
} kinds[] = {
	{"return", NULL, 0},
	{"exit", by_exit, 0},
	{"quick_exit", by_quick_exit, 0},
	{"_exit", by_raw_exit, 0},
	{"_Exit", by_Exit, 0},
	{"abort", by_abort, 0},
	{"segv", by_segv, 0},
	{"handler", by_handler, 0},
	{"atexit", by_atexit, 0},
	{"threads", with_threads, 0},
	{"exec", by_exec, 0},
	{"exec-failing", by_exec_failing, 0},
	{"few-descriptors", by_few_descriptors, 0},
	{"int", NULL, SIGINT},
	{"term", NULL, SIGTERM},
	{"kill", NULL, SIGKILL},
	{"quit", NULL, SIGQUIT},
};

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	program = argc > 3 ? argv[3] : NULL;
	call_for(strtoull(argv[2], NULL, 10));
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(kinds[i].name, argv[1]) != 0)
			continue;
		if (kinds[i].signal)
			kill(getpid(), kinds[i].signal);
		if (kinds[i].end)
			kinds[i].end();
	}
	return 10;
}
