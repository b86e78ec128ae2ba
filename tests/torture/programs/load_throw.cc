// SPDX-License-Identifier: MIT
// load_throw LIBRARY THREADS N - threads that load a library, call it, let it throw, allocate, and unload it, N times, all at
// once.
#include <cstdlib>
#include <dlfcn.h>
#include <pthread.h>
#include <string>

#include "victim.h"

static const char *library;
static int rounds;
static volatile unsigned long sink;

static APART void after(const std::string &text)
{
	sink = sink + text.size();
}

static APART void one_round()
{
	void *handle = dlopen(library, RTLD_NOW);
	if (!handle)
		abort();
	const auto thrower = reinterpret_cast<void (*)(int)>(dlsym(handle, "loaded_throw"));
	try {
		thrower(10);
	} catch (const std::string &text) {
		after(text + std::string(1000, 'x'));
	}
	dlclose(handle);
}

static void *start(void *unused)
{
	for (int i = 0; i < rounds; i++)
		one_round();
	return unused;
}

int main(int argc, char **argv)
{
	pthread_t threads[16];
	if (argc < 4)
		return 2;
	library = argv[1];
	const int n = atoi(argv[2]);
	rounds = atoi(argv[3]);
	for (int i = 0; i < n; i++)
		if (pthread_create(&threads[i], nullptr, start, nullptr))
			abort();
	for (int i = 0; i < n; i++)
		pthread_join(threads[i], nullptr);
	SAY_CALLS("start", n);
	SAY_CALLS("one_round", n * rounds);
	SAY_CALLS("loaded_throw", n * rounds * 10);
	SAY_CALLS("after", n * rounds);
	return 0;
}
