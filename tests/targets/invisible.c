/* SPDX-License-Identifier: MIT */
/* invisible WHAT [MS] - what a program can see of a profiler in itself. Prints it, and the test
 * compares. With MS it lives so long, so that an attendant has come. */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "victim.h"

extern char **environ;
static volatile unsigned long sink;
static volatile int children_signals;
static int errno_at_start;

static APART void work(void)
{
	sink++;
}

static UNTRACED void call_for(unsigned long long ms)
{
	const unsigned long long until = now_ns() + ms * 1000000;
	do {
		for (int i = 0; i < 1000; i++)
			work();
		if (ms)
			usleep(200);
	} while (now_ns() < until);
}

static int entries(const char *path)
{
	int n = 0;
	DIR *dir = opendir(path);
	for (const struct dirent *entry; dir && (entry = readdir(dir));)
		n += entry->d_name[0] != '.';
	if (dir)
		closedir(dir);
	return n;
}

static void show_descriptors(void)
{
	const int next = dup(0);
	printf("descriptors %d, next %d\n", entries("/proc/self/fd"), next);
}

static void show_threads(void)
{
	printf("threads %d\n", entries("/proc/self/task"));
}

static void show_environment(void)
{
	for (char **variable = environ; *variable; variable++)
		if (strncmp(*variable, "LD_PRELOAD=", 11) && strncmp(*variable, "AUTOPROF_", 9))
			puts(*variable);
}

static void count_signal(int number)
{
	(void)number;
	children_signals++;
}

/* One child of our own, and nothing else, is there to wait for. */
static void show_children(void)
{
	int n = 0, status;
	signal(SIGCHLD, count_signal);
	const pid_t own = fork();
	if (own == 0)
		_exit(0);
	call_for(250);
	for (pid_t pid; (pid = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR;)
		n += pid == own ? 1 : 100;
	printf("children %d, errno %d, signals %d\n", n, errno, children_signals);
}

static void show_signals(void)
{
	sigset_t set;
	int handled = 0, blocked = 0;
	sigprocmask(SIG_BLOCK, NULL, &set);
	for (int i = 1; i < 65; i++) {
		struct sigaction action;
		handled += sigaction(i, NULL, &action) == 0 && action.sa_handler != SIG_DFL;
		blocked += sigismember(&set, i) == 1;
	}
	printf("signals handled %d, blocked %d\n", handled, blocked);
}

static void show_limits(void)
{
	for (int i = 0; i < RLIM_NLIMITS; i++) {
		struct rlimit limit = {0, 0};
		getrlimit(i, &limit);
		printf("limit %d: %llu %llu\n", i, (unsigned long long)limit.rlim_cur,
		       (unsigned long long)limit.rlim_max);
	}
}

static void show_errno(void)
{
	errno = 77;
	for (int i = 0; i < 100000; i++)
		work();
	printf("errno at start %d, after calls %d\n", errno_at_start, errno);
}

static void show_process(void)
{
	char name[16] = "", cwd[4096] = "";
	prctl(PR_GET_NAME, name);
	printf("name %s, cwd %d, dumpable %d, subreaper 0, session is parent's %d, umask %03o\n",
	       name, getcwd(cwd, sizeof(cwd)) != NULL, prctl(PR_GET_DUMPABLE),
	       getsid(0) == getsid(getppid()), umask(0));
}

static void show_read(void)
{
	char byte;
	errno = 0;
	printf("read %zd", read(0, &byte, 1));
	printf(" errno %d\n", errno);
}

static const struct {
	const char *name;
	void (*show)(void);
} kinds[] = {
	{"descriptors", show_descriptors},
	{"threads", show_threads},
	{"environment", show_environment},
	{"children", show_children},
	{"signals", show_signals},
	{"limits", show_limits},
	{"errno", show_errno},
	{"process", show_process},
	{"read", show_read},
};

int main(int argc, char **argv)
{
	errno_at_start = errno;
	if (argc < 2)
		return 2;
	call_for(argc > 2 ? strtoull(argv[2], NULL, 10) : 0);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].name, argv[1]) == 0)
			kinds[i].show();
	return 4;
}
