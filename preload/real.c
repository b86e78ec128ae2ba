/* SPDX-License-Identifier: MIT */
/* preload/real.c - see real.h. */
#include <dlfcn.h>
#include <errno.h>

#include "preload/real.h"

struct ap_real ap_real;

void *ap_real_resolve(const char *name, void **field)
{
	const int saved = errno;
	void *found = dlsym(RTLD_NEXT, name);
	errno = saved;
	__atomic_store_n(field, found, __ATOMIC_RELAXED);
	return found;
}
