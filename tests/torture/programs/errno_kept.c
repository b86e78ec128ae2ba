/* SPDX-License-Identifier: MIT */
/* errno_kept - errno is what the program left it: at main, in constructors and new threads, after every call whatever the
 * library had to do for it, in handlers that interrupt anything, and after they have returned. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "victim.h"

#define STRANGE 4711
#define HANDLERS_OWN 815

static int at_constructor = -1;
static unsigned long calls, changed, changed_in_handler;
static volatile sig_atomic_t interruptions;

static APART void leaf(void)
{
	__atomic_fetch_add(&calls, 1, __ATOMIC_RELAXED);
}

__attribute__((constructor)) static UNTRACED void first(void)
{
	at_constructor = errno;
	leaf();
	errno = 0; /* as the others left it: what follows is the library's */
}

/* It changes errno itself, and gives it back as a handler must. */
static UNTRACED void handler(int signal)
{
	const int before = errno;

	(void)signal;
	errno = HANDLERS_OWN;
	for (int i = 0; i < 20; i++)
		leaf();
	changed_in_handler += errno != HANDLERS_OWN;
	interruptions++;
	errno = before;
}

static APART void many(unsigned long n)
{
	for (unsigned long i = 0; i < n; i++) {
		errno = STRANGE + (int)(i & 15);
		leaf();
		if (errno != STRANGE + (int)(i & 15))
			__atomic_fetch_add(&changed, 1, __ATOMIC_RELAXED);
	}
}

static UNTRACED void *in_thread(void *n)
{
	int *at_start = n;
	const int before = errno;

	leaf(); /* its first: the library makes room for it */
	*at_start = before == 0 && errno == 0;
	many(100000);
	return NULL;
}

static UNTRACED void set_timer(long us)
{
	const struct itimerval every = {{0, us}, {0, us}};
	struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &every, NULL);
}

static UNTRACED int at_main(void)
{
	const int found = errno;

	leaf();
	return found == errno ? found : -1;
}

int main(void)
{
	pthread_t thread[8];
	int at_start[8] = {0}, whole = 0;

	printf("errno in the constructor %d, at main %d\n", at_constructor, at_main());
	set_timer(500);
	many(1000000);
	for (int i = 0; i < 8; i++)
		pthread_create(&thread[i], NULL, in_thread, &at_start[i]);
	for (int i = 0; i < 8; i++) {
		pthread_join(thread[i], NULL);
		whole += at_start[i];
	}
	set_timer(0);
	printf("changed %lu, in handlers %lu, whole in %d threads\n", changed, changed_in_handler,
	       whole);
	printf("interrupted: %s\n", interruptions ? "yes" : "no");
	SAY_CALLS("many", 9);
	SAY_CALLS("leaf", calls);
	return 0;
}
