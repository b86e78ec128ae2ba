/* SPDX-License-Identifier: MIT */
/* patch/connect.c - see connect.h. */
#include "patch/connect.h"

static uint32_t root_of(struct ap_piece_range *all, uint32_t range)
{
	while (all[range].root != range) {
		all[range].root = all[all[range].root].root;
		range = all[range].root;
	}
	return range;
}

/* Two rings become one when each goes on where the other did. */
static void connect(struct ap_piece_range *all, uint32_t a, uint32_t b)
{
	a = root_of(all, a);
	b = root_of(all, b);
	if (a == b) {
		return;
	}
	const uint32_t next = all[a].next;
	all[a].next = all[b].next;
	all[b].next = next;
	all[a > b ? a : b].root = a > b ? b : a;
}

static void share_jumps(struct ap_piece_range *all, size_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		all[i].root = root_of(all, i);
		all[all[i].root].jumps |= all[i].jumps;
	}
	for (uint32_t i = 0; i < n; i++) {
		all[i].jumps = all[all[i].root].jumps;
	}
}

void ap_pieces_connect(struct ap_pieces *pieces, const struct ap_code_ranges *ranges)
{
	struct ap_piece_range *all = pieces->ranges;

	for (uint32_t i = 0; i < ranges->n; i++) {
		all[i].root = all[i].next = i;
	}
	for (size_t i = 0; i < pieces->jumps_n; i++) {
		const struct ap_code_jump *jump = &pieces->jumps[i];
		const struct ap_code_range *to = ap_code_range_of(ranges, jump->to);
		if (to && !(to->start == jump->to && all[to - ranges->all].function)) {
			connect(all, jump->from, (uint32_t)(to - ranges->all));
		}
	}
	share_jumps(all, ranges->n);
}
