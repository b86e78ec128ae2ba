/* SPDX-License-Identifier: MIT */
/* paused - does what it is told on stdin, a line at a time, and says "done" after each: recording is stopped and started
 * from outside meanwhile. What is asked comes in uninstrumented code.
 *
 *  call N     work() N times, each with two leaf()s
 *  thread N   the same in a thread that ends
 *  fork N     the same in a child
 *  child      a child does what follows, until "over"
 *  open       like the above, inside of nested(), until "close"
 *  fiber      on_fiber() begins on a stack of its own and is left; until "resume"
 *  kill       SIGKILL */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "victim.h"

static volatile unsigned long sink;
static ucontext_t here, there;
static char stack[65536];

static UNTRACED void obey(const char *until);

static APART void leaf(void)
{
	sink++;
}

static APART void work(void)
{
	leaf();
	leaf();
	sink++;
}

static UNTRACED void *work_n_times(void *n)
{
	for (unsigned long i = (unsigned long)n; i > 0; i--)
		work();
	return NULL;
}

static APART void nested(void)
{
	obey("close");
	sink++;
}

static APART void on_fiber(void)
{
	leaf();
	swapcontext(&there, &here);
	leaf();
	sink++;
}

static UNTRACED void fiber(void)
{
	getcontext(&there);
	there.uc_stack.ss_sp = stack;
	there.uc_stack.ss_size = sizeof stack;
	there.uc_link = &here;
	makecontext(&there, on_fiber, 0);
	swapcontext(&here, &there);
	obey("resume");
	swapcontext(&here, &there);
}

static UNTRACED void do_one(const char *what, unsigned long n)
{
	pthread_t thread;
	if (strcmp(what, "call") == 0) {
		work_n_times((void *)n);
	} else if (strcmp(what, "thread") == 0) {
		pthread_create(&thread, NULL, work_n_times, (void *)n);
		pthread_join(thread, NULL);
	} else if (strcmp(what, "fork") == 0) {
		const pid_t child = fork();
		if (child == 0) {
			work_n_times((void *)n);
			_exit(0);
		}
		waitpid(child, NULL, 0);
	} else if (strcmp(what, "child") == 0) {
		const pid_t child = fork();
		if (child == 0) {
			obey("over");
			_exit(0);
		}
		waitpid(child, NULL, 0);
	} else if (strcmp(what, "open") == 0) {
		nested();
	} else if (strcmp(what, "fiber") == 0) {
		fiber();
	} else if (strcmp(what, "kill") == 0) {
		kill(getpid(), SIGKILL);
	} else {
		abort();
	}
}

static UNTRACED void obey(const char *until)
{
	char line[64], what[32];
	unsigned long n = 0;
	puts("done");
	fflush(stdout);
	while (fgets(line, sizeof line, stdin)) {
		if (sscanf(line, "%31s %lu", what, &n) < 1 || strcmp(what, until) == 0)
			return;
		do_one(what, n);
		puts("done");
		fflush(stdout);
	}
}

int main(void)
{
	obey("end");
	return 0;
}
