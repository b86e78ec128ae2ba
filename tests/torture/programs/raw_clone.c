/* SPDX-License-Identifier: MIT */
/* raw_clone own|bare|borrowed N - N threads made by clone(), without pthread_create(), ended by the bare system call:
 *   own:      with thread-local storage of their own, four at a time
 *   bare:     the same, but libc's descriptor of a thread is not filled in
 *   borrowed: with their maker's, which waits meanwhile */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "victim.h"

#define STACK (64ul << 10)
#define AT_A_TIME 4
#define ROUNDS 1000
#define FLAGS                                                                                      \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |        \
	 CLONE_CHILD_CLEARTID)

/* glibc's, for its own loader: thread-local storage with a thread descriptor behind it. */
extern void *_dl_allocate_tls(void *);

static volatile unsigned long sink;

static APART void leaf(void)
{
	sink++;
}

static APART void work(void)
{
	for (int i = 0; i < ROUNDS; i++)
		leaf();
}

static UNTRACED int start(void *unused)
{
	(void)unused;
	work();
	syscall(SYS_exit, 0);
	return 0;
}

/* The descriptor begins with a pointer to itself, and has another one, and guards, at fixed places. */
static UNTRACED void *new_tls(int bare)
{
	char *tls = _dl_allocate_tls(NULL);
	if (bare)
		return tls;
#if defined(__x86_64__)
	uintptr_t guard;
	memcpy(tls, &(void *){tls}, sizeof(void *));
	memcpy(tls + 16, &(void *){tls}, sizeof(void *));
	__asm__("movq %%fs:0x28, %0" : "=r"(guard));
	memcpy(tls + 0x28, &guard, sizeof guard);
	__asm__("movq %%fs:0x30, %0" : "=r"(guard));
	memcpy(tls + 0x30, &guard, sizeof guard);
#endif
	return tls;
}

static UNTRACED void wait_for(int *tid)
{
	int now;
	while ((now = __atomic_load_n(tid, __ATOMIC_ACQUIRE)))
		syscall(SYS_futex, tid, FUTEX_WAIT, now, NULL, NULL, 0);
}

static APART void run(int n, int own, int bare)
{
	static int tids[AT_A_TIME];
	static char *stacks[AT_A_TIME];
	for (int i = 0; i < n; i++) {
		tids[i] = 1;
		if (!stacks[i])
			stacks[i] = mmap(NULL, STACK, PROT_READ | PROT_WRITE,
					 MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
		if (clone(start, stacks[i] + STACK, FLAGS | (own ? CLONE_SETTLS : 0), NULL, NULL,
			  own ? new_tls(bare) : NULL, &tids[i]) < 0)
			abort();
		if (!own)
			wait_for(&tids[i]);
	}
	for (int i = 0; i < n; i++)
		wait_for(&tids[i]);
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	const int n = atoi(argv[2]) / AT_A_TIME * AT_A_TIME;
	for (int i = 0; i < n; i += AT_A_TIME)
		run(AT_A_TIME, strcmp(argv[1], "borrowed") != 0, strcmp(argv[1], "bare") == 0);
	work();
	SAY_CALLS("main", 1);
	SAY_CALLS("run", n / AT_A_TIME);
	SAY_CALLS("work", n + 1);
	SAY_CALLS("leaf", (n + 1) * ROUNDS);
	return 0;
}
