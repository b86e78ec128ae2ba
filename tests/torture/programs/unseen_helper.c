/* SPDX-License-Identifier: MIT */
/* unseen_helper wait|ignore|subreaper|pipe - who waits for any child, ignores their ends, adopts orphans, or reads what a child
 * wrote, never meets a process that is not its own. It lives long enough for one to be started. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "victim.h"

#define LIFE_NS 300000000ull

static volatile unsigned long calls;
static volatile int ended;

static APART void leaf(void)
{
	calls++;
}

static UNTRACED void live(void)
{
	const unsigned long long end = now_ns() + LIFE_NS;
	while (now_ns() < end)
		leaf();
}

static void on_child(int signal)
{
	(void)signal;
	ended++;
}

static UNTRACED pid_t child(int status)
{
	const pid_t pid = fork();
	if (pid == 0)
		_exit(status);
	return pid;
}

/* Return: children met that are not ours. */
static APART int wait_for_any(void)
{
	int strangers = 0, mine = 0, status;
	signal(SIGCHLD, on_child);
	for (int i = 0; i < 2; i++) {
		strangers += waitpid(-1, &status, WNOHANG) != -1 || errno != ECHILD;
		const pid_t pid = child(3);
		pid_t got;
		while ((got = wait(&status)) > 0)
			*(got == pid ? &mine : &strangers) += 1;
		live();
		strangers += waitpid(-1, &status, WNOHANG | __WALL) != -1 || errno != ECHILD;
	}
	printf("mine %d, signals %d\n", mine, ended);
	return strangers;
}

static APART int ignore(void)
{
	int status;
	signal(SIGCHLD, SIG_IGN);
	live();
	child(3);
	live();
	return wait(&status) != -1 || errno != ECHILD; /* returns when all are gone */
}

static APART int adopt(void)
{
	int status, orphans = 0;
	char byte;
	int fds[2];
	live();
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) || pipe(fds))
		return 100;
	const pid_t pid = fork();
	if (pid == 0) {
		if (fork() == 0) {
			close(fds[1]);
			_exit(read(fds[0], &byte, 1) == 0 ? 4
							  : 5); /* when all others have closed */
		}
		_exit(3);
	}
	if (waitpid(pid, &status, 0) != pid || status != 3 << 8)
		return 101;
	close(fds[1]);
	live();
	while (wait(&status) > 0)
		orphans += status == 4 << 8 ? 1 : 100;
	printf("orphans %d\n", orphans);
	return 0;
}

/* The child is killed: its end of the pipe goes with it, whoever may still report. */
static APART int read_to_end(void)
{
	char byte;
	int fds[2], status = 0, held = 0;
	for (int i = 0; i < 2; i++) {
		if (pipe(fds))
			return 100;
		const pid_t pid = fork();
		if (pid == 0) {
			dup2(fds[1], 1);
			dup2(fds[1], 200);
			live();
			if (write(1, "x", 1) != 1)
				_exit(9);
			for (;;)
				pause(); /* no hook is cut in two */
		}
		close(fds[1]);
		if (read(fds[0], &byte, 1) != 1 || kill(pid, SIGKILL) ||
		    waitpid(pid, &status, 0) != pid)
			return 101;
		struct pollfd end = {fds[0], POLLIN, 0};
		held += poll(&end, 1, 0) != 1 || !(end.revents & POLLHUP);
		close(fds[0]);
	}
	return held;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(void);
	} kinds[] = {{"wait", wait_for_any},
		     {"ignore", ignore},
		     {"subreaper", adopt},
		     {"pipe", read_to_end}};
	for (size_t i = 0; argc > 1 && i < sizeof kinds / sizeof kinds[0]; i++)
		if (strcmp(kinds[i].name, argv[1]) == 0)
			printf("strangers %d\n", kinds[i].run());
	if (argc > 1 && strcmp(argv[1], "pipe") != 0)
		SAY_CALLS("leaf", calls);
	SAY_CALLS("main", 1);
	return 0;
}
