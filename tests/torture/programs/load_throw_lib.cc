// SPDX-License-Identifier: MIT
// load_throw_lib.cc - the library of load_throw.cc.
#include <string>

static volatile unsigned long sink;

extern "C" void loaded_throw(int levels)
{
	if (levels == 1)
		throw std::string(500, 'y');
	if (levels > 0) // always: the compiler need not know
		loaded_throw(levels - 1);
	sink = sink + 1;
}
