/* SPDX-License-Identifier: MIT */
/* processes fork|busy|tree|vfork|spawn|system|popen|raw N - children of all kinds. How often each
 * process calls what is known: the first before() and after(), its children in_child(). */
#include <pthread.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "victim.h"

extern char **environ;
static volatile unsigned long sink;
static volatile int stop;
static char self[4096];

static APART void before(void)
{
	sink++;
}

static APART void in_child(void)
{
	sink++;
}

static APART void background(void)
{
	sink++;
}

static APART void after(void)
{
	sink++;
}

static UNTRACED void repeat(void (*function)(void), int n)
{
	for (int i = 0; i < n; i++)
		function();
}

static APART void child_life(void)
{
	repeat(in_child, 500);
}

static int reap(pid_t pid)
{
	int status = -1;
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int by_fork(int n)
{
	int sum = 0;
	for (int i = 0; i < n; i++) {
		const pid_t pid = fork();
		if (pid == 0) {
			child_life();
			exit(3);
		}
		sum += reap(pid);
	}
	return sum == 3 * n ? 0 : 1;
}

/* Each of n levels forks two children. */
static int by_tree(int n)
{
	pid_t pids[2];
	int sum = 0;
	if (n == 0)
		return 0;
	for (int i = 0; i < 2; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			child_life();
			exit(by_tree(n - 1));
		}
	}
	for (int i = 0; i < 2; i++)
		sum += reap(pids[i]);
	return sum;
}

static int by_vfork(int n)
{
	int sum = 0;
	for (int i = 0; i < n; i++) {
		const pid_t pid = vfork();
		if (pid == 0) {
			if (i % 2)
				_exit(0);
			execl("/bin/true", "true", (char *)NULL);
			_exit(9);
		}
		sum += reap(pid);
	}
	return sum;
}

static int by_spawn(int n)
{
	char *const argv[] = {self, (char *)"child", (char *)"0", NULL};
	int sum = 0;
	for (int i = 0; i < n; i++) {
		pid_t pid;
		if (posix_spawn(&pid, self, NULL, NULL, argv, environ))
			return 1;
		sum += reap(pid);
	}
	return sum == 4 * n ? 0 : 1;
}

static int by_system(int n)
{
	int sum = 0;
	for (int i = 0; i < n; i++)
		sum += WEXITSTATUS(system("exit 5"));
	return sum == 5 * n ? 0 : 1;
}

static int by_popen(int n)
{
	char line[64] = "";
	for (int i = 0; i < n; i++) {
		FILE *pipe = popen("echo out of a pipe", "r");
		if (!pipe || !fgets(line, sizeof(line), pipe) || pclose(pipe))
			return 1;
	}
	return strcmp(line, "out of a pipe\n");
}

static void *in_background(void *unused)
{
	while (!stop)
		background();
	return unused;
}

/* Other threads are in the middle of anything when the process is copied. */
static int by_busy(int n)
{
	pthread_t threads[4];
	for (int i = 0; i < 4; i++)
		if (pthread_create(&threads[i], NULL, in_background, NULL))
			return 1;
	const int status = by_fork(n);
	stop = 1;
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	return status;
}

/* No handlers of fork run: what the child calls has no known callers. */
static int by_raw(int n)
{
	int sum = 0;
	for (int i = 0; i < n; i++) {
		const pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
		if (pid == 0) {
			child_life();
			_exit(3);
		}
		sum += reap(pid);
	}
	return sum == 3 * n ? 0 : 1;
}

static int child(int n)
{
	(void)n;
	child_life();
	return 4;
}

static const struct {
	const char *name;
	int (*run)(int n);
} kinds[] = {
	{"fork", by_fork},   {"tree", by_tree},	    {"vfork", by_vfork},
	{"spawn", by_spawn}, {"system", by_system}, {"popen", by_popen},
	{"raw", by_raw},     {"child", child},	    {"busy", by_busy},
};

int main(int argc, char **argv)
{
	int status = 2;

	if (argc < 3 || readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		return 2;
	if (strcmp(argv[1], "child") == 0)
		return child(0);
	repeat(before, 1000);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].name, argv[1]) == 0)
			status = kinds[i].run(atoi(argv[2]));
	repeat(after, 2000);
	return status;
}
