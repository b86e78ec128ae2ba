/* SPDX-License-Identifier: MIT */
/* cli/launch.c - see launch.h. */
#include "cli/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/options.h"

static const int passed_on[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};
#define PASSED_N (sizeof(passed_on) / sizeof(passed_on[0]))

/* The one command of this process: what its handler needs, and what was there before. */
static struct {
	volatile pid_t pid; /* 0: none */
	struct sigaction before[PASSED_N];
	struct sigaction before_child;
	size_t own_rss_bytes;
} state;

/* Return: 0, or why @path cannot be run. */
static int judge(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0) {
		return errno == ENOENT || errno == ENOTDIR ? AP_EXIT_NOT_FOUND
							   : AP_EXIT_NOT_EXECUTABLE;
	}
	return S_ISREG(st.st_mode) && access(path, X_OK) == 0 ? 0 : AP_EXIT_NOT_EXECUTABLE;
}

int ap_launch_find(const char *command, char *ret, size_t size)
{
	const char *path = getenv("PATH");
	int worst = AP_EXIT_NOT_FOUND;

	if (strchr(command, '/')) {
		snprintf(ret, size, "%s", command);
		return judge(command);
	}
	path = path ? path : "/usr/local/bin:/usr/bin:/bin";
	while (*command) {
		const int n = (int)strcspn(path, ":");
		snprintf(ret, size, "%.*s%s%s", n, path, n ? "/" : "", command);
		const int r = judge(ret);
		if (r == 0) {
			return 0;
		}
		/* Directories of PATH that we may not enter hide nothing. */
		worst = r == AP_EXIT_NOT_EXECUTABLE && access(ret, F_OK) == 0 ? r : worst;
		if (!path[n]) {
			break;
		}
		path += n + 1;
	}
	return worst;
}

/* What the terminal sends goes to the command anyway: one ^C must not arrive twice. */
static void pass_on(int signal, siginfo_t *info, void *context)
{
	const int saved = errno;

	(void)context;
	if (info->si_code != SI_KERNEL && state.pid > 0) {
		kill(state.pid, signal);
	}
	errno = saved;
}

/* Handlers go away at the command's exec, so it starts with what we were started with. */
static void take_signals(void)
{
	const struct sigaction action = {.sa_sigaction = pass_on, .sa_flags = SA_SIGINFO};
	const struct sigaction plain = {.sa_handler = SIG_DFL};

	for (size_t i = 0; i < PASSED_N; i++) {
		sigaction(passed_on[i], NULL, &state.before[i]);
		if (state.before[i].sa_handler != SIG_IGN) {
			sigaction(passed_on[i], &action, NULL);
		}
	}
	sigaction(SIGCHLD, &plain, &state.before_child);
}

static void give_signals_back(void)
{
	for (size_t i = 0; i < PASSED_N; i++) {
		sigaction(passed_on[i], &state.before[i], NULL);
	}
}

/* In the child. @error_fd closes at exec, or tells why there was none. */
static void become(char *const *argv, const struct ap_launch_variable *variables,
		   const sigset_t *mask, int error_fd)
{
	for (; variables->name; variables++) {
		if (variables->value) {
			setenv(variables->name, variables->value, 1);
		}
	}
	sigaction(SIGCHLD, &state.before_child, NULL);
	give_signals_back();
	sigprocmask(SIG_SETMASK, mask, NULL);
	execvp(argv[0], argv);
	const int e = errno;
	(void)!write(error_fd, &e, sizeof(e));
	_exit(AP_EXIT_RUN_FAILED);
}

static void block(sigset_t *ret_before)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < PASSED_N; i++) {
		sigaddset(&set, passed_on[i]);
	}
	sigprocmask(SIG_BLOCK, &set, ret_before);
}

int ap_launch_start(char *const *argv, const struct ap_launch_variable *variables,
		    struct ap_launch *ret)
{
	struct rusage own;
	sigset_t mask;
	int fds[2], e = 0;

	if (pipe2(fds, O_CLOEXEC) < 0) {
		return -errno;
	}
	block(&mask); /* none may come between the fork and the pid */
	take_signals();
	ret->pid = fork();
	if (ret->pid == 0) {
		become(argv, variables, &mask, fds[1]);
	}
	const int fork_error = errno;
	state.pid = ret->pid;
	close(fds[1]);
	if (ret->pid > 0 && read(fds[0], &e, sizeof(e)) == (ssize_t)sizeof(e)) {
		waitpid(ret->pid, NULL, 0);
	}
	close(fds[0]);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	e = ret->pid < 0 ? fork_error : e;
	if (e) {
		state.pid = 0;
		give_signals_back();
		return -e;
	}
	ret->pidfd = (int)syscall(SYS_pidfd_open, ret->pid, 0u);
	getrusage(RUSAGE_SELF, &own);
	state.own_rss_bytes = (size_t)own.ru_maxrss * 1024;
	return 0;
}

int ap_launch_wait(const struct ap_launch *launch, int timeout_ms)
{
	struct pollfd fd = {.fd = launch->pidfd, .events = POLLIN};
	siginfo_t info = {0};

	if (launch->pidfd >= 0) {
		return poll(&fd, 1, timeout_ms) > 0;
	}
	return waitid(P_PID, (id_t)launch->pid, &info, WEXITED | WNOWAIT) == 0;
}

void ap_launch_reap(struct ap_launch *launch, struct ap_launch_end *ret)
{
	struct rusage usage = {0};

	*ret = (struct ap_launch_end){0};
	state.pid = 0; /* soon another's */
	while (wait4(launch->pid, &ret->wait_status, 0, &usage) < 0 && errno == EINTR) {
	}
	/* Until its exec the child was a copy of us, which counts: a figure below ours says
	 * nothing. */
	const size_t rss_bytes = (size_t)usage.ru_maxrss * 1024;
	ret->max_rss_bytes = rss_bytes > state.own_rss_bytes ? rss_bytes : 0;
	give_signals_back();
	if (launch->pidfd >= 0) {
		close(launch->pidfd);
	}
	launch->pidfd = -1;
}
