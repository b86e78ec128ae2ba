/* SPDX-License-Identifier: MIT */
/* runtime/api.c - what <autoprof/autoprof.h> finds in a program that runs under the library. */
#include "autoprof/autoprof.h"

#include "runtime/runtime.h"

extern const struct autoprof_api_v1 autoprof_api_v1;
__attribute__((visibility("default"))) const struct autoprof_api_v1 autoprof_api_v1 = {
	.size = sizeof(struct autoprof_api_v1),
	.fiber_switch = ap_fiber_switch_to_key,
	.fiber_end = ap_fiber_end_key,
};
