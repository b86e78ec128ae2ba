/* SPDX-License-Identifier: MIT */
/* overflow die|recover N - calls itself N times deep on a stack that has room for it, then without end on one that has not:
 * a handler on an alternate stack says so, like those of Rust or a virtual machine. Then the process dies of that signal,
 * or the handler jumps out of it, twenty times. Calls that overflow may or may not have been begun. */
#define _GNU_SOURCE
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "victim.h"

#define ALTERNATE (64 << 10)
#define BIG (1ul << 30)
#define ROUNDS 20

static sigjmp_buf back;
static int recover;
static char *low_end;
static volatile unsigned long sink;
static unsigned long before, inside;

static UNTRACED void say(const char *text)
{
	if (write(STDERR_FILENO, text, strlen(text)) < 0)
		_exit(3);
}

static APART void overflowed(int number, siginfo_t *info, void *context)
{
	const char *address = info->si_addr;
	(void)context;
	if (address >= low_end - 65536 && address < low_end + 65536)
		say("stack overflow\n");
	else
		say("something else\n");
	if (recover)
		siglongjmp(back, 1);
	signal(number, SIG_DFL);
}

static APART long descend(long n)
{
	inside++;
	if (n == 0)
		return 0;
	before++;
	return descend(n - 1) + (long)(sink & 1);
}

static APART void after(void)
{
	sink += 2;
}

static void *on_big_stack(void *n)
{
	before++;
	descend(*(long *)n);
	return NULL;
}

static UNTRACED void find_low_end(void)
{
	pthread_attr_t attributes;
	void *low = NULL;
	size_t size = 0;
	pthread_getattr_np(pthread_self(), &attributes);
	pthread_attr_getstack(&attributes, &low, &size);
	pthread_attr_destroy(&attributes);
	low_end = low;
}

static void *on_small_stack(void *unused)
{
	static char alternate[ALTERNATE];
	const stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate};
	const struct sigaction action = {.sa_sigaction = overflowed,
					 .sa_flags = SA_ONSTACK | SA_SIGINFO};
	find_low_end();
	sigaltstack(&stack, NULL);
	sigaction(SIGSEGV, &action, NULL);
	for (volatile int i = 0; i < ROUNDS; i++) {
		if (!sigsetjmp(back, 1)) {
			before++;
			descend(-1);
		}
		after();
	}
	return unused;
}

static UNTRACED void in_thread(void *(*start)(void *), size_t size, void *argument)
{
	pthread_attr_t attributes;
	pthread_t thread;
	pthread_attr_init(&attributes);
	if (pthread_attr_setstacksize(&attributes, size) ||
	    pthread_create(&thread, &attributes, start, argument) || pthread_join(thread, NULL))
		abort();
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	long n = atol(argv[2]);
	recover = argv[1][0] == 'r';
	in_thread(on_big_stack, BIG, &n);
	if (!recover) {
		SAY_CALLS("on_big_stack", 1);
		SAY_CALLS("on_small_stack", 1);
		SAY_CALLS("overflowed", 1);
		fflush(stdout);
	}
	in_thread(on_small_stack, 256 << 10, NULL);
	printf("between descend %lu %lu\n", inside, before);
	SAY_CALLS("after", ROUNDS);
	SAY_CALLS("overflowed", ROUNDS);
	return 0;
}
