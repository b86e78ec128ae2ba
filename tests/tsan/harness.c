/* SPDX-License-Identifier: MIT */
/* tests/tsan/harness.c - drives the recording side from many threads, for ThreadSanitizer, and counts along.
 *
 * usage: harness calls|threads|unload SEED MODULE MODULE
 *   calls:   8 threads that call, with folds, growing chunks, new functions and paths, flushes, clock readings
 *   threads: threads that come and go: registration, free lists, records used again
 *   unload:  the same as calls, while two modules come and go, each by a thread of its own; visit() is in both
 *
 * The library's sources are part of this program. Afterwards what a reader finds in the spool must be the calls made. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "profile/profile.h"
#include "runtime/runtime.h"

#define THREADS 8
#define FUNCTIONS 2000
#define CALLS 60000
#define SHORT_THREADS 300
#define FEW 3
#define VISITS 200

struct worker {
	pthread_t thread;
	uint64_t random;
	uint64_t calls[FUNCTIONS];
	long left;
};

static struct worker workers[THREADS];
static const char *mode;
static char *visitors[2];

/* Functions are addresses of this program, which is a module. */
static uint64_t base(void)
{
	return (uint64_t)ap_hooks_calibrate & ~15ull;
}

static uint32_t next(struct worker *w)
{
	w->random = w->random * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(w->random >> 33);
}

static void event_at(enum ap_event_kind kind, uint64_t address, uint32_t depth)
{
	const uint64_t stack = 0x7fff00000000ull - 64ull * depth;
	ap_record(ap_event_make_word(address, kind, 0, stack, depth),
		  ap_event_make_time(ap_ticks(), stack));
}

static void event(enum ap_event_kind kind, uint32_t function, uint32_t depth)
{
	event_at(kind, base() + 4ull * function, depth);
}

/* All functions come, but there are not more paths than have room. */
static uint32_t pick(struct worker *w, uint32_t depth)
{
	return depth == 1 && next(w) % 4 == 0 ? next(w) % FUNCTIONS : next(w) % FEW;
}

static void call(struct worker *w, uint32_t depth)
{
	const uint32_t function = pick(w, depth);
	w->left--;
	w->calls[function]++;
	event(AP_EVENT_ENTER, function, depth);
	while (w->left > 0 && depth < 12 && next(w) % 2)
		call(w, depth + 1);
	if (next(w) % 512 == 0)
		ap_flush(false);
	event(AP_EVENT_EXIT, function, depth);
}

static void *work(void *argument)
{
	struct worker *w = argument;
	while (w->left > 0)
		call(w, 1);
	return NULL;
}

static void *work_shortly(void *argument)
{
	struct worker *w = argument;
	const long all = w->left;
	w->left = 1 + next(w) % 200;
	while (w->left > 0)
		call(w, 1);
	w->left = all - 1;
	return NULL;
}

static void *make_threads(void *argument)
{
	struct worker *w = argument;
	for (w->left = SHORT_THREADS; w->left > 0;) {
		pthread_t thread;
		if (pthread_create(&thread, NULL, work_shortly, w) != 0)
			abort();
		pthread_join(thread, NULL);
	}
	return NULL;
}

/* As the library does it around dlclose, whose wrapper is not here. Every other call is not folded until its module is
 * gone. */
static void *unload(void *path)
{
	for (int i = 0; i < VISITS; i++) {
		void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
		void *function = module ? dlsym(module, "visit") : NULL;
		if (!function)
			abort();
		event_at(AP_EVENT_ENTER, (uint64_t)function, 1);
		event_at(AP_EVENT_EXIT, (uint64_t)function, 1);
		if (i % 2)
			ap_flush(false);
		ap_modules_before_unload(ap_runtime.control);
		dlclose(module);
		ap_modules_after_unload(ap_runtime.control);
	}
	return NULL;
}

static void run(uint64_t seed)
{
	pthread_t others[2];
	const bool unloads = strcmp(mode, "unload") == 0;
	for (int i = 0; i < THREADS; i++) {
		workers[i].random = seed * 1000 + (uint64_t)i;
		workers[i].left = CALLS;
		if (pthread_create(&workers[i].thread, NULL,
				   strcmp(mode, "threads") == 0 ? make_threads : work,
				   &workers[i]) != 0)
			abort();
	}
	for (int i = 0; unloads && i < 2; i++)
		if (pthread_create(&others[i], NULL, unload, visitors[i]) != 0)
			abort();
	for (int i = 0; i < THREADS; i++)
		pthread_join(workers[i].thread, NULL);
	for (int i = 0; unloads && i < 2; i++)
		pthread_join(others[i], NULL);
}

/* As the reader finds them: it also folds what a thread left that found no shard at its end. */
static int compare(void)
{
	static uint64_t made[FUNCTIONS], said[FUNCTIONS];
	uint64_t visits = 0;
	struct ap_profile *profile;
	struct ap_profile_error error;
	int wrong = 0;
	if (ap_profile_open(ap_runtime.spool_path, NULL, &profile, &error) < 0) {
		printf("%s\n", error.text);
		return 1;
	}
	for (size_t i = AP_ID_FIRST; i < profile->functions_n; i++) {
		const struct ap_profile_function *function = &profile->functions[i];
		const uint64_t at = (function->address - base()) / 4;
		*(at < FUNCTIONS ? &said[at] : &visits) += function->calls;
	}
	for (int f = 0; f < FUNCTIONS; f++) {
		for (int i = 0; i < THREADS; i++)
			made[f] += workers[i].calls[f];
		wrong += made[f] != said[f];
		if (made[f] != said[f] && wrong < 10)
			printf("function %d: %lu calls made, %lu counted\n", f,
			       (unsigned long)made[f], (unsigned long)said[f]);
	}
	if (visits != (strcmp(mode, "unload") == 0 ? 2 * VISITS : 0))
		wrong += printf("%lu calls in the modules that come and go\n",
				(unsigned long)visits);
	if (!profile->quality.identity_holds || profile->functions[AP_ID_OTHER].calls)
		wrong += printf("identity fails, or there was no room\n");
	ap_profile_free(profile);
	return wrong;
}

int main(int argc, char **argv)
{
	if (argc < 5 || !ap_runtime.control || ap_runtime.control->state != AP_STATE_ON)
		return 2;
	mode = argv[1];
	visitors[0] = argv[3];
	visitors[1] = argv[4];
	run(strtoull(argv[2], NULL, 0));
	return compare() ? 1 : 0;
}
