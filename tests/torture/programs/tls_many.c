/* SPDX-License-Identifier: MIT */
/* tls_many - sixty-four libraries whose thread-local storage is made at the first touch, by malloc in the middle of a call
 * of theirs: threads touch all of them, again and again new threads, while a timer's handler interrupts wherever it
 * comes and calls into the same libraries. Nothing waits for ever, and every call is counted. */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "copies.h"

#define LIBRARIES 64

static struct {
	unsigned long (*touch)(unsigned long);
	unsigned long (*look)(unsigned long);
} library[LIBRARIES];
static unsigned long interruptions;

static APART unsigned long interrupt(unsigned long n)
{
	return library[n % LIBRARIES].look(n);
}

static UNTRACED void handler(int signal)
{
	(void)signal;
	interrupt(__atomic_fetch_add(&interruptions, 1, __ATOMIC_RELAXED));
}

static APART void *touch_all(void *result)
{
	unsigned long *sum = result;

	for (int round = 0; round < 3; round++)
		for (unsigned long i = 0; i < LIBRARIES; i++)
			*sum += library[i].touch(i);
	return NULL;
}

static UNTRACED void load(const char *path)
{
	for (int i = 0; i < LIBRARIES; i++) {
		void *handle = load_copy(path, i);
		if (!handle) {
			printf("%s\n", dlerror());
			exit(1);
		}
		*(void **)&library[i].touch = dlsym(handle, "touch");
		*(void **)&library[i].look = dlsym(handle, "look");
	}
}

static UNTRACED void set_timer(long us)
{
	const struct itimerval every = {{0, us}, {0, us}};
	struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &every, NULL);
}

int main(int argc, char **argv)
{
	const int threads = argc > 2 ? atoi(argv[2]) : 8, rounds = argc > 3 ? atoi(argv[3]) : 20;
	pthread_t thread[64];
	unsigned long sums[64] = {0}, sum = 0;

	load(argv[1]);
	set_timer(1000);
	for (int round = 0; round < rounds; round++) {
		for (int i = 0; i < threads; i++)
			pthread_create(&thread[i], NULL, touch_all, &sums[i]);
		for (int i = 0; i < threads; i++)
			pthread_join(thread[i], NULL);
	}
	set_timer(0);
	for (int i = 0; i < threads; i++)
		sum += sums[i];
	printf("sum %lu\n", sum);
	SAY_CALLS("touch_all", threads * rounds);
	SAY_CALLS("touch", 3 * LIBRARIES * threads * rounds);
	SAY_CALLS("again", 2 * LIBRARIES * threads * rounds);
	SAY_CALLS("interrupt", interruptions);
	SAY_CALLS("look", interruptions);
	return 0;
}
