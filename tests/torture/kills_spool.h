/* SPDX-License-Identifier: MIT */
/* tests/torture/kills_spool.h - what a kill left: where it hit, by the bytes of the spool, and whether the profile
 * says what the victim had published. */
#ifndef AP_TORTURE_KILLS_SPOOL_H
#define AP_TORTURE_KILLS_SPOOL_H

#include <stdbool.h>
#include <stddef.h>

#include "kills_page.h"

/** Where one kill hit; threads are in several places at once. */
struct kills_hit {
	bool spool;	/* there was one that could be read */
	bool recorded;	/* and it had a thread */
	unsigned folds; /* threads inside a fold: they hold a shard */
	unsigned folds_of[KILLS_SLOTS];
	bool half;     /* one of these had folded a part of its chunk */
	bool reserved; /* a slot was reserved, its event not stored */
	bool full; /* a thread at the end of its chunk had no shard: on its way into a fold or out of it */
	unsigned doubts; /* calls that were counted twice: at most one a fold */
	uint64_t calls;
};

/**
 * kills_judge() - compare the spool that is open as @fd with what the victim published
 * @may_be_unborn: the kill may have come before the spool was one
 *
 * Return: NULL when all is right, else what is wrong (static). */
const char *kills_judge(int fd, const struct kills_page *page, bool may_be_unborn,
			struct kills_hit *ret);

#endif
