/* SPDX-License-Identifier: MIT */
/* preload/wrap_seccomp.c - prctl: a filter on system calls may make each of ours deadly, and strict mode takes the
 * time stamp counter away as well. What was recorded is kept; recording ends. */
#include <stdarg.h>
#include <sys/prctl.h>

#include "preload/real.h"

EXPORT int prctl(int option, ...)
{
	unsigned long a[4];
	va_list list;
	va_start(list, option);
	for (int i = 0; i < 4; i++)
		a[i] = va_arg(list, unsigned long);
	va_end(list);
	const bool confines =
		option == PR_SET_SECCOMP || (option == PR_SET_TSC && a[0] == PR_TSC_SIGSEGV);
	const bool stopped = confines && ap_confine(true);
	const int result = AP_REAL(prctl)(option, a[0], a[1], a[2], a[3]);
	if (stopped && result < 0)
		ap_confine(false);
	return result;
}
