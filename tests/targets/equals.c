/* SPDX-License-Identifier: MIT */
/* equals - functions that do the same, inlined into the cases of a switch: a compiler may call one hook for all of
 * them, and take from a table for which. */
#include "victim.h"

#define ROUNDS 1000
#define CASES 6
#define EQUAL(name)                                                                                \
	static inline __attribute__((always_inline)) void name(void)                               \
	{                                                                                          \
		sink++;                                                                            \
	}

static volatile unsigned long sink;

EQUAL(red)
EQUAL(orange)
EQUAL(yellow)
EQUAL(green)
EQUAL(blue)
EQUAL(violet)

static APART void choose(int colour)
{
	switch (colour) {
	case 0:
		red();
		break;
	case 1:
		orange();
		break;
	case 2:
		yellow();
		break;
	case 3:
		green();
		break;
	case 4:
		blue();
		break;
	case 5:
		violet();
		break;
	}
}

static APART void alone(void)
{
	sink++;
}

int main(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		choose(i % CASES);
		alone();
	}
	SAY_CALLS("choose", ROUNDS);
	SAY_CALLS("alone", ROUNDS);
	return 0;
}
