/* SPDX-License-Identifier: MIT */
/* shared_tls thread|process N - a thread, or a process in the same memory, made by clone() without thread-local storage of its
 * own: it calls at the same time as its maker, whose storage it shares. It keeps off libc. */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "victim.h"

#define STACK (64ul << 10)
#define SHARED (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_CHILD_CLEARTID)

static volatile unsigned long other_calls, own_calls;
static int tid = 1, rounds;

static APART void other_leaf(void)
{
	other_calls++;
}

static APART void own_leaf(void)
{
	own_calls++;
}

static UNTRACED void leave(void)
{
#if defined(__x86_64__)
	long result;
	__asm__ volatile("syscall" : "=a"(result) : "0"(SYS_exit), "D"(0) : "rcx", "r11", "memory");
#endif
	syscall(SYS_exit, 0);
}

static UNTRACED int start(void *unused)
{
	(void)unused;
	for (int i = 0; i < rounds; i++)
		other_leaf();
	leave();
	return 0;
}

int main(int argc, char **argv)
{
	int now;
	if (argc < 3)
		return 2;
	rounds = atoi(argv[2]);
	char *stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	const int kind = argv[1][0] == 't' ? CLONE_THREAD | CLONE_SYSVSEM : SIGCHLD;
	const pid_t pid = clone(start, stack + STACK, SHARED | kind, NULL, NULL, NULL, &tid);
	for (int i = 0; i < rounds; i++)
		own_leaf();
	while ((now = __atomic_load_n(&tid, __ATOMIC_ACQUIRE)))
		syscall(SYS_futex, &tid, FUTEX_WAIT, now, NULL, NULL, 0);
	if (argv[1][0] != 't' && waitpid(pid, NULL, 0) != pid)
		return 3;
	printf("other %lu, own %lu\n", other_calls, own_calls);
	return 0;
}
