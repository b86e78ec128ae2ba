/* SPDX-License-Identifier: MIT */
/* spawn_many vfork-exec|vfork-exit|vfork-kill|spawn|spawnp N PROGRAM - children that borrow their parent's memory until they are
 * another program, end, or are killed: what they call before is their parent's. Nothing is left of them. */
#define _GNU_SOURCE
#include <dirent.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "victim.h"

#define CALLS 3

extern char **environ;
static volatile unsigned long sink;
static char *const program_argv[] = {(char *)"nothing", NULL};

static APART void in_parent(void)
{
	sink++;
}

static APART void in_child(void)
{
	sink++;
}

static UNTRACED void work(void)
{
	for (int i = 0; i < CALLS; i++)
		in_child();
}

static APART pid_t vforked(const char *how, const char *program)
{
	const pid_t pid = vfork();
	if (pid == 0) {
		work();
		if (strcmp(how, "vfork-exec") == 0)
			execve(program, program_argv, environ);
		if (strcmp(how, "vfork-kill") == 0)
			kill(getpid(), SIGKILL);
		_exit(9);
	}
	return pid;
}

static APART pid_t spawned(int by_name, const char *program)
{
	pid_t pid;
	const int error = by_name ? posix_spawnp(&pid, program, NULL, NULL, program_argv, environ)
				  : posix_spawn(&pid, program, NULL, NULL, program_argv, environ);
	return error ? -1 : pid;
}

static UNTRACED int entries(const char *directory)
{
	DIR *dir = opendir(directory);
	int n = 0;
	while (dir && readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static UNTRACED long resident_kib(void)
{
	long pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");
	if (!file || fscanf(file, "%*d %ld", &pages) != 1)
		abort();
	fclose(file);
	return pages * 4;
}

int main(int argc, char **argv)
{
	int status, good = 0;
	long before = 0;
	if (argc < 4)
		return 2;
	const int n = atoi(argv[2]), spawn = argv[1][0] == 's';
	const int expected = strcmp(argv[1], "vfork-kill") == 0	  ? SIGKILL
			     : strcmp(argv[1], "vfork-exit") == 0 ? 9 << 8
								  : 7 << 8;
	const int fds = entries("/proc/self/fd");
	for (int i = 0; i < n; i++) {
		const pid_t pid =
			spawn ? spawned(argv[1][5] == 'p', argv[3]) : vforked(argv[1], argv[3]);
		in_parent();
		good += pid > 0 && waitpid(pid, &status, 0) == pid && status == expected;
		if (i == n / 10)
			before = resident_kib();
	}
	printf("as expected %d of %d, descriptors more: %d, more than 1 MiB more: %s\n", good, n,
	       entries("/proc/self/fd") - fds, resident_kib() - before > 1024 ? "yes" : "no");
	SAY_CALLS("main", 1);
	SAY_CALLS("in_parent", n);
	SAY_CALLS("in_child", spawn ? 0 : CALLS * n);
	return waitpid(-1, NULL, WNOHANG) == -1 ? 0 : 1;
}
