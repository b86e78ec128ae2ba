/* SPDX-License-Identifier: MIT */
/* tests/model/reader.h - what a reader makes of a dead process's spool. */
#ifndef AP_TESTS_MODEL_READER_H
#define AP_TESTS_MODEL_READER_H

#include "tests/model/machine.h"

struct reading {
	uint64_t attempted; /* from the cursor: slots only */
	uint64_t folded;    /* from the aggregates, before the reader folds anything */
	uint64_t pending;   /* valid slots behind the position */
	uint64_t torn;	    /* holes: given up by folds, and those behind the position */
	uint64_t dropped;
	uint64_t calls
		[MACHINE_FUNCTIONS]; /* all enters, after the reader has folded what was pending */
};

/** reader_read() - take over from a machine that stopped anywhere; folds what is pending in its spool. */
struct reading reader_read(struct machine *machine);

#endif
