// SPDX-License-Identifier: MIT
// throw_across N - exceptions across shared objects, N times each: thrown in a library and caught here; thrown here, passed
// through the library's frames, caught in it or here; both for an instrumented library and for one that is not.
#include <cstdlib>

#include "throw_across.h"
#include "victim.h"

static const int levels = 20;
static volatile unsigned long sink;

static APART void after()
{
	sink = sink + 1;
}

static APART void dive(int n)
{
	if (n == 1)
		throw Ball{n};
	if (n > 0) // always: the compiler need not know
		dive(n - 1);
	sink = sink + 1;
}

static APART void start_dive()
{
	dive(levels);
}

static APART void thrown_there(void (*thrower)(int))
{
	try {
		thrower(levels);
	} catch (const Ball &) {
		after();
	}
	after();
}

static APART void passed_through(void (*passer)(void (*)()))
{
	try {
		passer(start_dive);
	} catch (const Ball &) {
	}
	after();
}

static APART void caught_there(void (*catcher)(void (*)()))
{
	catcher(start_dive);
	after();
}

int main(int argc, char **argv)
{
	const int n = argc > 1 ? atoi(argv[1]) : 1;
	for (int i = 0; i < n; i++) {
		thrown_there(seen_throw);
		thrown_there(unseen_throw);
		passed_through(seen_pass);
		passed_through(unseen_pass);
		caught_there(seen_catch);
		caught_there(unseen_catch);
	}
	SAY_CALLS("main", 1);
	SAY_CALLS("seen_throw", n * levels);
	SAY_CALLS("seen_pass", n);
	SAY_CALLS("seen_catch", n);
	SAY_CALLS("dive", 4 * n * levels);
	SAY_CALLS("start_dive", 4 * n);
	SAY_CALLS("after", 8 * n);
	SAY_CALLS("thrown_there", 2 * n);
	SAY_CALLS("passed_through", 2 * n);
	SAY_CALLS("caught_there", 2 * n);
	return 0;
}
