/* SPDX-License-Identifier: MIT */
/* tls_library - BYTES of thread-local storage, and functions that touch it; built as the row says, in the dynamic or in the
 * initial-exec model. */
#include "victim.h"

static __thread struct {
	unsigned long count;
	char rest[BYTES - 2 * sizeof(unsigned long)];
	unsigned long last;
} own = {.last = 7};

static APART unsigned long again(unsigned long i)
{
	return own.count * 1000 + i;
}

unsigned long touch(unsigned long i);
unsigned long touch(unsigned long i)
{
	const unsigned long before = own.last - 7;

	own.rest[i % sizeof(own.rest)] = 1;
	return own.count++ ? again(i) : before;
}

/* Without its storage: a handler may not be the first to touch it. */
unsigned long look(unsigned long i);
unsigned long look(unsigned long i)
{
	return i * i;
}
