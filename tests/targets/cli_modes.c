/* SPDX-License-Identifier: MIT */
/* tests/targets/cli_modes.c - an instrumented program that ends in the way that its argument
 * says.
 *
 * Calls: main once, middle() 10 times, leaf() 1,000 times; then: exit STATUS, _exit STATUS,
 * kill SIGNAL, abort, exec COMMAND..., pause (until a signal), spawn COMMAND..., which is
 * waited for. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile unsigned sink;

__attribute__((noinline)) static void leaf(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		sink += i;
	}
}

__attribute__((noinline)) static void middle(void)
{
	for (unsigned i = 0; i < 100; i++) {
		leaf(100);
	}
}

static int spawn(char **command)
{
	int status;
	const pid_t child = fork();

	if (child == 0) {
		execvp(command[0], command);
		_exit(127);
	}
	waitpid(child, &status, 0);
	return WEXITSTATUS(status);
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "exit";
	const int number = argc > 2 ? atoi(argv[2]) : 0;

	for (int i = 0; i < 10; i++) {
		middle();
	}
	puts("called");
	fflush(stdout);
	if (strcmp(mode, "_exit") == 0) {
		_exit(number);
	} else if (strcmp(mode, "kill") == 0) {
		raise(number);
	} else if (strcmp(mode, "abort") == 0) {
		abort();
	} else if (strcmp(mode, "exec") == 0) {
		execvp(argv[2], argv + 2);
	} else if (strcmp(mode, "spawn") == 0) {
		return spawn(argv + 2);
	} else if (strcmp(mode, "pause") == 0) {
		pause();
	}
	return number;
}
