// SPDX-License-Identifier: MIT
// thread_local N - N threads with thread_local objects whose destructors call, make further thread_local objects, and
// leave work to the destructor of a key; dlerror() leaves its message to be freed at the end of the thread.
#include <cstdlib>
#include <dlfcn.h>
#include <pthread.h>

#include "victim.h"

static int destroyed;
static volatile unsigned long sink;
static pthread_key_t key;

static APART void in_destructor()
{
	sink = sink + 1;
}

struct Late {
	int used = 0;
	APART ~Late()
	{
		in_destructor();
		__atomic_add_fetch(&destroyed, 1, __ATOMIC_RELAXED);
	}
};

struct Early {
	int used = 0;
	APART ~Early();
};

static thread_local Early early;
static thread_local Late late;

Early::~Early()
{
	in_destructor();
	late.used++; // made while the thread ends
	pthread_setspecific(key, &destroyed);
	__atomic_add_fetch(&destroyed, 1, __ATOMIC_RELAXED);
}

static APART void destroy_value(void *)
{
	in_destructor();
}

static void *start(void *unused)
{
	early.used++;
	if (dlopen("/nowhere/at/all.so", RTLD_NOW))
		abort();
	return unused;
}

int main(int argc, char **argv)
{
	const int n = argc > 1 ? atoi(argv[1]) : 10;
	pthread_key_create(&key, destroy_value);
	for (int i = 0; i < n; i++) {
		pthread_t thread;
		if (pthread_create(&thread, nullptr, start, nullptr))
			abort();
		pthread_join(thread, nullptr);
	}
	SAY_CALLS("start", n);
	SAY_CALLS("Early::~Early", n);
	SAY_CALLS("Late::~Late", n);
	SAY_CALLS("destroy_value", n);
	SAY_CALLS("in_destructor", 3 * n);
	return destroyed == 2 * n ? 0 : 1;
}
