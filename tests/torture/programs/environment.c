/* SPDX-License-Identifier: MIT */
/* environment PROGRAM - starts a program that shows its environment in every way there is, with the environment of its own,
 * with one that it gives, and with none. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "victim.h"

extern char **environ;
static char *program, *none[] = {NULL}, *given[] = {(char *)"GIVEN=1", (char *)"LD_X=2", NULL};
static char *own_argv[] = {(char *)"show_environment", (char *)"own", NULL};
static char *given_argv[] = {(char *)"show_environment", (char *)"given", NULL};

static void by_execl(void)
{
	execl(program, "show_environment", "own", (char *)NULL);
}

static void by_execlp(void)
{
	execlp(program, "show_environment", "own", (char *)NULL);
}

static void by_execv(void)
{
	execv(program, own_argv);
}

static void by_execvp(void)
{
	execvp(program, own_argv);
}

static void by_execve(void)
{
	execve(program, own_argv, environ);
}

static void by_system(void)
{
	char command[4200];
	snprintf(command, sizeof command, "exec '%s' own", program);
	_exit(system(command) >> 8);
}

static void by_popen(void)
{
	char command[4200], line[4200];
	snprintf(command, sizeof command, "exec '%s' own", program);
	FILE *pipe = popen(command, "r");
	while (pipe && fgets(line, sizeof line, pipe))
		fputs(line, stdout);
	fflush(stdout);
	_exit(pipe ? pclose(pipe) >> 8 : 9);
}

static void by_execle(void)
{
	execle(program, "show_environment", "given", (char *)NULL, given);
}

static void by_execve_given(void)
{
	execve(program, given_argv, given);
}

static void by_execve_none(void)
{
	execve(program, given_argv, none);
}

static void by_execvpe(void)
{
	execvpe(program, given_argv, given);
}

static void by_fexecve(void)
{
	fexecve(open(program, O_RDONLY | O_CLOEXEC), given_argv, given);
}

static void by_execveat(void)
{
	execveat(AT_FDCWD, program, given_argv, given, 0);
}

static void by_clearenv(void)
{
	clearenv();
	execv(program, given_argv);
}

static void reap_and_end(pid_t pid)
{
	int status = -1;
	_exit(waitpid(pid, &status, 0) == pid ? status >> 8 : 9);
}

static void by_posix_spawn(void)
{
	pid_t pid;
	if (posix_spawn(&pid, program, NULL, NULL, own_argv, environ) == 0)
		reap_and_end(pid);
}

static void by_posix_spawnp(void)
{
	pid_t pid;
	if (posix_spawnp(&pid, program, NULL, NULL, given_argv, given) == 0)
		reap_and_end(pid);
}

static const struct {
	const char *name;
	void (*run)(void);
} ways[] = {
	{"execl", by_execl},
	{"execlp", by_execlp},
	{"execv", by_execv},
	{"execvp", by_execvp},
	{"execve", by_execve},
	{"system", by_system},
	{"popen", by_popen},
	{"posix_spawn", by_posix_spawn},
	{"execle, given", by_execle},
	{"execve, given", by_execve_given},
	{"execve, none", by_execve_none},
	{"execvpe, given", by_execvpe},
	{"fexecve, given", by_fexecve},
	{"execveat, given", by_execveat},
	{"posix_spawnp, given", by_posix_spawnp},
	{"execv after clearenv", by_clearenv},
};

int main(int argc, char **argv)
{
	int status, good = 0;
	if (argc < 2)
		return 2;
	program = argv[1];
	for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
		printf("-- %s\n", ways[i].name);
		fflush(stdout);
		const pid_t pid = fork();
		if (pid == 0) {
			ways[i].run();
			_exit(9);
		}
		good += waitpid(pid, &status, 0) == pid && status == 7 << 8;
	}
	printf("%d ways\n", good);
	SAY_CALLS("main", 1);
	SAY_CALLS("by_execl", 1);
	SAY_CALLS("by_fexecve", 1);
	SAY_CALLS("by_execveat", 1);
	SAY_CALLS("by_popen", 1);
	SAY_CALLS("reap_and_end", 2);
	return 0;
}
