/* SPDX-License-Identifier: MIT */
/* tests/bench/instructions_target.c - calls for tests/bench/instructions to count: `leaf N` or `nested N`. */
#include <stdlib.h>

__attribute__((noinline)) int leaf(int x)
{
	__asm__ volatile("" : "+r"(x));
	return x + 1;
}

/* Three calls: two that call, one leaf. */
__attribute__((noinline)) int inner(int x)
{
	x = leaf(x);
	__asm__ volatile("" : "+r"(x));
	return x;
}

__attribute__((noinline)) int outer(int x)
{
	x = inner(x);
	__asm__ volatile("" : "+r"(x));
	return x;
}

__attribute__((no_instrument_function)) int main(int argc, char **argv)
{
	const long n = argc > 2 ? atol(argv[2]) : 0;
	int (*call)(int) = argc > 1 && argv[1][0] == 'l' ? leaf : outer;
	int x = 0;
	for (long i = 0; i < n; i++) {
		x = call(x);
	}
	return x == 1;
}
