/* SPDX-License-Identifier: MIT */
/* runtime/patch.h - what the files of patching share. Only who holds the lock (patch_lock.c) is in there; but threads join by themselves. */
#ifndef AP_RUNTIME_PATCH_H
#define AP_RUNTIME_PATCH_H

#include "runtime/govern.h"
#include "spool/patch.h"

struct ap_patch {
	struct ap_patch_list *list; /* our own memory; NULL: not yet; a child uses its parent's */
	bool over;		    /* for good: hooks that are back stay */
	bool asleep;
	bool had_filter,
		barred; /* a filter on system calls, at the beginning; or by now: all stays as it is */
	uint32_t phase;	  /* with hooks: the how many-th */
	uint32_t forking; /* calls of fork that are under way */
	uint64_t random;
	uint64_t asked_ticks; /* when a list was asked for */
	/* What others' looks say (patch_pace.c): so many in so much CPU time of the process; this phase was to have; and when that
	 * was drawn. */
	uint64_t looks, looks_ns;
	int64_t drawn;
	uint64_t drawn_cpu_ns;
	uint64_t
		turn_ns; /* of CPU time, that the last one took: writing, or counting where that takes longer */
	uint64_t since_cpu_ns; /* the CPU time of the process when this phase with hooks began */
	uint64_t phase_ns;     /* CPU time of the last one that is over */
	struct ap_gates
		*woken_for; /* NULL: for whoever; so many were used then, and had counted: */
	uint32_t before_n;
	uint64_t before_others; /* calls of functions without a closed gate */
	uint64_t before[AP_GATES];
	uint64_t calls[AP_PATCHED_MOST]; /* of one table, at one moment */
	uint32_t chosen
		[AP_PATCHED_MOST]; /* in the list; the others of the same place are in the spool */
	uint32_t by_place
		[AP_PATCHED_MOST]; /* the same in order, so that sites that are near each other are written at once */
	uint32_t chosen_n;
	uint32_t sites; /* of them */
};

static inline struct ap_patch_function *ap_patch_listed(const struct ap_patch *patch, uint32_t i)
{
	return (struct ap_patch_function *)(patch->list + 1) + i;
}

static inline const struct ap_patch_site *ap_patch_sites(const struct ap_patch *patch,
							 const struct ap_patch_function *function)
{
	return (const struct ap_patch_site *)ap_patch_listed(patch, patch->list->functions) +
	       function->first;
}

static inline struct ap_patched *ap_patched_at(const struct ap_control *c, uint32_t i)
{
	return (struct ap_patched *)ap_at(c, c->header->patched) + i;
}

static inline struct ap_sleepers *ap_patch_sleepers_of(const struct ap_control *c,
						       const struct ap_gates *gates)
{
	const ap_ref ref = __atomic_load_n(&gates->sleepers, __ATOMIC_ACQUIRE);
	return ref ? ap_at(c, ref) : NULL;
}

/* patch_lock.c */
/** ap_patch_lock_try() - signals are blocked. Return: is it ours? Then ap_patch_unlock(). */
bool ap_patch_lock_try(void);
void ap_patch_unlock(void);
bool ap_patch_lock_is_held(void);
/** ap_patch_lock_wait() - blocks signals. Return: what to give to ap_patch_unlock_all(). */
uint64_t ap_patch_lock_wait(void);
void ap_patch_unlock_all(uint64_t mask);
/** ap_patch_nap() - some microseconds, for whoever is waited for. */
void ap_patch_nap(void);

/* patch_pace.c */
/** ap_patch_sleep_ns() - how long a sleep is in the middle, in CPU time of the process. */
uint64_t ap_patch_sleep_ns(const struct ap_patch *patch);
/** ap_patch_pace_begin() - nothing is patched: phases have no end. */
void ap_patch_pace_begin(struct ap_patch *patch);
/** ap_patch_pace() - a phase begins, or goes on. Return: ticks after which others that have not come have become rarer. */
uint64_t ap_patch_pace(struct ap_patch *patch);
/** ap_patch_pace_others() - of @before calls only @others are those of others by now. */
void ap_patch_pace_others(struct ap_patch *patch, uint64_t others, uint64_t before);
bool ap_patch_pace_is_over(void);

/* patch_list.c */
/** ap_patch_list_read() - the attendant's list, in memory that is never freed. Return: NULL: none that is sound. */
struct ap_patch_list *ap_patch_list_read(void);
/** ap_patch_list_find() - Return: the place of the function at @address; `functions`: it is not there. */
uint32_t ap_patch_list_find(const struct ap_patch *patch, uint64_t address);

/* patch_code.c */
/** ap_patch_code_open() - the process's memory, to be read and written; a descriptor, or negative. */
long ap_patch_code_open(void);
/** ap_patch_code_fits() - is the code of all of its sites as listed, and do they reach our hooks? @memory: of ap_patch_code_open() */
bool ap_patch_code_fits(long memory, const struct ap_patch *patch,
			const struct ap_patch_function *function);
enum ap_patch_written {
	AP_PATCH_WRITTEN,
	AP_PATCH_UNWRITTEN, /* not all of them */
	AP_PATCH_FOREIGN, /* all but those that somebody else has changed: they are as he left them */
};
/** ap_patch_code_write() - hooks of all chosen functions go or come back. */
enum ap_patch_written ap_patch_code_write(const struct ap_patch *patch, bool asleep);
/** ap_patch_code_prepare() - the right to tell all processors, and a look whether memory can be opened. */
bool ap_patch_code_prepare(void);

/* patch_choose.c */
/** ap_patch_choose() - more functions: that @gates' thread has demoted, and calls often: since it woke them or, where some are
 * patched, in all phases of a batch. What is frequent in one phase only is not worth its turns. Return: their calls. */
uint64_t ap_patch_choose(struct ap_control *c, struct ap_patch *patch, struct ap_gates *gates);
/** ap_patch_others() - calls of functions that are not patched, among those by which functions are chosen. */
uint64_t ap_patch_others(const struct ap_control *c, const struct ap_patch *patch,
			 struct ap_gates *gates);

/* patch_count.c */
/** ap_patch_note_joined() - a table has a closed gate of the @i-th patched function: what it has counted until now is no part of
 * what will be compared. A later thread's adds to what the first one's has counted. */
void ap_patch_note_joined(struct ap_control *c, struct ap_gates *gates, uint32_t i);
/** ap_patch_count_phase() - it is over: what gates have counted since it began is of it. */
void ap_patch_count_phase(struct ap_control *c, struct ap_patch *patch);
/** ap_patch_batch_is_over() - are there enough phases with hooks to tell of the sleeps between them? ap_patch_count_tell() - tables with so
 * many, or more, do. */
bool ap_patch_batch_is_over(const struct ap_gates *gates);
void ap_patch_count_tell(const struct ap_control *c, const struct ap_patch *patch, uint32_t phases);
/** ap_patch_count_from_here() - functions from @from on are new. */
void ap_patch_count_from_here(struct ap_control *c, struct ap_patch *patch, uint32_t from);

#endif
