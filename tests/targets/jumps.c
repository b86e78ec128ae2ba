/* SPDX-License-Identifier: MIT */
/* jumps - out of nested calls by longjmp, a thousand times; what comes after must be at home in its
 * caller. */
#include <setjmp.h>

#include "victim.h"

#define ROUNDS 1000
#define LEVELS 20

static jmp_buf back;
static sigjmp_buf back_too;
static volatile unsigned long sink;

static APART void after(void)
{
	sink++;
}

static APART void dive(int n)
{
	if (n == 0)
		longjmp(back, 1);
	if (n > 0) /* always: the compiler need not know */
		dive(n - 1);
	sink++;
}

static APART void plunge(int n)
{
	if (n == 0)
		siglongjmp(back_too, 1);
	if (n > 0)
		plunge(n - 1);
	sink++;
}

static APART void one_round(void)
{
	if (!setjmp(back))
		dive(LEVELS);
	after();
	if (!sigsetjmp(back_too, 1))
		plunge(LEVELS);
	after();
}

int main(void)
{
	for (int i = 0; i < ROUNDS; i++)
		one_round();
	SAY_CALLS("main", 1);
	SAY_CALLS("one_round", ROUNDS);
	SAY_CALLS("after", 2 * ROUNDS);
	SAY_CALLS("dive", ROUNDS * (LEVELS + 1));
	SAY_CALLS("plunge", ROUNDS * (LEVELS + 1));
	return 0;
}
