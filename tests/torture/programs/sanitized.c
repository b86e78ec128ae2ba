/* SPDX-License-Identifier: MIT */
/* sanitized - a program to be built with a sanitizer, whose runtime stands between the program and libc as the library
 * does: clean, or with the fault that its sanitizer is there for. What that says, and the status, are the same.
 *
 * sanitized clean | address | undefined | thread | leak */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "victim.h"

#define THREADS 4
#define TIMES 2000

static unsigned long shared;
static char *volatile leaked[2];
static jmp_buf back;
static volatile sig_atomic_t raised;

static APART void leaf(size_t i)
{
	char *volatile memory = malloc(i % 100 + 1);

	memory[0] = 1;
	free(memory);
}

static APART void *work(void *unused)
{
	for (size_t i = 0; i < TIMES; i++)
		leaf(i);
	return unused;
}

static APART void jumps(void)
{
	if (setjmp(back) == 0)
		longjmp(back, 1);
}

static APART void handler(int signal)
{
	(void)signal;
	raised++;
}

static APART void child(void)
{
	const pid_t pid = fork();
	int status = -1;

	if (pid == 0) {
		work(NULL);
		_exit(3);
	}
	waitpid(pid, &status, 0);
	printf("child %d\n", WEXITSTATUS(status));
}

static APART void clean(void)
{
	pthread_t thread[THREADS];

	for (int i = 0; i < THREADS; i++)
		pthread_create(&thread[i], NULL, work, NULL);
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	signal(SIGUSR1, handler);
	for (int i = 0; i < 100; i++) {
		raise(SIGUSR1);
		jumps();
	}
	child();
	printf("raised %d\n", (int)raised);
}

static APART int bad_address(size_t i)
{
	char *volatile memory = malloc(10);

	memory[i] = 1;
	free(memory);
	return memory[0];
}

static APART int bad_arithmetic(int n)
{
	return n + 0x7fffffff;
}

static APART void *add(void *unused)
{
	shared++;
	return unused;
}

/* Two accesses at the very same time may escape the sanitizer, and so may one of a thread that has ended: this one comes
 * second, after a wait that orders nothing. */
static void *add_later(void *unused)
{
	const clock_t begin = clock();

	while (clock() - begin < CLOCKS_PER_SEC / 200)
		;
	return add(unused);
}

static APART void race(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, add_later, NULL);
	add(NULL);
	pthread_join(thread, NULL);
}

static APART void leak(void)
{
	for (int i = 0; i < 10; i++)
		leaked[i % 2] = malloc(100);
	leaked[0] = leaked[1] = NULL;
	for (int i = 0; i < 10; i++)
		leaf(1); /* nothing of them is left in registers and on the stack */
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "clean";

	setvbuf(stdout, NULL, _IOLBF, 0);
	clean();
	SAY_CALLS("main", 1);
	SAY_CALLS("clean", 1);
	SAY_CALLS("work", THREADS + 1);
	SAY_CALLS("leaf", (THREADS + 1) * TIMES + (strcmp(what, "leak") == 0 ? 10 : 0));
	SAY_CALLS("jumps", 100);
	SAY_CALLS("handler", 100);
	SAY_CALLS("child", 1);
	if (strcmp(what, "address") == 0)
		bad_address(10);
	else if (strcmp(what, "undefined") == 0)
		bad_arithmetic(argc);
	else if (strcmp(what, "thread") == 0)
		race();
	else if (strcmp(what, "leak") == 0)
		leak();
	return 0;
}
