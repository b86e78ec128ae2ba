/* SPDX-License-Identifier: MIT */
/* tests/model/interrupted.c - a program that is interrupted, to the instruction, by test-interrupt.
 *
 * Compiled with -finstrument-functions. Between two breakpoints it makes one call; the tracer steps from
 * the first to where it wants the signal. Arguments: calls before, 1 for an odd number of events before,
 * calls in the handler, how the handler ends: "return", "jump" or "fork". */
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define PLAIN __attribute__((no_instrument_function))
#define CALLED __attribute__((noinline, noipa))

static sigjmp_buf landing;
static int handler_calls;
static char ending;
static volatile int work;

static CALLED void filler(void)
{
	work++;
}

static CALLED void probed(void)
{
	work++;
}

static CALLED void handled(void)
{
	work++;
}

static PLAIN void on_breakpoint(int signal_number)
{
	(void)signal_number;
}

static PLAIN void on_signal(int signal_number)
{
	(void)signal_number;
	for (int i = 0; i < handler_calls; i++)
		handled();
	if (ending == 'j')
		siglongjmp(landing, 1);
	if (ending != 'f')
		return;
	const pid_t child = fork();
	if (child > 0) {
		waitpid(child, NULL, 0);
		return;
	}
	signal(SIGTRAP, on_breakpoint); /* nobody traces the child */
	handled();
}

static PLAIN void probe(void)
{
	if (sigsetjmp(landing, 1))
		return;
	__asm__ volatile("int3");
	probed();
	__asm__ volatile("int3");
}

static PLAIN void fill_and_probe(int calls)
{
	for (int i = 0; i < calls; i++)
		filler();
	probe();
	for (int i = 0; i < 100; i++)
		filler();
}

static CALLED void odd(int calls)
{
	fill_and_probe(calls);
}

PLAIN int main(int argc, char **argv)
{
	if (argc < 5)
		return 2;
	handler_calls = atoi(argv[3]);
	ending = argv[4][0];
	struct sigaction action = {.sa_handler = on_signal};
	sigaction(SIGUSR1, &action, NULL);
	if (atoi(argv[2]))
		odd(atoi(argv[1]));
	else
		fill_and_probe(atoi(argv[1]));
	printf("%p %p %p %p\n", (void *)filler, (void *)probed, (void *)handled, (void *)odd);
	return 0;
}
