/* SPDX-License-Identifier: MIT */
/* exec_pending N PROGRAM [CALLS] - children with a busy second thread become another program in the middle of its calls. That
 * program finds the signals blocked, ignored and pending that the child had, no more, and no timer. */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "victim.h"

static volatile unsigned long sink;

static APART void leaf(void)
{
	sink++;
}

static APART void *busy(void *unused)
{
	for (;;)
		leaf();
	return unused;
}

static UNTRACED void ours(int signal, int pending)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, signal);
	sigprocmask(SIG_BLOCK, &set, NULL);
	if (pending)
		raise(signal);
}

/* Return: only if exec failed. */
static APART void become(const char *program, unsigned int microseconds)
{
	pthread_t thread;
	signal(SIGHUP, SIG_IGN);
	ours(SIGUSR1, 1);
	ours(SIGWINCH, 0);
	if (pthread_create(&thread, NULL, busy, NULL))
		return;
	usleep(microseconds);
	execl(program, "signals_found", (char *)NULL);
}

int main(int argc, char **argv)
{
	int good = 0;
	if (argc < 3)
		return 2;
	const int n = atoi(argv[1]);
	for (int i = 0; i < n; i++) {
		int status = -1;
		const pid_t pid = fork();
		if (pid == 0) {
			become(argv[2], (unsigned int)(i * 37 % 1000));
			_exit(9);
		}
		good += waitpid(pid, &status, 0) == pid && status == 7 << 8;
	}
	printf("as before: %d of %d\n", good, n);
	SAY_CALLS("main", 1);
	return good == n ? 0 : 1;
}
