/* SPDX-License-Identifier: MIT */
/* patch/list.h - the hooks of all modules of a process, as its program reads them: spool/patch.h. */
#ifndef AP_PATCH_LIST_H
#define AP_PATCH_LIST_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "patch/sites.h"
#include "spool/patch.h"

/** Zeroed: empty. Free with ap_patch_listing_clear(). */
struct ap_patch_listing {
	struct ap_patch_function *functions;
	struct ap_patch_site *sites;
	uint32_t functions_n, sites_n;
	uint32_t unfit, unread;
	bool blind; /* there are modules of which not even the names are known that they refer to */
	char **foreign; /* names of functions whose hooks are called in other modules, too */
	size_t foreign_n;
	struct ap_site_export *exports;
	size_t exports_n;
};

/** ap_patch_listing_add() - the hooks of one more module. One that cannot be read is counted; but the names that it refers to are
 * taken: it may have their hooks, too, inlined. @bias: what is added to addresses in the file. Return: 0 or -ENOMEM. */
int ap_patch_listing_add(struct ap_patch_listing *listing, const char *path, uint64_t bias);
/** ap_patch_listing_add_names() - only these. Return: 0 or -ENOMEM. */
int ap_patch_listing_add_names(struct ap_patch_listing *listing, const char *path);
/** ap_patch_listing_miss() - one more, which is not known at all: no function that other modules know is listed. */
void ap_patch_listing_miss(struct ap_patch_listing *listing);
/** ap_patch_listing_write() - Return: 0, -ENOMEM or -EIO. Sorts. */
int ap_patch_listing_write(struct ap_patch_listing *listing, uint64_t spool_id, FILE *to);
void ap_patch_listing_clear(struct ap_patch_listing *listing);

#endif
