// SPDX-License-Identifier: MIT
// throw_across_lib.cc - a library that throws, lets through and catches; -DPREFIX tells which of two it is.
#include "throw_across.h"

#define JOIN(a, b) a##b
#define NAME(prefix, name) JOIN(prefix, name)

static volatile unsigned long sink;

void NAME(PREFIX, throw)(int levels)
{
	if (levels == 1)
		throw Ball{levels};
	if (levels > 0) // always: the compiler need not know
		NAME(PREFIX, throw)(levels - 1);
	sink = sink + 1;
}

void NAME(PREFIX, pass)(void (*function)())
{
	function();
	sink = sink + 1;
}

void NAME(PREFIX, catch)(void (*function)())
{
	try {
		function();
	} catch (const Ball &) {
		sink = sink + 1;
	}
}
