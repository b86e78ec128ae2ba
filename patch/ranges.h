/* SPDX-License-Identifier: MIT */
/* patch/ranges.h - the pieces of a module's code, by its unwind tables: functions, and parts that were split off. */
#ifndef AP_PATCH_RANGES_H
#define AP_PATCH_RANGES_H

#include <libelf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "patch/contents.h"

struct ap_code_range {
	uint64_t start, end;
	const unsigned char *bytes; /* of the ELF's data */
	const unsigned char
		*pads;	   /* its table of places that the unwinder goes to (pads.h); NULL: none */
	size_t pads_bytes; /* at most: to the end of the section */
	uint64_t pads_at;  /* address of that table */
	bool pushes;	/* arguments of calls may be on the stack, which the unwinder takes away */
	uint32_t group; /* a range that it belongs together with; its own index: none */
};

struct ap_code_ranges {
	struct ap_code_range *all; /* by address */
	size_t n;
};

/** ap_code_ranges_find() - Return: 0, -EBADMSG, -ENOTSUP or -ENOMEM. Free with ap_code_ranges_clear(). */
int ap_code_ranges_find(Elf *elf, const struct ap_contents *contents, struct ap_code_ranges *ret);
void ap_code_ranges_clear(struct ap_code_ranges *ranges);
/** ap_code_ranges_bytes() - of all. */
uint64_t ap_code_ranges_bytes(const struct ap_code_ranges *ranges);
/** ap_code_range_of() - the one that @address is in, or NULL. */
struct ap_code_range *ap_code_range_of(const struct ap_code_ranges *ranges, uint64_t address);
/** ap_code_ranges_join() - code of one is reached by jumps from the other. ap_code_ranges_root() - the same for all that belong
 * together. */
void ap_code_ranges_join(struct ap_code_ranges *ranges, uint32_t a, uint32_t b);
uint32_t ap_code_ranges_root(struct ap_code_ranges *ranges, uint32_t i);

#endif
