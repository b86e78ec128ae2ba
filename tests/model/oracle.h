/* SPDX-License-Identifier: MIT */
/* tests/model/oracle.h - what the program did, and what its profile must therefore say.
 *
 * The oracle knows calls by name, not by stack pointers: it is told which call an event belongs to, which
 * calls are gone, and at which moment an event began to count. It never looks into the spool before the
 * end, and shares no code with the fold. */
#ifndef AP_TESTS_MODEL_ORACLE_H
#define AP_TESTS_MODEL_ORACLE_H

#include "tests/model/reader.h"

#define ORACLE_EVENTS 4096u
#define ORACLE_CALLS 4096u
#define ORACLE_PATHS 512u

/** What folds that were cut short by death may have counted twice. */
struct oracle_doubt {
	uint32_t events;
	uint32_t calls;
};

struct oracle_event {
	struct machine_event machine;
	enum ap_event_kind kind;
	bool gap;	 /* of specials: else an unwind */
	uint32_t call;	 /* of enters and exits */
	uint64_t target; /* of unwinds: stack pointer */
	uint32_t place;	 /* in places[]; last one taken */
	bool placed;
	bool stored;
	bool dropped;
	bool late; /* so much was recorded before it was stored that the ring may have given it up */
};

struct oracle_call {
	uint32_t function;
	uint64_t stack_pointer;
	bool dead; /* gone without an exit and without an unwind */
	bool open; /* the rest: work of the comparison */
	uint32_t path;
	uint64_t start;
	uint64_t children;
};

struct oracle_place {
	uint32_t event; /* or ORACLE_VOID: its event went elsewhere */
	uint64_t time;
};
#define ORACLE_VOID UINT32_MAX

struct oracle_path {
	uint32_t parent;
	uint32_t function;
	uint64_t calls, total, outer, self;
};

struct oracle {
	uint32_t slots; /* of the smallest chunk */
	struct oracle_event events[ORACLE_EVENTS];
	uint32_t events_n;
	struct oracle_call calls[ORACLE_CALLS];
	uint32_t calls_n;
	struct oracle_place
		places[2 * ORACLE_EVENTS]; /* in the order in which slots were reserved */
	uint32_t places_n;
	uint32_t first_place; /* of this process: a forked child's begins later */
	bool forked;
	uint32_t stored, dropped, late;
	bool ambiguous; /* a dead call below an open one of the same function: exits are matched by function */
	struct oracle_path paths[ORACLE_PATHS];
	uint32_t paths_n;
	uint64_t enters[MACHINE_FUNCTIONS];
};

void oracle_start(struct oracle *oracle, uint32_t slots);
uint32_t oracle_call(struct oracle *oracle, uint32_t function, uint64_t stack_pointer);
uint32_t oracle_event(struct oracle *oracle, enum ap_event_kind kind, uint32_t call,
		      uint64_t target);

/* What machine_observer tells. */
void oracle_reserved(struct oracle *oracle, uint32_t event);
void oracle_storing(struct oracle *oracle, uint32_t event);
void oracle_stored(struct oracle *oracle, uint32_t event);
void oracle_dropped(struct oracle *oracle, uint32_t event);
uint32_t oracle_gap(struct oracle *oracle, const struct machine_event *gap);
/** oracle_dead() - @call is gone and nobody will say so; it was called from one of @open. */
void oracle_dead(struct oracle *oracle, uint32_t call, const uint32_t *open, uint32_t open_n);
/** oracle_forked() - from now on this is the child. */
void oracle_forked(struct oracle *oracle);

/**
 * oracle_check() - compare
 * @reading: of the machine's spool, finished
 *
 * Return: NULL, or what is wrong. */
const char *oracle_check(struct oracle *oracle, const struct reading *reading,
			 const struct machine_spool *spool, struct oracle_doubt doubt);

#endif
