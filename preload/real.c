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

#define AP_REAL_ROW(ret, name, parameters) {#name, (void **)&ap_real.name},
static const struct {
	const char *name;
	void **field;
} rows[] = {AP_WRAPPED(AP_REAL_ROW)};

/* All of libc's at once, while there is one thread: later a handler may be the first to need one. What libc
 * does not have (__cxa_begin_catch) is resolved by its first caller: a failing dlsym allocates. */
__attribute__((constructor)) static void resolve_all(void)
{
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (!ap_streq(rows[i].name, "__cxa_begin_catch"))
			ap_real_resolve(rows[i].name, rows[i].field);
}
