/* SPDX-License-Identifier: MIT */
/* exceptions - thrown through frames with and without destructors, caught, thrown again. */
#include "victim.h"

static const int rounds = 1000, levels = 20;
static volatile unsigned long sink;
static unsigned long destroyed;

struct Guard {
	~Guard()
	{
		destroyed++;
	}
};

static APART void after()
{
	sink++;
}

static APART void thrower(int n)
{
	if (n == 0)
		throw 42;
	if (n > 0)
		thrower(n - 1);
	sink++;
}

static APART void guarded(int n)
{
	Guard guard;
	if (n == 0)
		thrower(levels);
	if (n > 0) /* always: the compiler need not know */
		guarded(n - 1);
	sink++;
}

static APART void again()
{
	try {
		guarded(levels);
	} catch (int) {
		after();
		throw;
	}
}

static APART void one_round()
{
	try {
		again();
	} catch (int) {
		after();
	}
	after();
}

int main()
{
	for (int i = 0; i < rounds; i++)
		one_round();
	SAY_CALLS("main", 1);
	SAY_CALLS("one_round", rounds);
	SAY_CALLS("again", rounds);
	SAY_CALLS("after", 3 * rounds);
	SAY_CALLS("guarded", rounds * (levels + 1));
	SAY_CALLS("thrower", rounds * (levels + 1));
	SAY_CALLS("Guard::~Guard", rounds * (levels + 1));
	return destroyed == (unsigned long)(rounds * (levels + 1)) ? 0 : 1;
}
