/* SPDX-License-Identifier: MIT */
/* preload/wrap_modules.c - dlclose: addresses are about to lose their meaning. dlopen is not wrapped: a frame of
 * ours between it and its caller would change $ORIGIN and the namespace. */
#include <dlfcn.h>

#include "preload/real.h"

EXPORT int dlclose(void *handle)
{
	struct ap_control *c = ap_runtime.control;
	if (!c || c->state != AP_STATE_ON)
		return AP_REAL(dlclose)(handle);
	ap_modules_before_unload(c);
	const int result = AP_REAL(dlclose)(handle);
	const uint64_t start = ap_ticks();
	ap_flush(
		false); /* what was called in there gets its names while the addresses still mean it */
	ap_modules_after_unload(c);
	ap_record_gap(start);
	return result;
}
