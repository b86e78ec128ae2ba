/* SPDX-License-Identifier: MIT */
/* plugin - a shared library with functions whose names and number of calls are its own. */
#include "victim.h"

#ifndef NAME
#define NAME plug
#endif
#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)

static volatile unsigned long sink;

static APART void JOIN(NAME, _inner)(void)
{
	sink++;
}

APART int JOIN(NAME, _work)(int times)
{
	for (int i = 0; i < times; i++)
		JOIN(NAME, _inner)();
	return times;
}
