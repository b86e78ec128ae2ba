/* SPDX-License-Identifier: MIT */
/* jump_deep N - N times, longjmp() across 100 frames in each of these ways, with a call after each that must be at home:
 * back to the caller; to a function that is not instrumented; from one; to a frame that has moved its stack pointer by
 * alloca(); across frames that have; only half of the way, and the rest by return; by _longjmp(). */
#include <alloca.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "victim.h"

#define LEVELS 100

static jmp_buf back;
static volatile unsigned long sink;
static int underscore;

static APART void after(void)
{
	sink++;
}

static APART void dive(int n)
{
	if (n == 1) {
		if (underscore)
			_longjmp(back, 1);
		longjmp(back, 1);
	}
	if (n > 0) /* always: the compiler need not know */
		dive(n - 1);
	sink++;
}

static APART void simple(void)
{
	if (!setjmp(back))
		dive(LEVELS);
	after();
}

static UNTRACED APART void catch_unseen(void)
{
	if (!setjmp(back))
		dive(LEVELS);
	sink++;
}

static APART void to_unseen(void)
{
	catch_unseen();
	after();
}

static UNTRACED APART void jump_unseen(void)
{
	longjmp(back, 1);
}

static APART void dive_unseen(int n)
{
	if (n == 1)
		jump_unseen();
	if (n > 0)
		dive_unseen(n - 1);
	sink++;
}

static APART void from_unseen(void)
{
	if (!setjmp(back))
		dive_unseen(LEVELS);
	after();
}

static APART void to_stretched(int n)
{
	/* cppcheck-suppress allocaCalled */
	char *room = alloca((size_t)(64 + n % 4000));
	memset(room, 1, 64);
	if (!setjmp(back))
		dive(LEVELS);
	after();
	sink += (unsigned long)room[7];
}

static APART void dive_stretched(int n)
{
	/* cppcheck-suppress allocaCalled */
	char *room = alloca((size_t)(32 + n * 16 % 1000));
	memset(room, 1, 32);
	if (n == 1)
		longjmp(back, 1);
	if (n > 0)
		dive_stretched(n - 1);
	sink += (unsigned long)room[3];
}

static APART void across_stretched(void)
{
	if (!setjmp(back))
		dive_stretched(LEVELS);
	after();
}

static APART void middle(int n)
{
	if (n > 1) {
		middle(n - 1);
	} else {
		if (!setjmp(back))
			dive(LEVELS / 2);
		after();
	}
	sink++;
}

static APART void half_way(void)
{
	middle(LEVELS / 2);
	after();
}

static APART void by_underscore(void)
{
	underscore = 1;
	if (!setjmp(back))
		dive(LEVELS);
	underscore = 0;
	after();
}

int main(int argc, char **argv)
{
	const int n = argc > 1 ? atoi(argv[1]) : 1;
	for (volatile int i = 0; i < n; i++) {
		simple();
		to_unseen();
		from_unseen();
		to_stretched(i * 37);
		across_stretched();
		half_way();
		by_underscore();
	}
	SAY_CALLS("main", 1);
	SAY_CALLS("dive", n * (4 * LEVELS + LEVELS / 2));
	SAY_CALLS("dive_unseen", n * LEVELS);
	SAY_CALLS("dive_stretched", n * LEVELS);
	SAY_CALLS("middle", n * LEVELS / 2);
	SAY_CALLS("after", 8 * n);
	return 0;
}
