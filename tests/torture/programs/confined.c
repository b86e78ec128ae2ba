/* SPDX-License-Identifier: MIT */
/* confined HOW - warms up, then lets the kernel kill it for any system call but read, write, exit and rt_sigreturn
 * (raw: the filter is set by syscall(), which nobody can see, and allows what the library needs to stay alive);
 * calls on, and ends by a raw exit. Or a child does, which has called nothing before:
 *   child:   the filter comes into force
 *   refused: the kernel does not take it, and the child is as free as before */
#define _GNU_SOURCE
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "victim.h"

#define BEFORE 100000ul
#define AFTER 100000ul

static volatile unsigned long sink;

static APART void before(void)
{
	sink++;
}

static APART void after(void)
{
	sink++;
}

static const unsigned strict[] = {SYS_read, SYS_write, SYS_exit, SYS_exit_group, SYS_rt_sigreturn};
static const unsigned raw[] = {SYS_read,	 SYS_write,  SYS_exit,	    SYS_exit_group,
			       SYS_rt_sigreturn, SYS_gettid, SYS_getpid,    SYS_rt_sigprocmask,
			       SYS_madvise,	 SYS_futex,  SYS_getrusage, SYS_sched_yield,
			       SYS_clock_gettime};

static UNTRACED void confine(const unsigned *list, size_t n, int through_libc)
{
	struct sock_filter filter[64] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))};
	size_t at = 1;

	for (size_t i = 0; i < n; i++) {
		filter[at++] =
			(struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, list[i], 0, 1);
		filter[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	}
	filter[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	const struct sock_fprog program = {(unsigned short)at, filter};
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    (through_libc ? prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)
			  : syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program))) {
		perror("seccomp");
		exit(1);
	}
}

static UNTRACED void child(int confined)
{
	const struct sock_fprog none = {0, NULL};
	if (confined)
		confine(strict, sizeof(strict) / sizeof(strict[0]), 1);
	else if (!prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &none))
		_exit(4);
	for (unsigned long i = 0; i < AFTER; i++)
		after();
	if (confined)
		syscall(SYS_exit_group, 3);
	_exit(3);
}

static UNTRACED int in_child(int confined)
{
	int status = -1;
	const pid_t pid = fork();
	if (pid == 0)
		child(confined);
	waitpid(pid, &status, 0);
	printf("status %d\n", status);
	if (!confined)
		SAY_CALLS("after", AFTER);
	return 0;
}

int main(int argc, char **argv)
{
	const int through_libc = argc < 2 || strcmp(argv[1], "raw") != 0;

	for (unsigned long i = 0; i < BEFORE; i++)
		before();
	SAY_CALLS("main", 1);
	SAY_CALLS("before", BEFORE);
	if (!through_libc)
		SAY_CALLS("after", AFTER);
	fflush(stdout);
	if (argc > 1 && (argv[1][0] == 'c' || strcmp(argv[1], "refused") == 0))
		return in_child(argv[1][0] == 'c');
	if (through_libc)
		confine(strict, sizeof(strict) / sizeof(strict[0]), 1);
	else
		confine(raw, sizeof(raw) / sizeof(raw[0]), 0);
	for (unsigned long i = 0; i < AFTER; i++)
		after();
	syscall(SYS_exit_group, 3);
}
