/* SPDX-License-Identifier: MIT */
/* tests/targets/patch.c - the victim of patching: functions that are called without end, and one now and then.
 *
 * usage: patch MODE N [LIBRARY...]
 *
 *   paced      hot() and leaf() N times each, beat() every hundredth time; and their sum
 *   deep       paced() in a function of its own, again(), which calls itself for every tenth round
 *   alone      the same without beat(): nothing else is called
 *   fades      paced(), then alone() for as long
 *   returns    the same, then a little of paced() once more
 *   threads    paced() in eight threads
 *   torture    the same, while a signal comes every 100 us and LIBRARYs come and go
 *   late       half of N in the main thread, then the other half in eight threads, one after the other
 *   mild       paced(), and beside it a thread that calls beat() a million times a second at most, and nothing else
 *   fork       half of N, then a child that does a little and says it on its own, then the other half
 *   bare       the same by _Fork(), with a child that has slept before
 *   closed     the same by fork(), at the moment of which no descriptor can be opened
 *   drop       half of N, then it becomes another user, then the other half
 *   filter     half of N, then a filter by the bare system call: death to who opens or writes memory, then the other half
 *   leader     paced() in a thread, when the first one has ended
 *   fibers     half of N, then a hundred calls on a fiber, then the other half in eight threads */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "victim.h"

#define THREADS 8
#define EVERY 100

static volatile unsigned long alarms, reloads;
static volatile int over;

static APART unsigned long leaf(unsigned long x)
{
	return x * 6364136223846793005ul + 1442695040888963407ul;
}

static APART unsigned long hot(unsigned long x)
{
	return leaf(x ^ x >> 33);
}

static APART void beat(unsigned long x)
{
	__asm__ volatile("" : : "r"(x));
}

static UNTRACED unsigned long paced(unsigned long n, unsigned long x)
{
	for (unsigned long i = 0; i < n; i++) {
		x = hot(x);
		if (i % EVERY == 0)
			beat(x);
	}
	return x;
}

static APART unsigned long again(unsigned long n, unsigned long x)
{
	for (unsigned long i = 0; i < n; i++) {
		x = hot(x);
		if (i % 10 == 0)
			x = again(0, x);
		if (i % EVERY == 0)
			beat(x);
	}
	return x;
}

static UNTRACED unsigned long alone(unsigned long n, unsigned long x)
{
	for (unsigned long i = 0; i < n; i++)
		x = hot(x);
	return x;
}

static UNTRACED unsigned long fades(unsigned long n, unsigned long then)
{
	return paced(then, alone(n, paced(n, 1)));
}

struct part {
	pthread_t thread;
	unsigned long n, sum;
};

static UNTRACED void *in_thread(void *argument)
{
	struct part *part = argument;
	part->sum = paced(part->n, part->n + 1);
	return NULL;
}

static UNTRACED unsigned long in_threads(unsigned long n)
{
	struct part parts[THREADS];
	unsigned long sum = 0;
	for (int i = 0; i < THREADS; i++) {
		parts[i].n = n / THREADS + (unsigned long)i * EVERY;
		pthread_create(&parts[i].thread, NULL, in_thread, &parts[i]);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(parts[i].thread, NULL);
		sum = sum * 31 + parts[i].sum;
	}
	return sum;
}

static UNTRACED unsigned long late(unsigned long n)
{
	unsigned long sum = paced(n / 2, 1);
	for (int i = 0; i < THREADS; i++) {
		struct part part = {.n = n / 2 / THREADS};
		pthread_create(&part.thread, NULL, in_thread, &part);
		pthread_join(part.thread, NULL);
		sum = sum * 31 + part.sum;
	}
	return sum;
}

static APART void calm(unsigned long x)
{
	__asm__ volatile("" : : "r"(x));
}

static UNTRACED void *mildly(void *unused)
{
	const struct timespec pause = {0, 50000};
	(void)unused;
	for (unsigned long i = 0; !over; i++) {
		for (int k = 0; k < 50; k++)
			calm(i);
		nanosleep(&pause, NULL);
	}
	return NULL;
}

static UNTRACED unsigned long mild(unsigned long n)
{
	pthread_t thread;
	pthread_create(&thread, NULL, mildly, NULL);
	const unsigned long sum = paced(n, 1);
	over = 1;
	pthread_join(thread, NULL);
	return sum;
}

static APART void on_alarm(int signal)
{
	(void)signal;
	leaf(alarms++);
}

static UNTRACED void *reload(void *libraries)
{
	char **names = libraries;
	for (int i = 0; !over; i++) {
		void *handle = dlopen(names[i % 2], RTLD_NOW);
		if (!handle)
			abort();
		dlclose(handle);
		reloads++;
	}
	return NULL;
}

static UNTRACED void alarm_every(int us)
{
	const struct itimerval every = {{0, us}, {0, us}};
	struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &every, NULL);
}

static UNTRACED unsigned long torture(unsigned long n, char **libraries)
{
	pthread_t reloader;
	alarm_every(100);
	pthread_create(&reloader, NULL, reload, libraries);
	const unsigned long sum = in_threads(n);
	over = 1;
	pthread_join(reloader, NULL);
	alarm_every(0);
	return sum;
}

static UNTRACED unsigned long with_child(unsigned long n, pid_t (*make)(void), int sleep_ms)
{
	unsigned long sum = paced(n / 2, 1);
	int status = 0;
	fflush(stdout);
	const pid_t child = make();
	if (child == 0) {
		usleep(sleep_ms * 1000);
		printf("child %lu\n", paced(EVERY, sum));
		exit(0);
	}
	waitpid(child, &status, 0);
	return paced(n / 2, sum) + (unsigned long)status;
}

static UNTRACED pid_t fork_closed(void)
{
	struct rlimit before, none;
	getrlimit(RLIMIT_NOFILE, &before);
	none = (struct rlimit){0, before.rlim_max};
	setrlimit(RLIMIT_NOFILE, &none);
	const pid_t child = fork();
	setrlimit(RLIMIT_NOFILE, &before);
	return child;
}

#define NOBODY 65534

static UNTRACED unsigned long drop(unsigned long n)
{
	const unsigned long sum = paced(n / 2, 1);
	if (setresuid(NOBODY, NOBODY, NOBODY) < 0)
		abort();
	return paced(n / 2, sum);
}

#define KILL_FOR(number)                                                                           \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),                                         \
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)

static UNTRACED unsigned long filter(unsigned long n)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		KILL_FOR(SYS_openat),
		KILL_FOR(SYS_pread64),
		KILL_FOR(SYS_pwrite64),
		KILL_FOR(SYS_membarrier),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {sizeof code / sizeof code[0], code};
	const unsigned long sum = paced(n / 2, 1);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
		abort();
	return paced(n / 2, sum);
}

static UNTRACED void *led(void *argument)
{
	const struct part *first = argument;
	pthread_join(first->thread, NULL);
	printf("sum %lu\n", paced(first->n, 1));
	exit(0);
}

static UNTRACED unsigned long leader(unsigned long n)
{
	static struct part first;
	pthread_t thread;
	first = (struct part){pthread_self(), n, 0};
	pthread_create(&thread, NULL, led, &first);
	pthread_exit(NULL);
}

static ucontext_t outside, fiber;
static char fiber_stack[1 << 18];

static UNTRACED void on_fiber(void)
{
	paced(EVERY, 1);
}

static UNTRACED unsigned long fibers(unsigned long n)
{
	const unsigned long sum = paced(n / 2, 1);
	getcontext(&fiber);
	fiber.uc_stack.ss_sp = fiber_stack;
	fiber.uc_stack.ss_size = sizeof fiber_stack;
	fiber.uc_link = &outside;
	makecontext(&fiber, on_fiber, 0);
	swapcontext(&outside, &fiber);
	return sum + in_threads(n / 2);
}

static UNTRACED unsigned long run(const char *mode, unsigned long n, char **rest)
{
	if (strcmp(mode, "paced") == 0)
		return paced(n, 1);
	if (strcmp(mode, "deep") == 0)
		return again(n, 1);
	if (strcmp(mode, "alone") == 0)
		return alone(n, 1);
	if (strcmp(mode, "fades") == 0)
		return fades(n, 0);
	if (strcmp(mode, "returns") == 0)
		return fades(n, n / 4);
	if (strcmp(mode, "threads") == 0)
		return in_threads(n);
	if (strcmp(mode, "late") == 0)
		return late(n);
	if (strcmp(mode, "mild") == 0)
		return mild(n);
	if (strcmp(mode, "torture") == 0)
		return torture(n, rest);
	if (strcmp(mode, "drop") == 0)
		return drop(n);
	if (strcmp(mode, "filter") == 0)
		return filter(n);
	if (strcmp(mode, "leader") == 0)
		return leader(n);
	if (strcmp(mode, "fibers") == 0)
		return fibers(n);
	if (strcmp(mode, "closed") == 0)
		return with_child(n, fork_closed, 0);
	return strcmp(mode, "bare") == 0 ? with_child(n, _Fork, 300) : with_child(n, fork, 0);
}

int main(int argc, char **argv)
{
	printf("sum %lu\n", run(argv[1], strtoul(argv[2], NULL, 10), argv + 3));
	if (argc > 3)
		fprintf(stderr, "alarms %s, reloads %s\n", alarms > 100 ? "many" : "few",
			reloads > 100 ? "many" : "few");
	return 0;
}
