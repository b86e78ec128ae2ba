/* SPDX-License-Identifier: MIT */
/* patch/hook_slots.h - through which words and stubs a module reaches the hooks. */
#ifndef AP_PATCH_HOOK_SLOTS_H
#define AP_PATCH_HOOK_SLOTS_H

#include <libelf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "patch/contents.h"

/** A word that the loader fills with a hook's address, or a stub that jumps there. */
struct ap_hook_way {
	uint64_t address;
	bool exit;
};

#define AP_HOOK_WAYS                                                                               \
	32 /* two hooks, a slot for lazy and one for eager binding, stubs with up to four entries */

struct ap_hook_ways {
	struct ap_hook_way slots[AP_HOOK_WAYS], stubs[AP_HOOK_WAYS];
	size_t slots_n, stubs_n;
};

/** ap_hook_ways_find() - empty where the module has no hooks. Return: 0, -EBADMSG, or -ENOTSUP: stubs of an unknown kind, or a
 * hook's address is data. */
int ap_hook_ways_find(Elf *elf, const struct ap_contents *contents, struct ap_hook_ways *ret);
/** ap_hook_way_at() - Return: the one at @address, or NULL. */
const struct ap_hook_way *ap_hook_way_at(const struct ap_hook_way *ways, size_t n,
					 uint64_t address);

#endif
