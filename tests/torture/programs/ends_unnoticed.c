/* SPDX-License-Identifier: MIT */
/* ends_unnoticed N - a bare clone calls in the thread-local storage of the main thread, which has not called yet, and ends.
 * Then N threads, 16 at a time, call and end by the bare system call, so that no destructor of theirs runs, and one more
 * calls from its first moment to the last. At last the main thread calls. */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "victim.h"

#define AT_A_TIME 16
#define STACK (64ul << 10)
#define LAST_CALLS 10

static volatile unsigned long sink;
static volatile int over;
static unsigned long rounds;

static APART void work(void)
{
	sink++;
}

static APART void in_between(void)
{
	sink++;
}

static APART void at_last(void)
{
	sink++;
}

static UNTRACED void *end_bare(void *unused)
{
	work();
	syscall(SYS_exit, 0);
	return unused;
}

static UNTRACED void *go_on(void *unused)
{
	while (!over) {
		in_between();
		rounds++;
		usleep(100);
	}
	return unused;
}

static UNTRACED int borrower(void *unused)
{
	(void)unused;
	work();
	syscall(SYS_exit, 0);
	return 0;
}

static UNTRACED void lend(void)
{
	int tid = 1, now;
	char *stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	if (clone(borrower, stack + STACK,
		  CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |
			  CLONE_CHILD_CLEARTID,
		  NULL, NULL, NULL, &tid) < 0)
		abort();
	while ((now = __atomic_load_n(&tid, __ATOMIC_ACQUIRE)))
		syscall(SYS_futex, &tid, FUTEX_WAIT, now, NULL, NULL, 0);
}

static UNTRACED void make(int n)
{
	for (int i = 0; i < n; i += AT_A_TIME) {
		pthread_t threads[AT_A_TIME];
		for (int k = 0; k < AT_A_TIME; k++)
			if (pthread_create(&threads[k], NULL, end_bare, NULL))
				abort();
		for (int k = 0; k < AT_A_TIME; k++)
			pthread_join(threads[k], NULL);
	}
}

UNTRACED int main(int argc, char **argv)
{
	const int n = (argc > 1 ? atoi(argv[1]) : 16) / AT_A_TIME * AT_A_TIME;
	pthread_t other;
	lend();
	if (pthread_create(&other, NULL, go_on, NULL))
		abort();
	make(n);
	over = 1;
	pthread_join(other, NULL);
	for (int i = 0; i < LAST_CALLS; i++)
		at_last();
	SAY_CALLS("work", n + 1);
	SAY_CALLS("in_between", rounds);
	SAY_CALLS("at_last", LAST_CALLS);
	return 0;
}
