/* SPDX-License-Identifier: MIT */
/* tests/model/interrupted.c - a program that is interrupted, to the instruction, by test-interrupt.
 *
 * Compiled with -finstrument-functions. Between two breakpoints it makes one call; the tracer steps from
 * the first to where it wants the signal. Arguments: calls before, 1 for an odd number of events before,
 * calls in the handler, how the handler ends: "return", "jump" or "fork"; or "vfork": the call is made by a
 * vfork child. */
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define PLAIN __attribute__((no_instrument_function))
#define CALLED __attribute__((noinline))

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

/* Deeper than the child was when it died. */
static PLAIN CALLED void fill_deeper(void)
{
	volatile char room[512];
	room[0] = 0;
	for (int i = 0; i < 1000; i++)
		filler();
	work += room[0];
}

static PLAIN CALLED void probe_in_vfork_child(void)
{
	const pid_t child = vfork();
	if (child == 0) {
		probe();
		_exit(0);
	}
	waitpid(child, NULL, 0);
}

static PLAIN void fill_and_probe(int calls)
{
	for (int i = 0; i < calls; i++)
		filler();
	if (ending == 'v') {
		probe_in_vfork_child();
		fill_deeper();
	} else {
		probe();
	}
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
	handler_calls = (int)strtol(argv[3], NULL, 10);
	ending = argv[4][0];
	struct sigaction action = {.sa_handler = on_signal};
	sigaction(SIGUSR1, &action, NULL);
	const int before = (int)strtol(argv[1], NULL, 10);
	if (argv[2][0] == '1')
		odd(before);
	else
		fill_and_probe(before);
	printf("%p %p %p %p\n", (void *)filler, (void *)probed, (void *)handled, (void *)odd);
	return 0;
}
