/* SPDX-License-Identifier: MIT */
/* profile/reader.h - the state of one reading: from a spool's bytes to the model.
 *
 * The steps of ap_profile_parse(), each in its file, in this order:
 *   header.c    check the header, fit the clock
 *   tables.c    modules, functions and nodes by id
 *   counters.c  sum the shards' counters, in ticks
 *   threads.c   thread records and their open frames
 *   fibers.c    the stacks that are no thread's own, and their open frames
 *   pending.c   events that nobody has folded: ring.c finds them, fold.c folds them, model.c grows
 *   open.c      close what was open at the end time
 *   patched.c   calls that nobody counted
 *   excess.c      how much more they are in windows
 *   compensate.c  how much of the times the hooks are
 *   figures.c   ticks become the model's nanoseconds
 *   identity.c  do the events add up?
 *   process.c   who it was and how it ended
 *   filters.c   what it left out
 *
 * Everything is in ticks until figures.c. Functions return 0 or a negative errno; with -EBADMSG they have
 * told the reason through ap_reader_fail(). Records that make no sense are skipped and counted, by kind,
 * in `damage`; the reader says so in the notes. Nothing here is thread-safe; all of it allocates. */
#ifndef AP_PROFILE_READER_H
#define AP_PROFILE_READER_H

#include "profile/fold.h"
#include "profile/input.h"
#include "profile/map.h"
#include "profile/profile.h"

__extension__ typedef unsigned __int128 ap_u128;

/** What was found to make no sense, and skipped. The sentences are in notes.c. */
enum ap_damage {
	AP_DAMAGE_COUNT,
	AP_DAMAGE_MODULE,
	AP_DAMAGE_FUNCTION,
	AP_DAMAGE_NODE,
	AP_DAMAGE_COUNTERS,
	AP_DAMAGE_HISTOGRAM,
	AP_DAMAGE_THREAD,
	AP_DAMAGE_FRAME,
	AP_DAMAGE_CHUNK,
	AP_DAMAGE_TEXT,
	AP_DAMAGE_KINDS,
};

/* Marks of nodes: a group of windows from 1, or this, with a multiple of the other for the epoch. */
#define AP_MARK_THIN 8u
#define AP_MARK_EPOCH 16u

/** Sums of one node over all shards and what the reader folded; parallel to the model's nodes. */
struct ap_node_sum {
	uint64_t calls; /* closed ones, leaf or not; in the end also those closed by the reader */
	uint64_t open;	/* of these: closed by the reader because the profile ended */
	uint64_t sum_ticks;
	uint64_t outer_ticks; /* modulo 2^64 while shards are added */
	uint64_t self_ticks;
	ap_u128 squares;
	uint64_t min, max;    /* valid with calls > 0 */
	uint64_t hooks_self;  /* of self_ticks: the hooks' own time */
	uint64_t hooks_outer; /* of outer_ticks: theirs and that of all calls below */
	uint64_t hooks_sum;   /* of sum_ticks: as much as of outer_ticks */
	uint32_t depth;	      /* of the path; the root has 0 */
	bool joined;	      /* (deeper), or below it */
	uint16_t mark;	      /* AP_MARK_THIN; 0 none */
	bool part;	      /* more time of the node above, of the same calls */
	uint8_t group;	      /* of windows that it was seen in; 0: outside */
	uint32_t owner;	      /* then: the node whose calls' windows these are */
	uint64_t cut;	      /* calls whose end was not recorded, not in `calls` */
	uint64_t stretches;   /* of a node of windows: see stretches.c; not in self_ticks */
	uint64_t stretch_ticks;
};

/** The same of one function; parallel to the model's functions. */
struct ap_function_sum {
	ap_u128 sum_ticks;
	ap_u128 squares;
	uint64_t outer_ticks, self_ticks;
	uint64_t hooks_outer, hooks_self; /* of these */
	ap_u128 net_ticks;		  /* sum_ticks without the hooks */
	uint64_t min, max;
	uint64_t beyond;     /* calls that were counted only */
	uint64_t inner;	     /* calls that were made by a call of the same path */
	uint64_t recursing;  /* calls of paths that have such */
	uint64_t made;	     /* calls that its calls made */
	uint64_t counted;    /* by gates */
	uint64_t missed;     /* while its hooks were patched out: an estimate */
	double missed_error; /* standard error of it */
	enum ap_calls_known known;
	uint64_t cut;	     /* recorded without their end */
	uint64_t sampled;    /* calls in windows, cut ones too */
	uint64_t weight;     /* calls that those stand for, of all nodes; rounded */
	double variance;     /* of self_ticks, by sampling */
	uint64_t stretches;  /* in windows */
	uint64_t in_windows; /* self time there, without these; ticks */
	uint32_t next_same;  /* another function id with the same address; 0 none */
	bool on_path;	     /* a node of the spool is a call of it */
};

/** A thread of the spool while its events are folded; parallel to the model's threads. */
struct ap_reader_thread {
	struct ap_thread record;
	uint32_t id;
	struct ap_fold fold;
	struct ap_gates *gates; /* NULL: none that its pending events would need */
	uint64_t attempted;	/* events that got a slot */
	uint64_t position;	/* events before it were folded or torn when the file was read */
	uint64_t pending;	/* folded by the reader */
	uint64_t holes;		/* torn, found by the reader */
};

/** What filters say of a module's functions; parallel to the model's modules. */
struct ap_reader_filter {
	uint32_t level; /* of all */
	uint64_t *matches;
	uint32_t matches_n;
};

/** A stack that is no thread's own; by fiber id. */
struct ap_reader_fiber {
	struct ap_stack stack;
	bool held; /* a thread is on it, and has its calls */
};

struct ap_reader {
	struct ap_input in;
	struct ap_spool_header hdr; /* a copy */
	struct ap_profile *profile;
	struct ap_profile_error *error;
	bool is_past;		 /* to be subtracted: since.h */
	struct ap_hist_map hist; /* as in the program: by the first estimate of the clock's rate */
	long double ns_per_tick;

	struct ap_node_sum *node_sums;
	struct ap_function_sum *function_sums;
	size_t nodes_max, functions_max; /* room in the model's arrays and in ours */
	struct ap_map function_by_address, node_by_path;
	bool indexed;			  /* the maps are filled */
	struct ap_reader_filter *filters; /* NULL: none */
	struct ap_reader_thread *threads;
	struct ap_reader_fiber *fibers;
	size_t fibers_n;

	struct ap_fold_counts spool_counts;  /* of the folds in the program */
	struct ap_fold_counts reader_counts; /* of ours */
	uint64_t spool_calls;		     /* closed calls, all nodes, before our folds */
	uint64_t open_frames, open_inherited, open_beyond,
		open_parts; /* in the spool, before our folds */
	uint64_t shards_busy;
	uint64_t end_ticks;
	uint64_t damage[AP_DAMAGE_KINDS];
};

/** ap_reader_fail() - say why the file is refused. Return: -EBADMSG. */
int ap_reader_fail(struct ap_profile_error *error, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/** ap_reader_no_memory() - say so. Return: -ENOMEM. */
int ap_reader_no_memory(struct ap_profile_error *error);
void ap_reader_damage(struct ap_reader *r, enum ap_damage kind);
/** ap_reader_note() - one more line of notes. Return: 0 or -ENOMEM. */
int ap_reader_note(struct ap_reader *r, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/** ap_reader_stack() - the @depth open calls of a stack whose first @most are at @frames. Those that cannot be read
 * become calls that are counted only: their exits still find their place. Return: 0 or -ENOMEM. */
int ap_reader_stack(struct ap_reader *r, ap_ref frames, uint32_t most, uint32_t depth,
		    struct ap_stack *ret);

/** ap_reader_duration() - ticks to ns, rounded; what does not fit is UINT64_MAX. */
uint64_t ap_reader_duration(const struct ap_reader *r, uint64_t ticks);
/** ap_reader_ns_x1000() - a thousandth of @ticks_x1000 in ns. */
static inline double ap_reader_ns_x1000(const struct ap_reader *r, uint64_t ticks_x1000)
{
	return (double)(ticks_x1000 * r->ns_per_tick / 1000);
}
/** ap_reader_between() - the same of the time from @start to @end; 0 when they are the wrong way round. */
uint64_t ap_reader_between(const struct ap_reader *r, uint64_t start, uint64_t end);

/* filters.c */
/** ap_reader_filter_module() - keep what filters say of module @id. Return: 0 or -ENOMEM. */
int ap_reader_filter_module(struct ap_reader *r, size_t id, const struct ap_module *record);
void ap_reader_filters_finish(struct ap_reader *r);
/** ap_reader_left_out() - is a call of the function at @address, of @module (-1: unknown), from node @parent left out?
 * Return: AP_ID_NONE, or the function as whose call it counts. */
uint32_t ap_reader_left_out(const struct ap_reader *r, uint32_t parent, int32_t module,
			    uint64_t address);

/* The steps, in order. */
int ap_reader_header(struct ap_reader *r);
int ap_reader_tables(struct ap_reader *r);
int ap_reader_counters(struct ap_reader *r);
int ap_reader_threads(struct ap_reader *r);
int ap_reader_fibers(struct ap_reader *r);
int ap_reader_gates(struct ap_reader *r);
int ap_reader_pending(struct ap_reader *r);
int ap_reader_open_calls(struct ap_reader *r);
int ap_reader_patched(struct ap_reader *r);
int ap_reader_weigh(struct ap_reader *r);
int ap_reader_stretches(struct ap_reader *r);
/** ap_reader_credible() - ticks of the stretches of node @id that were left out, as far as they may be work. */
double ap_reader_credible(const struct ap_reader *r, uint32_t id);
/** ap_reader_give_back() - so many @ticks of them are. */
void ap_reader_give_back(struct ap_reader *r, uint32_t id, double ticks);
/** ap_reader_weight() - how many calls one of node @id, of windows, stands for, itself left out. A part, which has its caller's own
 * time, has no weight of its own. */
double ap_reader_weight(const struct ap_reader *r, uint32_t id);
/** ap_reader_calls_error() - standard error of the number of a function's counted calls, relative. 1: nobody knows. */
double ap_reader_calls_error(const struct ap_function_sum *sum);
/** ap_reader_excess() - what the hooks of a call take in windows above what they were calibrated to take, and was taken out: ticks, by
 * node whose windows these are. May be less than 0. @excess: as many as there are nodes. Return: 0 or -ENOMEM. */
int ap_reader_excess(const struct ap_reader *r, double *excess);
int ap_reader_compensate(struct ap_reader *r);
int ap_reader_estimate(struct ap_reader *r);
void ap_reader_figures(struct ap_reader *r);
void ap_reader_identity(struct ap_reader *r);
int ap_reader_process(struct ap_reader *r, const struct ap_profile_known_end *known);
int ap_reader_filters(struct ap_reader *r);
int ap_reader_notes(struct ap_reader *r);

/** ap_header_check() - copy and judge the header of a file of @size bytes, of which @bytes are the first
 * AP_HEADER_BYTES or all. Return: 0 or -EBADMSG. */
int ap_header_check(const void *bytes, uint64_t size, struct ap_spool_header *ret,
		    struct ap_profile_error *error);
#define AP_HEADER_BYTES sizeof(struct ap_spool_header)
/** ap_header_used_bytes() - how much of the file matters. */
uint64_t ap_header_used_bytes(const struct ap_spool_header *hdr);
/** ap_header_head() - the identity in a header, without the name of the program. */
void ap_header_head(const struct ap_spool_header *hdr, struct ap_profile_head *ret);

#endif
