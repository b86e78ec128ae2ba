/* SPDX-License-Identifier: MIT */
/* places MS WHAT... - calls, sleeps for MS milliseconds, calls, then loses its place in the world (WHAT, one or more),
 * calls a thousand times more, and ends with 7. */
#define _GNU_SOURCE
#include <grp.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "victim.h"

#define NOBODY 65534
#define CALLS 1000

static volatile unsigned long sink;
static unsigned long calls;

static APART void work(void)
{
	sink++;
}

static UNTRACED void call(void)
{
	for (int i = 0; i < CALLS; i++)
		work();
	calls += CALLS;
}

static UNTRACED void must(int result, const char *what)
{
	if (result) {
		perror(what);
		exit(1);
	}
}

static UNTRACED void lose(const char *what)
{
	int status = 0;

	if (strcmp(what, "umask") == 0) {
		umask(0777);
	} else if (strcmp(what, "cwd") == 0) {
		must(mkdir("gone", 0700) || chdir("gone") || rmdir("../gone"), what);
	} else if (strncmp(what, "chroot=", 7) == 0) {
		must(chroot(what + 7) || chdir("/"), what);
	} else if (strcmp(what, "mounts") == 0) {
		must(unshare(CLONE_NEWNS), what);
	} else if (strcmp(what, "root") == 0) {
		must(setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) ||
			     setresuid(NOBODY, NOBODY, NOBODY),
		     what);
	} else if (strncmp(what, "wait=", 5) == 0) {
		usleep((useconds_t)atoi(what + 5) * 1000);
	} else if (strncmp(what, "hide=", 5) == 0) {
		char moved[4096];
		snprintf(moved, sizeof(moved), "%s.moved", what + 5);
		must(rename(what + 5, moved), what);
	} else if (strcmp(what, "subreaper") == 0) {
		must(prctl(PR_SET_CHILD_SUBREAPER, 1), what);
	} else if (strcmp(what, "fork") == 0) { /* the parent only waits */
		const pid_t child = fork();
		if (child) {
			must(child < 0 || waitpid(child, &status, 0) != child, what);
			exit(WEXITSTATUS(status));
		}
	}
}

int main(int argc, char **argv)
{
	call();
	usleep(argc > 1 ? (useconds_t)atoi(argv[1]) * 1000 : 0);
	for (int i = 0; i < 50;
	     i++) /* full chunks: it is in a slow path that an attendant is started */
		call();
	for (int i = 2; i < argc; i++)
		lose(argv[i]);
	call();
	SAY_CALLS("main", 1);
	SAY_CALLS("work", calls);
	return 7;
}
