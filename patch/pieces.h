/* SPDX-License-Identifier: MIT */
/* patch/pieces.h - the pieces that code is walked in: from where a jump may arrive to the next such place, or to a jump. */
#ifndef AP_PATCH_PIECES_H
#define AP_PATCH_PIECES_H

#include <libelf.h>

#include "patch/pads.h"
#include "patch/ranges.h"
#include "patch/words.h"

struct ap_piece {
	uint64_t at, end; /* it may end before, with a jump */
	uint32_t range;
};

/** A jump that leaves its range. */
struct ap_code_jump {
	uint32_t from;
	uint64_t to;
};

/** Of a range. Those that jumps connect, other than calls in the form of a jump, share their tables. */
struct ap_piece_range {
	uint32_t root; /* one of those that are connected: the same for all of them */
	uint32_t next; /* in a ring of them */
	bool jumps;    /* one of them has jumps through registers or tables */
	bool called;   /* it may be, from anywhere; others are reached by jumps, if at all */
	bool function; /* it is, as instructions or other modules name it: a jump to where it starts is a call */
	size_t targets; /* the first place where jumps through tables may arrive, and how many there are */
	size_t targets_n;
	size_t pads; /* the first one; those of the next range follow */
};

struct ap_pieces {
	struct ap_piece *all; /* by address */
	size_t n;
	struct ap_piece_range *ranges; /* and one more */
	uint64_t *targets;
	size_t targets_n;
	struct ap_pad *pads; /* of each range, by address */
	size_t pads_n;
	struct ap_code_jump *jumps; /* their owner may take them */
	size_t jumps_n;
	size_t undecoded; /* ranges that are not all instructions: then there are no pieces */
};

/** ap_pieces_find() - Return: 0, -ENOMEM, or -E2BIG: more tables than code has; free with ap_pieces_clear() in any case. */
int ap_pieces_find(Elf *elf, const struct ap_contents *contents,
		   const struct ap_code_ranges *ranges, const struct ap_words *words,
		   struct ap_pieces *ret);
void ap_pieces_clear(struct ap_pieces *pieces);
/** ap_piece_from() - the number of the first one at @at or behind. */
size_t ap_piece_from(const struct ap_pieces *pieces, uint64_t at);
/** ap_piece_pad() - where a call at @at in @range goes on when it throws, or NULL. */
const struct ap_pad *ap_piece_pad(const struct ap_pieces *pieces, uint32_t range, uint64_t at);

#endif
