/* SPDX-License-Identifier: MIT */
/* patch/owners.h - on whose behalf the hooks of a module are called. */
#ifndef AP_PATCH_OWNERS_H
#define AP_PATCH_OWNERS_H

#include "patch/code.h"

/** ap_owners_find() - list the hooks of all functions of which every hook is known. Sorts @facts, joins @ranges.
 * @ret: as of ap_sites_find(). Return: 0 or -ENOMEM. */
int ap_owners_find(struct ap_code_facts *facts, struct ap_code_ranges *ranges,
		   struct ap_sites *ret);

#endif
