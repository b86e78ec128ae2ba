/* SPDX-License-Identifier: MIT */
/* namespaces - what only a process with one thread may do, or that takes privileges away: new user, mount, pid and
 * network namespaces, entering one, no new privileges, another root. Prints how each ends, and calls between. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "victim.h"

#define CALLS 5000

static volatile unsigned long sink;
static unsigned long calls;

static APART void work(void)
{
	sink++;
}

static UNTRACED void said(const char *what, int result)
{
	printf("%s %d %d\n", what, result, result < 0 ? errno : 0);
	for (int i = 0; i < CALLS; i++)
		work();
	calls += CALLS;
}

int main(void)
{
	int status = -1;

	said("nothing", 0);
	usleep(250000); /* an attendant is there */
	said("slept", 0);
	const int own = open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC);
	said("setns", setns(own, CLONE_NEWUTS));
	said("user", unshare(CLONE_NEWUSER));
	said("mount", unshare(CLONE_NEWNS));
	said("network", unshare(CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC));
	said("filesystem", unshare(CLONE_FS | CLONE_FILES));
	said("pid", unshare(CLONE_NEWPID));
	fflush(stdout);
	const pid_t child = fork(); /* process 1 in there */
	if (child == 0) {
		work();
		_exit(getpid() == 1 ? 11 : 12);
	}
	calls += 1;
	waitpid(child, &status, 0);
	said("child", WEXITSTATUS(status));
	said("privileges", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	SAY_CALLS("main", 1);
	SAY_CALLS("work", calls);
	return 6;
}
