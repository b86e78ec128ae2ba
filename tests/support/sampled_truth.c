/* SPDX-License-Identifier: MIT */
/* tests/support/sampled_truth.c - in which instrumented function a program really spends its time: hooks that keep a stack of the
 * functions that were entered, and nothing else, and a timer that looks which one is the innermost, with what it calls that is
 * not instrumented. That disturbs a program less than recording each call does, which takes caches and predictors from it.
 *
 * Preloaded. Of one thread, without longjmp or exceptions through instrumented functions. TRUTH_FILE gets a line for each function
 * of the program itself: its offset in the file, and how many samples. */
#include <link.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define DEPTH 65536
#define FUNCTIONS 65536 /* a power of two, and more than there are */
#define LEAST_NS                                                                                   \
	50000 /* between two samples, and as much again at most: a program has periods of its own */

static void *stack[DEPTH];
static volatile unsigned depth;
static struct {
	void *function;
	unsigned long samples;
} seen[FUNCTIONS];
static timer_t timer;
static uint64_t seed = 1;

#define EXPORT __attribute__((visibility("default")))
EXPORT void __cyg_profile_func_enter(void *function, void *site);
EXPORT void __cyg_profile_func_exit(void *function, void *site);

void __cyg_profile_func_enter(void *function, void *site)
{
	(void)site;
	stack[depth % DEPTH] = function;
	depth = depth + 1;
}

void __cyg_profile_func_exit(void *function, void *site)
{
	(void)function;
	(void)site;
	depth = depth - 1;
}

static void arm(void)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	const struct itimerspec once = {.it_value.tv_nsec =
						LEAST_NS + (long)(seed >> 33) % LEAST_NS};
	timer_settime(timer, 0, &once, NULL);
}

static void sample(int signal)
{
	const unsigned at = depth;
	(void)signal;
	if (at > 0) {
		void *function = stack[(at - 1) % DEPTH];
		size_t i = ((uintptr_t)function >> 4) % FUNCTIONS;
		while (seen[i].function && seen[i].function != function)
			i = (i + 1) % FUNCTIONS;
		seen[i].function = function;
		seen[i].samples++;
	}
	arm();
}

static int base_of_program(struct dl_phdr_info *info, size_t size, void *base)
{
	(void)size;
	*(uintptr_t *)base = info->dlpi_addr;
	return 1;
}

__attribute__((constructor)) static void begin(void)
{
	const struct sigaction action = {.sa_handler = sample, .sa_flags = SA_RESTART};
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGPROF};
	sigaction(SIGPROF, &action, NULL);
	if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0)
		abort();
	arm();
}

__attribute__((destructor)) static void end(void)
{
	uintptr_t base = 0;
	timer_delete(timer);
	FILE *file = fopen(getenv("TRUTH_FILE"), "w");
	if (!file)
		abort();
	dl_iterate_phdr(base_of_program, &base);
	for (size_t i = 0; i < FUNCTIONS; i++)
		if (seen[i].function)
			fprintf(file, "%#lx %lu\n",
				(unsigned long)((uintptr_t)seen[i].function - base),
				seen[i].samples);
	fclose(file);
}
