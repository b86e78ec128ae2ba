/* SPDX-License-Identifier: MIT */
/* budget MODE N [LIBRARY LIBRARY] - programs that call far more than a budget allows; each says how often it called what.
 *
 *  flat       main calls parent(), which calls leaf() twice
 *  threads    the same in eight threads
 *  planted    grandparent() works, and calls middle() twice, which works, and calls child() 100 times
 *  planted8   the same in eight threads
 *  crowd      flat in 64 threads, which all end at about the same time
 *  fibers     flat, then parent() on four stacks, which two threads take turns on
 *  recursive  fib()
 *  walk       odd() and even() call each other, one by a jump, the other with memory on the stack
 *  phases     changing(): short in the first two thirds, long in the last
 *  periodic   alternating(): every eighth call takes twenty times as long
 *  jumps      leaf() below a longjmp in every call of jumper()
 *  signals    flat, interrupted by on_alarm(), which calls leaf() a hundred times
 *  plugins    the same as threads, while LIBRARYs come, are called, and go
 *  kill       flat, and SIGKILL in the middle */
#include <dlfcn.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

#include "victim.h"

static __thread volatile unsigned long sink;
static volatile unsigned long alarms;
static jmp_buf back;
static volatile int armed = 1;

/* Multiplications that wait for each other take what they take: a counter in memory, from one time to the next, did not. */
static UNTRACED void spend(unsigned n)
{
	unsigned long x = n | 1;
	for (unsigned i = 0; i < n; i++) {
		x *= x;
		__asm__ volatile("" : "+r"(x));
	}
	sink += x;
}

static APART void leaf(unsigned n)
{
	spend(n);
}

static APART void parent(unsigned n)
{
	leaf(n);
	sink++;
	leaf(n);
}

static UNTRACED void *flat(void *n)
{
	for (unsigned long i = (unsigned long)n; i > 0; i--)
		parent(3);
	return NULL;
}

static void say_flat(unsigned long n)
{
	SAY_CALLS("parent", n);
	SAY_CALLS("leaf", 2 * n);
}

static UNTRACED void in_threads(unsigned threads, void *(*body)(void *), unsigned long n)
{
	pthread_t thread[64];
	for (unsigned i = 0; i < threads; i++)
		pthread_create(&thread[i], NULL, body, (void *)(n / threads));
	for (unsigned i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
}

#define VISITS 20000
static char **libraries; /* reload_twin.c twice */
static unsigned long visits[2];
static volatile int over;

static UNTRACED void *come_and_go(void *unused)
{
	static const char *const names[] = {"alpha", "bravo"};
	for (int i = 0; !over; i ^= 1) {
		void *library = dlopen(libraries[i], RTLD_NOW);
		void (*visit)(void) = (void (*)(void))dlsym(library, names[i]);
		for (int k = 0; k < VISITS; k++)
			visit();
		visits[i] += VISITS;
		dlclose(library);
	}
	return unused;
}

/* Eight threads, beside one whose code comes and goes. */
static UNTRACED void plugins(unsigned long n)
{
	pthread_t thread;
	pthread_create(&thread, NULL, come_and_go, NULL);
	in_threads(8, flat, n);
	over = 1;
	pthread_join(thread, NULL);
}

#define FIBERS 4
static ucontext_t driver, fibers[FIBERS];
static char stacks[FIBERS][65536];
static unsigned long rounds;

static UNTRACED void on_fiber(int i)
{
	for (unsigned long k = 0; k < rounds; k++) {
		for (int j = 0; j < 100; j++)
			parent(3);
		swapcontext(&fibers[i], &driver);
	}
}

/* The half of all rounds. */
static UNTRACED void *drive(void *unused)
{
	for (unsigned long k = 0; k < rounds / 2; k++)
		for (int i = 0; i < FIBERS; i++)
			swapcontext(&driver, &fibers[i]);
	return unused;
}

static UNTRACED void on_fibers(unsigned long n)
{
	pthread_t thread;
	rounds = n / 100 / FIBERS / 2 * 2;
	for (int i = 0; i < FIBERS; i++) {
		getcontext(&fibers[i]);
		fibers[i].uc_stack.ss_sp = stacks[i];
		fibers[i].uc_stack.ss_size = sizeof stacks[i];
		makecontext(&fibers[i], (void (*)(void))on_fiber, 1, i);
	}
	drive(NULL);
	pthread_create(&thread, NULL, drive, NULL);
	pthread_join(thread, NULL);
}

static APART unsigned long odd(unsigned long n);

static APART unsigned long even(unsigned long n)
{
	volatile char room[n % 64 + 1];
	room[0] = (char)n;
	return n == 0 ? (unsigned char)room[0] : odd(n - 1) + 1;
}

/* At -O2 its exit hook is reached by a jump where there is nothing to return. */
static APART void step(unsigned long n)
{
	sink += n;
}

static APART unsigned long odd(unsigned long n)
{
	step(n);
	return n == 0 ? 0 : even(n - 1) + 1;
}

static UNTRACED void walk(unsigned long n)
{
	for (unsigned long i = 0; i < n / 40; i++)
		even(39);
	SAY_CALLS("even", n / 40 * 20);
	SAY_CALLS("odd", n / 40 * 20);
	SAY_CALLS("step", n / 40 * 20);
}

static APART void child(void)
{
	spend(200);
}

static APART void middle(void)
{
	spend(80000);
	for (int i = 0; i < 100; i++)
		child();
}

static APART void grandparent(void)
{
	spend(160000);
	middle();
	middle();
}

static UNTRACED void *planted(void *n)
{
	for (unsigned long i = (unsigned long)n; i > 0; i--)
		grandparent();
	return NULL;
}

static void say_planted(unsigned long n)
{
	SAY_CALLS("grandparent", n);
	SAY_CALLS("middle", 2 * n);
	SAY_CALLS("child", 200 * n);
}

static APART unsigned long fib(unsigned long n)
{
	return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

static UNTRACED unsigned long fib_calls(unsigned long n)
{
	return n < 2 ? 1 : 1 + fib_calls(n - 1) + fib_calls(n - 2);
}

static APART void changing(unsigned n)
{
	leaf(n);
}

static APART void alternating(unsigned n)
{
	spend(n);
}

static APART void jump(int n)
{
	leaf(3);
	if (n > 0)
		jump(n - 1);
	else if (armed)
		longjmp(back, 1);
}

static APART void jumper(void)
{
	if (setjmp(back) == 0)
		jump(2);
}

static void on_alarm(int signal)
{
	(void)signal;
	for (int i = 0; i < 100; i++)
		leaf(1);
	alarms++;
}

static UNTRACED void start_alarms(void)
{
	const struct itimerval every = {{0, 100}, {0, 100}};
	struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &every, NULL);
}

static UNTRACED void stop_alarms(void)
{
	const struct itimerval never = {{0, 0}, {0, 0}};
	setitimer(ITIMER_REAL, &never, NULL);
}

static UNTRACED void run(const char *mode, unsigned long n)
{
	if (strcmp(mode, "flat") == 0) {
		flat((void *)n);
		say_flat(n);
	} else if (strcmp(mode, "threads") == 0) {
		in_threads(8, flat, n);
		say_flat(n / 8 * 8);
	} else if (strcmp(mode, "crowd") == 0) {
		in_threads(64, flat, n);
		say_flat(n / 64 * 64);
	} else if (strcmp(mode, "fibers") == 0) {
		flat((void *)n);
		on_fibers(n);
		say_flat(n + rounds * FIBERS * 100);
	} else if (strcmp(mode, "walk") == 0) {
		walk(n);
	} else if (strcmp(mode, "planted") == 0) {
		planted((void *)n);
		say_planted(n);
	} else if (strcmp(mode, "planted8") == 0) {
		in_threads(8, planted, n);
		say_planted(n / 8 * 8);
	} else if (strcmp(mode, "recursive") == 0) {
		SAY_CALLS("fib", fib_calls(n));
		fib(n);
	} else if (strcmp(mode, "phases") == 0) {
		for (unsigned long i = 0; i < n; i++)
			changing(i < n / 3 * 2 ? 50 : 500);
		SAY_CALLS("changing", n);
		SAY_CALLS("leaf", n);
	} else if (strcmp(mode, "periodic") == 0) {
		for (unsigned long i = 0; i < n; i++)
			alternating(i % 8 ? 200 : 4000);
		SAY_CALLS("alternating", n);
	} else if (strcmp(mode, "jumps") == 0) {
		for (unsigned long i = 0; i < n; i++)
			jumper();
		SAY_CALLS("jumper", n);
		SAY_CALLS("jump", 3 * n);
		SAY_CALLS("leaf", 3 * n);
	} else if (strcmp(mode, "signals") == 0) {
		start_alarms();
		flat((void *)n);
		stop_alarms();
		SAY_CALLS("parent", n);
		SAY_CALLS("leaf", 2 * n + 100 * alarms);
		SAY_CALLS("on_alarm", alarms);
	} else if (strcmp(mode, "plugins") == 0) {
		plugins(n);
		say_flat(n / 8 * 8);
		SAY_CALLS("alpha", visits[0]);
		SAY_CALLS("bravo", visits[1]);
	} else if (strcmp(mode, "kill") == 0) {
		flat((void *)n);
		say_flat(n);
		fflush(stdout);
		kill(getpid(), SIGKILL);
	}
}

int main(int argc, char **argv)
{
	libraries = argv + 3;
	run(argv[1], argc > 2 ? strtoul(argv[2], NULL, 10) : 1000000);
	return 0;
}
