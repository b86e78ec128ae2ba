// SPDX-License-Identifier: MIT
// throw_noexcept handler|abort - an exception that meets a function that lets none out: std::terminate(), with a handler of
// the program's own that ends the process, or without.
#include <cstdlib>
#include <exception>
#include <sys/resource.h>

#include "victim.h"

static const int levels = 20;
static volatile unsigned long sink;

struct Guard {
	APART ~Guard()
	{
		sink = sink + 1;
	}
};

static APART void dive(int n)
{
	if (n == 1)
		throw 1;
	if (n > 0) // always: the compiler need not know
		dive(n - 1);
	sink = sink + 1;
}

static APART void lets_none_out() noexcept
{
	dive(levels);
	sink = sink + 1;
}

static APART void outer()
{
	try {
		lets_none_out();
	} catch (...) {
		puts("this must not be");
	}
}

static APART void on_terminate()
{
	puts("terminated");
	exit(4);
}

int main(int, char **argv)
{
	const rlimit none = {0, 0};
	setrlimit(RLIMIT_CORE, &none);
	if (argv[1] && argv[1][0] == 'h')
		std::set_terminate(on_terminate);
	SAY_CALLS("main", 1);
	SAY_CALLS("outer", 1);
	SAY_CALLS("lets_none_out", 1);
	SAY_CALLS("dive", levels);
	SAY_CALLS("on_terminate", argv[1] && argv[1][0] == 'h');
	fflush(stdout);
	outer();
	return 0;
}
