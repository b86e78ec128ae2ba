/* SPDX-License-Identifier: MIT */
/* ifunc_library - see ifunc.c: two resolvers in a library, one for a function that is called from outside, and one for a
 * function of its own, which is called when the library is relocated: before what was preloaded is. */
#include <stddef.h>

#include "victim.h"

static volatile unsigned long resolved;

unsigned long from_library(unsigned long n);
unsigned long library_resolved(void);

static unsigned long chosen_within(unsigned long n)
{
	return 2 * n;
}

__attribute__((used)) static unsigned long (*resolve_within(void))(unsigned long)
{
	resolved++;
	return chosen_within;
}

__attribute__((visibility("hidden"))) unsigned long within(unsigned long n)
	__attribute__((ifunc("resolve_within")));

static unsigned long chosen_in_library(unsigned long n)
{
	return within(n);
}

__attribute__((used)) static unsigned long (*resolve_in_library(void))(unsigned long)
{
	resolved++;
	return chosen_in_library;
}

unsigned long from_library(unsigned long n) __attribute__((ifunc("resolve_in_library")));

UNTRACED unsigned long library_resolved(void)
{
	return resolved;
}
