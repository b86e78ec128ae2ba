/* SPDX-License-Identifier: MIT */
/* patch/gaps.h - hooks outside of the code that unwind tables tell of: in other code, and in data that has addresses in it. */
#ifndef AP_PATCH_GAPS_H
#define AP_PATCH_GAPS_H

#include "patch/hook_slots.h"
#include "patch/ranges.h"

/** ap_gaps_reach_hooks() - is there anything outside of @ranges by which a hook could be called? */
bool ap_gaps_reach_hooks(const struct ap_contents *contents, const struct ap_code_ranges *ranges,
			 const struct ap_hook_ways *ways);

#endif
