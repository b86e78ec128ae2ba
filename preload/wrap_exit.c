/* SPDX-License-Identifier: MIT */
/* preload/wrap_exit.c - ends that run no handlers: _exit, _Exit, abort. */
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "preload/real.h"
#include "runtime/sys.h"

EXPORT void _exit(int status)
{
	ap_end(AP_END_RAW_EXIT, status, true);
	for (;;)
		ap_sys1(SYS_exit_group, status);
}

EXPORT void _Exit(int status)
{
	_exit(status);
}

/* A handler of SIGABRT may never return, and may end otherwise: the attendant is only made sure of. */
EXPORT void abort(void)
{
	ap_end_abort();
	AP_REAL(abort)();
	__builtin_unreachable();
}
