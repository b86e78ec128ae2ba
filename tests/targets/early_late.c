/* SPDX-License-Identifier: MIT */
/* early_late - calls before main and after it: of the program and of its library (-DLIBRARY). What
 * comes last cannot be printed by main; the counts are known beforehand. */
#include <stdlib.h>

#include "victim.h"

static volatile unsigned long sink;

#ifdef LIBRARY
#define NAME(x) library_##x
void library_call(void);
#else
#define NAME(x) program_##x
void library_call(void);
#endif

static APART void NAME(work)(void)
{
	sink++;
}

static UNTRACED void repeat(int n)
{
	for (int i = 0; i < n; i++)
		NAME(work)();
}

__attribute__((constructor(101))) static void NAME(begin)(void)
{
	repeat(100);
}

__attribute__((destructor(101))) static void NAME(end)(void)
{
	repeat(1000);
}

#ifdef LIBRARY
void library_call(void)
{
	repeat(10000);
}
#else
static void at_exit(void)
{
	repeat(10000);
}

int main(void)
{
	atexit(at_exit);
	library_call();
	SAY_CALLS("program_begin", 1);
	SAY_CALLS("program_end", 1);
	SAY_CALLS("program_work", 11100);
	SAY_CALLS("at_exit", 1);
	SAY_CALLS("library_begin", 1);
	SAY_CALLS("library_end", 1);
	SAY_CALLS("library_work", 11100);
	return 0;
}
#endif
