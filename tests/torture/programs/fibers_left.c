/* SPDX-License-Identifier: MIT */
/* fibers_left - a fiber is left in the middle of a call, and its thread ends. A thread that has called nothing yet makes
 * another fiber on that stack. Then main forks on a fiber, and in the child another thread calls first. */
#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "victim.h"

#define LEAVES 10

static char stack[64 << 10] __attribute__((aligned(16)));
static ucontext_t fiber, thread;
static volatile unsigned long sink;

static APART void leaf(void)
{
	sink++;
}

static APART void leaves(void)
{
	for (int i = 0; i < LEAVES; i++)
		leaf();
}

static APART void old_body(void)
{
	leaves();
	swapcontext(&fiber, &thread);
	leaves();
}

static APART void new_body(void)
{
	leaves();
}

static UNTRACED void run(void (*body)(void))
{
	getcontext(&fiber);
	fiber.uc_stack.ss_sp = stack;
	fiber.uc_stack.ss_size = sizeof stack;
	fiber.uc_link = &thread;
	makecontext(&fiber, body, 0);
	swapcontext(&thread, &fiber);
}

static UNTRACED void *old_thread(void *unused)
{
	leaves();
	run(old_body);
	return unused;
}

static UNTRACED void *new_thread(void *unused)
{
	run(new_body);
	return unused;
}

static UNTRACED void *call(void *unused)
{
	leaves();
	return unused;
}

static UNTRACED void join(void *(*body)(void *))
{
	pthread_t other;
	if (pthread_create(&other, NULL, body, NULL) || pthread_join(other, NULL))
		abort();
}

static APART void forking_body(void)
{
	int status;
	leaves();
	const pid_t pid = fork();
	if (pid == 0) {
		join(call);
		leaves();
		_exit(0);
	}
	waitpid(pid, &status, 0);
}

UNTRACED int main(void)
{
	join(old_thread);
	join(new_thread);
	run(forking_body);
	SAY_CALLS("leaf", 6 * LEAVES);
	SAY_CALLS("old_body", 1);
	SAY_CALLS("new_body", 1);
	return 0;
}
