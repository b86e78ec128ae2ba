/* SPDX-License-Identifier: MIT */
/* tests/torture/kills_life.h - one life of the victim: begun, awaited, killed, and what it left gathered. */
#ifndef AP_TORTURE_KILLS_LIFE_H
#define AP_TORTURE_KILLS_LIFE_H

#include <stdbool.h>
#include <stdint.h>

#include "kills_page.h"

/** The same for all lives. */
struct kills_place {
	const char *victim, *library;
	const char *options; /* for all lives, beside the plan's */
	char base[64];	     /* a directory of our own on a tmpfs */
	char spools[80];     /* where the victim's spool is made */
	char report[96];     /* where an attendant writes its report */
	int page_fd;
	struct kills_page *page;
	uint64_t start_us; /* from spawn to main(): a moving average */
};

enum kills_moment {
	KILLS_START,	/* from before exec to after main() has begun */
	KILLS_RUNNING,	/* after main() has begun */
	KILLS_ATTENDED, /* after the attendant has said that it is there */
};

struct kills_plan {
	const char *what;
	unsigned weight;
	enum kills_moment moment;
	unsigned within_us; /* of the moment; KILLS_START has its own measure */
	const char *options;
	unsigned rounds; /* calls of a thread before it ends; 0: it never does */
	bool unnoticed; /* it ends by the bare system call: its memory is claimed by others, later */
};

/** kills_place_open() - make the directories and the page. Return: 0 or -1 with a message. */
int kills_place_open(struct kills_place *place);
/** kills_place_close() - @keep: leave the spools of failed lives. */
void kills_place_close(struct kills_place *place, bool keep);

/**
 * kills_live() - one life
 * @random: at most this part of the plan's time passes: 0 .. 2^32 - 1
 * @ret_fd: the spool, or -1 when there was none; the caller closes it
 * @ret_us: what was waited
 *
 * When it returns all processes of that life are gone. Return: NULL, or what went wrong (static). */
const char *kills_live(struct kills_place *place, const struct kills_plan *plan, unsigned threads,
		       uint32_t random, int *ret_fd, unsigned *ret_us);

/** kills_tidy() - remove spools and report. @keep_as: but keep the spool under this number; 0: no. */
void kills_tidy(struct kills_place *place, unsigned keep_as);
bool kills_spool_left(const struct kills_place *place);

#endif
