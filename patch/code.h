/* SPDX-License-Identifier: MIT */
/* patch/code.h - what the instructions of a module say of its hooks. x86-64 only. */
#ifndef AP_PATCH_CODE_H
#define AP_PATCH_CODE_H

#include "patch/choices.h"
#include "patch/hook_slots.h"
#include "patch/loads.h"
#include "patch/pieces.h"
#include "patch/ranges.h"
#include "patch/sites.h"
#include "patch/words.h"

/** A hook is called. */
struct ap_code_hook {
	struct ap_site site; /* its function is not known yet; at 0: reached in an unusual way */
	uint32_t range;
	uint64_t
		argument; /* the first one, if that is a function, maybe of another module; else 0 */
	uint32_t value;	  /* the same; or what else is known of it (choices.h) */
};

struct ap_code_facts {
	struct ap_code_load *loads;
	struct ap_code_jump *jumps;
	struct ap_code_hook *hooks;
	struct ap_choices choices;
	size_t loads_n, jumps_n, hooks_n;
	size_t undecoded; /* ranges that are not all instructions */
};

/** What is to be known before. */
struct ap_code_module {
	Elf *elf;
	struct ap_contents contents;
	struct ap_code_ranges ranges;
	struct ap_words words;
	struct ap_hook_ways ways;
};

/** ap_code_read() - decode all ranges. Return: 0; -ENOMEM; or -E2BIG: it would take more work than code of that size should. Free
 * with ap_code_clear() in any case. */
int ap_code_read(const struct ap_code_module *module, struct ap_code_facts *ret);
void ap_code_clear(struct ap_code_facts *facts);

#endif
