/* SPDX-License-Identifier: MIT */
/* foreign_children PROGRAM [ARGUMENT] - starts a program that the library is not for, in four ways. */
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "victim.h"

#define ROUNDS 5

extern char **environ;
static volatile unsigned long sink;
static char **program;

static APART void before(void)
{
	sink++;
}

static APART pid_t by_fork(void)
{
	const pid_t pid = fork();
	if (pid == 0) {
		execv(program[0], program);
		_exit(9);
	}
	return pid;
}

static APART pid_t by_vfork(void)
{
	const pid_t pid = vfork();
	if (pid == 0) {
		execv(program[0], program);
		_exit(9);
	}
	return pid;
}

static APART pid_t by_spawn(void)
{
	pid_t pid;
	return posix_spawn(&pid, program[0], NULL, NULL, program, environ) ? -1 : pid;
}

static UNTRACED void say(const char *how, int status)
{
	printf("%s: %d, signal %d\n", how, WEXITSTATUS(status), WTERMSIG(status));
	fflush(stdout);
}

static APART void round_of(void)
{
	pid_t (*const ways[])(void) = {by_fork, by_vfork, by_spawn};
	char command[4200];
	int status;
	for (int i = 0; i < 3; i++) {
		before();
		const pid_t pid = ways[i]();
		status = -1;
		waitpid(pid, &status, 0);
		say(i == 0 ? "fork" : i == 1 ? "vfork" : "spawn", status);
	}
	snprintf(command, sizeof command, "'%s' %s", program[0], program[1] ? program[1] : "");
	say("system", system(command));
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return 2;
	program = argv + 1;
	for (int i = 0; i < ROUNDS; i++)
		round_of();
	SAY_CALLS("main", 1);
	SAY_CALLS("round_of", ROUNDS);
	SAY_CALLS("before", 3 * ROUNDS);
	SAY_CALLS("by_fork", ROUNDS);
	SAY_CALLS("by_vfork", ROUNDS);
	SAY_CALLS("by_spawn", ROUNDS);
	return 0;
}
