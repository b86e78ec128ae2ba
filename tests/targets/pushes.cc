/* SPDX-License-Identifier: MIT */
/* pushes - exceptions out of calls with arguments on the stack, which the unwinder takes away. */
#include "victim.h"

static const int rounds = 1000;
static volatile long sink;

struct Guard {
	~Guard()
	{
		sink++;
	}
};

static APART void thrower(long a, long b, long c, long d, long e, long f, long g, long h, long i)
{
	sink += b + c + d + e + f + g + h + i;
	if (a % 2 == 0)
		throw 42;
}

static APART void after(long a)
{
	sink += a;
}

static inline __attribute__((always_inline)) void step(long a)
{
	Guard guard;
	thrower(a, 1, 2, 3, 4, 5, 6, 7, a);
	after(a);
}

static APART void one_round(long a)
{
	try {
		step(a);
		step(a + 1);
	} catch (int) {
		after(a);
	}
	after(a);
}

int main()
{
	for (int i = 0; i < rounds; i++)
		one_round(i);
	SAY_CALLS("main", 1);
	SAY_CALLS("one_round", rounds);
	return 0;
}
