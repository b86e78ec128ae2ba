/* SPDX-License-Identifier: MIT */
/* patch/gaps.c - see gaps.h. Where instructions begin is not known there, nor what they are: any four bytes may be how one of them
 * reaches a hook. But for what fills up behind a function: its numbers are small ones, as they are where code and data are near. */
#include "patch/gaps.h"

#include <string.h>

#include "patch/instruction.h"

static bool is_way(const struct ap_hook_ways *ways, uint64_t address)
{
	return ap_hook_way_at(ways->slots, ways->slots_n, address) ||
	       ap_hook_way_at(ways->stubs, ways->stubs_n, address);
}

/* Relative to where the instruction ends: there, or behind an immediate of one or four bytes. */
static bool is_relative(const struct ap_hook_ways *ways, uint64_t behind, int32_t by)
{
	const uint64_t to = behind + (uint64_t)(int64_t)by;

	return is_way(ways, to) || is_way(ways, to + 1) || is_way(ways, to + 4);
}

static bool is_absolute(const struct ap_hook_ways *ways, int32_t number)
{
	return is_way(ways, (uint64_t)(int64_t)number) || is_way(ways, (uint32_t)number);
}

static uint64_t behind_filler(const struct ap_section *section, uint64_t at,
			      struct ap_instruction *i)
{
	const struct ap_code_range code = {
		.start = section->start, .end = section->end, .bytes = section->bytes};

	while (at < section->end && ap_instruction_decode(i, &code, at) &&
	       ap_instruction_fills(i)) {
		at += i->what.length;
	}
	return at;
}

static bool code_reaches(const struct ap_contents *contents, const struct ap_section *section,
			 const struct ap_code_ranges *ranges, const struct ap_hook_ways *ways)
{
	struct ap_instruction i;
	int32_t number;

	ap_instruction_begin(&i);
	for (uint64_t at = section->start; at + sizeof(number) <= section->end;) {
		const struct ap_code_range *range = ap_code_range_of(ranges, at);
		if (range) {
			at = behind_filler(section, range->end, &i);
			continue;
		}
		memcpy(&number, section->bytes + (at - section->start), sizeof(number));
		if (is_relative(ways, at + sizeof(number), number) ||
		    (contents->fixed && is_absolute(ways, number))) {
			return true;
		}
		at++;
	}
	return false;
}

/* Of a stub, as the address of the hook itself: words that the loader fills have told of it by their names. */
static bool data_reaches(const struct ap_section *section, const struct ap_hook_ways *ways)
{
	uint32_t number;

	for (uint64_t at = 0; at + sizeof(number) <= section->end - section->start;
	     at += sizeof(number)) {
		memcpy(&number, section->bytes + at, sizeof(number));
		if (ap_hook_way_at(ways->stubs, ways->stubs_n, number)) {
			return true;
		}
	}
	return false;
}

bool ap_gaps_reach_hooks(const struct ap_contents *contents, const struct ap_code_ranges *ranges,
			 const struct ap_hook_ways *ways)
{
	for (size_t i = 0; i < contents->n; i++) {
		const struct ap_section *section = &contents->all[i];
		if ((section->kind == AP_SECTION_FUNCTIONS &&
		     code_reaches(contents, section, ranges, ways)) ||
		    (section->kind == AP_SECTION_DATA && contents->fixed &&
		     data_reaches(section, ways))) {
			return true;
		}
	}
	return false;
}
