/* SPDX-License-Identifier: MIT */
/* tail_calls N - functions that end by calling another one (the compiler may make a jump of it, also of the call of the
 * exit hook), chains of them, mutual ones in a loop, through pointers; functions that never return and leave by
 * longjmp() or exit(), called last. */
#include <setjmp.h>
#include <stdlib.h>

#include "victim.h"

#define CHAIN 50

static volatile unsigned long sink;
static jmp_buf back;

static APART unsigned long end_of_chain(unsigned long n)
{
	sink++;
	return n;
}

static unsigned long odd(unsigned long n);

static APART unsigned long even(unsigned long n)
{
	if (n == 0)
		return end_of_chain(n);
	return odd(n - 1);
}

static APART unsigned long odd(unsigned long n)
{
	return even(n - 1);
}

static APART unsigned long third(unsigned long n)
{
	return end_of_chain(n + 1);
}

static APART unsigned long second(unsigned long n)
{
	return third(n + 1);
}

static APART unsigned long first(unsigned long n)
{
	return second(n + 1);
}

static APART void nothing(void)
{
}

static void (*volatile pointer)(void) = nothing;

static APART void by_pointer(void)
{
	pointer();
}

static APART _Noreturn void leave(void)
{
	longjmp(back, 1);
}

static APART _Noreturn void fail(int n)
{
	sink += (unsigned long)n;
	leave();
}

static APART int may_fail(int n)
{
	if (n >= 0)
		fail(n);
	return n;
}

static APART void after(void)
{
	sink++;
}

static APART void one_round(int n)
{
	first(1);
	even(2 * CHAIN);
	by_pointer();
	if (!setjmp(back))
		may_fail(n);
	after();
}

static APART void at_exit(void)
{
	sink++;
}

static APART _Noreturn void finish(void)
{
	exit(0);
}

int main(int argc, char **argv)
{
	const int n = argc > 1 ? atoi(argv[1]) : 1;
	atexit(at_exit);
	for (volatile int i = 0; i < n; i++)
		one_round(i);
	SAY_CALLS("main", 1);
	SAY_CALLS("one_round", n);
	SAY_CALLS("first", n);
	SAY_CALLS("second", n);
	SAY_CALLS("third", n);
	SAY_CALLS("even", n * (CHAIN + 1));
	SAY_CALLS("odd", n * CHAIN);
	SAY_CALLS("end_of_chain", 2 * n);
	SAY_CALLS("by_pointer", n);
	SAY_CALLS("nothing", n);
	SAY_CALLS("may_fail", n);
	SAY_CALLS("fail", n);
	SAY_CALLS("leave", n);
	SAY_CALLS("after", n);
	SAY_CALLS("finish", 1);
	SAY_CALLS("at_exit", 1);
	finish();
}
