/* SPDX-License-Identifier: MIT */
/* monitor/guard.c - see guard.h. */
#include "monitor/guard.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#endif

#include "monitor/sandbox.h"

#define FILES_MOST 256
#define DEFAULT_MEMORY_BYTES (2ull << 30)
#define DEFAULT_CPU_S 60
#define DEFAULT_WALL_S 60
#define NETWORK_WALL_S                                                                             \
	600 /* files of a gigabyte may have to come from a server that has to find them first */

/* Lowers both limits; one that is lower already stays. */
static void limit(int resource, rlim_t most)
{
	struct rlimit now;

	if (getrlimit(resource, &now) < 0) {
		return;
	}
	now.rlim_cur = now.rlim_cur < most ? now.rlim_cur : most;
	now.rlim_max = now.rlim_max < most ? now.rlim_max : most;
	(void)setrlimit(resource, &now);
}

static void limit_all(const struct ap_guard_limits *limits)
{
#ifndef __SANITIZE_ADDRESS__ /* which maps more than that for itself */
	limit(RLIMIT_AS, DEFAULT_MEMORY_BYTES + limits->extra_memory_bytes);
#endif
	limit(RLIMIT_CPU, limits->cpu_s ? limits->cpu_s : DEFAULT_CPU_S);
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_NOFILE, FILES_MOST);
}

/* Waits until the child is dead or its time is over. Return: 0 or -ETIMEDOUT. */
static int wait_until(pid_t child, unsigned wall_s)
{
	struct pollfd fd = {.fd = (int)syscall(SYS_pidfd_open, child, 0u), .events = POLLIN};
	int r;

	if (fd.fd < 0) {
		return 0; /* an old kernel: the CPU limit must do */
	}
	do {
		r = poll(&fd, 1, (int)wall_s * 1000);
	} while (r < 0 && errno == EINTR);
	close(fd.fd);
	return r == 0 ? -ETIMEDOUT : 0;
}

pid_t ap_guard_start(int (*work)(void *arg), void *arg, const struct ap_guard_limits *limits)
{
	/* Who started us may ignore it: then there is nothing to wait for. */
	signal(SIGCHLD, SIG_DFL);
	/* The child must not write again what we have in buffers, nor to our memory, through /proc. */
	fflush(NULL);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	const pid_t child = fork();
	if (child < 0) {
		return -errno;
	}
	if (child == 0) {
		(void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); /* its own files there are to be read */
		limit_all(limits);
		if (!limits->network) {
			(void)ap_sandbox_enter(); /* where there is none, the limits must do */
		}
		const int word = work(arg);
#ifdef __SANITIZE_ADDRESS__
		__lsan_do_leak_check(); /* _exit() does not */
#endif
		_exit(word);
	}
	return child;
}

int ap_guard_look(pid_t child, bool end)
{
	int status;
	pid_t r;

	if (end) {
		kill(child, SIGKILL);
	}
	do {
		r = waitpid(child, &status, end ? 0 : WNOHANG);
	} while (r < 0 && errno == EINTR);
	if (r <= 0) {
		return r == 0 ? -EAGAIN : -errno;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : -ECHILD;
}

int ap_guard_run(int (*work)(void *arg), void *arg, const struct ap_guard_limits *limits)
{
	static const struct ap_guard_limits none;
	int status;

	limits = limits ? limits : &none;
	const pid_t child = ap_guard_start(work, arg, limits);
	if (child < 0) {
		return child;
	}
	const unsigned usual_s = limits->network ? NETWORK_WALL_S : DEFAULT_WALL_S;
	const int r = wait_until(child, limits->wall_s ? limits->wall_s : usual_s);
	if (r < 0) {
		kill(child, SIGKILL);
	}
	while (waitpid(child, &status, 0) < 0) {
		if (errno != EINTR) {
			return -errno;
		}
	}
	if (r < 0) {
		return r;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : -ECHILD;
}
