// SPDX-License-Identifier: MIT
// cancel_raii deferred|exit N - C++ threads that end in the fifth of nested calls: the destructor of every object is run,
// a catch-all sees the end pass through and lets it go on.
#include <cstdlib>
#include <pthread.h>
#include <semaphore.h>

#include "victim.h"

static const int levels = 5;
static int constructed, destroyed, seen, survived;
static bool by_exit;
static sem_t ready;

struct Guard {
	APART Guard()
	{
		__atomic_add_fetch(&constructed, 1, __ATOMIC_RELAXED);
	}
	APART ~Guard()
	{
		__atomic_add_fetch(&destroyed, 1, __ATOMIC_RELAXED);
	}
};

static APART void end_here()
{
	sem_post(&ready);
	if (by_exit)
		pthread_exit(nullptr);
	for (;;)
		pthread_testcancel();
}

static APART void level(int n)
{
	Guard guard;
	if (n == levels)
		end_here();
	if (n < levels) // always: the compiler need not know
		level(n + 1);
	survived++;
}

static APART void *start(void *unused)
{
	try {
		level(1);
	} catch (...) {
		__atomic_add_fetch(&seen, 1, __ATOMIC_RELAXED);
		throw;
	}
	survived++;
	return unused;
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	const int n = atoi(argv[2]);
	by_exit = argv[1][0] == 'e';
	sem_init(&ready, 0, 0);
	for (int i = 0; i < n; i++) {
		pthread_t thread;
		if (pthread_create(&thread, nullptr, start, nullptr))
			abort();
		sem_wait(&ready);
		if (!by_exit)
			pthread_cancel(thread);
		pthread_join(thread, nullptr);
	}
	printf("constructed %d destroyed %d seen %d survived %d\n", constructed, destroyed, seen,
	       survived);
	SAY_CALLS("start", n);
	SAY_CALLS("level", levels * n);
	SAY_CALLS("end_here", n);
	SAY_CALLS("Guard::Guard", levels * n);
	SAY_CALLS("Guard::~Guard", levels * n);
	SAY_CALLS("main", 1);
	return destroyed == constructed && seen == n && survived == 0 ? 0 : 1;
}
