/* SPDX-License-Identifier: MIT */
/* profile/profile.h - the immutable model of one process's profile: what symbolize/ and report/ work on.
 *
 * Made from a spool by ap_profile_open(), which trusts nothing in the file. All times are nanoseconds,
 * all strings are NUL-terminated bytes as the program gave them (escape them for the sink). The model owns
 * everything it points to. Not thread-safe while it is built; read-only for ever after. */
#ifndef AP_PROFILE_PROFILE_H
#define AP_PROFILE_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spool/histogram.h"
#include "spool/layout.h"

/** A histogram: counts by stored index j (spool/histogram.h), rows of 32 made when needed. */
struct ap_histogram {
	uint64_t present;		       /* bit i: row i is there */
	uint64_t (*rows)[AP_HIST_ROW_BUCKETS]; /* those that are, in order */
	uint64_t count;
	bool coarse; /* some counts came from rows of 8 buckets an octave: quantile error up to 4.5 % */
};

/** ap_histogram_add() - count @n values in bucket @j. Return: 0 or -ENOMEM. */
int ap_histogram_add(struct ap_histogram *h, uint32_t j, uint64_t n);
/** ap_histogram_merge() - add @from to @into; any order of merges gives the same counts. */
int ap_histogram_merge(struct ap_histogram *into, const struct ap_histogram *from);
/** ap_histogram_subtract() - take the counts of @part out of @whole, none below 0. Return: 0 or -ENOMEM. */
int ap_histogram_subtract(struct ap_histogram *whole, const struct ap_histogram *part);
/** ap_histogram_quantile() - value at rank ceil(q*n), the geometric middle of its bucket, in seconds; 0 if empty. */
double ap_histogram_quantile(const struct ap_histogram *h, double q);
/** ap_histogram_row() - the counts of row @i, AP_HIST_ROW_BUCKETS of them; NULL: there are none. */
const uint64_t *ap_histogram_row(const struct ap_histogram *h, uint32_t i);
/** ap_histogram_clear() - release the rows; @h is empty and reusable afterwards. Takes zeroed objects. */
void ap_histogram_clear(struct ap_histogram *h);
/** ap_histogram_bucket_of_ns() - j of a duration in ns. */
uint32_t ap_histogram_bucket_of_ns(double ns);

/** How well a number of calls is known. Of a sum: as well as the worst of them. */
enum ap_calls_known {
	AP_CALLS_EXACT,
	AP_CALLS_ESTIMATED, /* hooks were patched out for a part of the time */
	AP_CALLS_MORE, /* the same, and nothing tells how many calls were missed: there were more than that */
};
static inline enum ap_calls_known ap_calls_worse(enum ap_calls_known a, enum ap_calls_known b)
{
	return a > b ? a : b;
}

enum ap_function_kind {
	AP_FUNCTION_INSTRUMENTED,
	AP_FUNCTION_SYNTHETIC, /* (root), (deeper), (other), (forked), (outside), (left out) */
};

/** A function: the sums over its call-tree nodes and all shards. Of the times, total_ns and self_ns are without what the
 * hooks took (profile/compensate.c); the others are as measured, and inside_ns and hooks_ns say what of them is not the
 * program's: report/figures.h. */
struct ap_profile_function {
	uint64_t address; /* in the program */
	int32_t module;	  /* index into modules, or -1 */
	enum ap_function_kind kind;
	uint64_t
		calls; /* all enters: leaf, closed, still open (not inherited), beyond the frame limit */
	uint64_t
		timed_calls; /* those in sum, min, max and the histograms; among them estimated_calls */
	uint64_t
		counted_calls; /* of calls: while it was demoted, counted by its hooks and not recorded; and missed_calls */
	uint64_t missed_calls; /* of these: an estimate of those while its hooks were patched out */
	uint64_t missed_error; /* standard error of that; of several processes: the sum */
	enum ap_calls_known calls_known;
	uint64_t
		estimated_calls; /* of these: for which recorded ones stand: all, or 0 when there were none */
	uint64_t untimed_calls; /* of calls: for which none stands, or whose end was not recorded */
	uint64_t open_calls;	/* of calls: open when the profile ended, closed at its end time */
	uint64_t total_ns;	/* wall; recursion counts once */
	uint64_t self_ns;
	uint64_t raw_total_ns, raw_self_ns;
	double sum_ns;	 /* of all timed calls, recursion counted every time */
	double hooks_ns; /* of sum_ns: the hooks' own: mean = (sum - hooks) / timed_calls */
	double inside_ns; /* of hooks_ns: between the stamps of these calls themselves, alike for each */
	double error_ns;    /* of self_ns: as far as what hooks cost there is not known */
	double sum_squares; /* ns^2 */
	uint64_t min_ns, max_ns;
	uint64_t slow, very_slow, critical; /* exact; fast = timed_calls - these */
	struct ap_histogram total;	    /* one value a timed call */
	struct ap_histogram self;
	bool total_partial; /* some of its time joined "(deeper)": total_ns is a lower bound */
};

/** A call path. nodes[0] is unused; ids are those of the spool, parents come before children. */
struct ap_profile_node {
	uint32_t parent;   /* node id; 0 for roots and unused ids */
	uint32_t function; /* index into functions */
	bool recursive;	   /* the function is already on the path */
	bool inherited;	   /* stands for an open frame of the parent process: no calls of ours */
	bool estimated;	   /* of its calls and times some are estimates */
	bool used;
	uint64_t calls;
	uint64_t open_calls;
	uint64_t total_ns;
	uint64_t self_ns;
	uint64_t min_ns, max_ns;
};

struct ap_profile_module {
	uint64_t start, end, bias; /* in the program */
	uint64_t device, inode, file_bytes;
	uint64_t load_ticks, unload_ticks;
	uint64_t absent_from,
		absent_to; /* when something else was at its addresses, the last time; 0, 0: never */
	char *path;
	uint8_t build_id[20];
	uint8_t build_id_bytes;
};

/** A call that had not returned when the profile ended. Outermost first. */
struct ap_profile_open_call {
	uint32_t node;
	uint32_t function;
	uint64_t age_ns;
	bool inherited;
};

struct ap_profile_thread {
	uint32_t pid; /* of the process that it belonged to */
	uint32_t tid;
	char name[17];
	bool live;	   /* had not ended */
	uint64_t start_ns; /* since the process's profile began */
	uint64_t duration_ns;
	uint64_t cpu_ns;
	uint64_t attempted, folded, pending, torn;
	struct ap_profile_open_call *open;
	size_t open_n;
};

enum ap_profile_end {
	AP_PROFILE_RUNNING,
	AP_PROFILE_EXIT,
	AP_PROFILE_RAW_EXIT,
	AP_PROFILE_QUICK_EXIT,
	AP_PROFILE_EXEC,
	AP_PROFILE_SIGNAL, /* killed, signal known */
	AP_PROFILE_KILLED, /* gone without a word, signal unknown */
};

struct ap_profile_process {
	char *exe;
	char *cwd;
	char *output;
	uint32_t pid, ppid, uid;
	uint64_t spool_id, parent_spool_id;
	uint64_t start_unix_ns;
	uint64_t duration_ns;
	enum ap_profile_end end;
	int signal;	 /* with AP_PROFILE_SIGNAL */
	int exit_status; /* -1 unknown */
	uint64_t cpu_ns;
	uint64_t max_rss_bytes;
	uint64_t threads_peak;
	uint64_t threads_created;
	uint64_t processes_created;
	struct ap_limits limits;
	bool report_wanted;
	uint64_t edge_ns[3];
};

struct ap_profile_drop {
	const char *reason; /* "no_memory", "nested", "early", "torn" */
	uint64_t events;
};
#define AP_PROFILE_DROPS 4

/** What was lost, guessed or degraded. */
struct ap_profile_quality {
	uint64_t attempted; /* from the cursors */
	uint64_t folded;  /* from the aggregates: what calls, exits and special events add up to */
	uint64_t pending; /* found in the chunks and folded by the reader */
	struct ap_profile_drop dropped[AP_PROFILE_DROPS];
	uint64_t
		in_doubt; /* events that a fold cut short by death may have counted twice or not at all */
	bool identity_holds; /* attempted == folded + pending + dropped, within in_doubt */
	double hook_ns; /* cost of one enter+exit and their fold, above hooks that do nothing; 0 unknown */
	double hook_inside_ns,
		hook_outside_ns;	       /* taken out of a call's time, and of its caller's */
	double hook_error_ns;		       /* of the first */
	double hook_gate_ns;		       /* of a call that is counted only */
	uint64_t counted_calls;		       /* such calls */
	uint64_t missed_calls;		       /* while hooks were patched out: estimates */
	bool patch;			       /* that was asked for */
	uint32_t patched;		       /* functions whose hooks were */
	uint32_t patch_functions, patch_sites; /* that could be */
	uint32_t patch_unfit;  /* functions that could not: of their hooks not all are known */
	uint32_t patch_unread; /* modules that could not be read */
	uint64_t asleep_ns;    /* how long hooks were out */
	uint64_t sleeps;       /* how often they came back */
	uint64_t left_out; /* times without events in windows that were taken for interruptions */
	double left_out_ns;
	uint32_t budget_pct;  /* 0: none: everything was recorded */
	double hook_empty_ns; /* of hooks that do nothing, a call; 0 unknown */
	double overhead_pct;  /* their cost, of the CPU time without it; 0 unknown */
	double empty_hooks_pct; /* what hooks that do nothing would take, of the CPU time without any */
	uint64_t
		compensation_clamps; /* paths whose hooks would have taken longer than their time */
	uint64_t resyncs, unclosed_frames, unmatched_exits, clamps, beyond, inherited;
	uint64_t specials;
	uint64_t while_stopped; /* events that count for nothing: recording was off */
	uint64_t stops, stopped_ns;
	uint64_t degraded; /* enum ap_degraded */
	uint64_t memory_used_bytes, memory_cap_bytes;
	uint64_t folds;
	const char *clock; /* "tsc", "cntvct", "monotonic" */
	double ticks_per_s;
	double paths_joined_pct; /* self time below "(deeper)", percent of all */
	char *filters; /* the options that leave calls out, as they were given; NULL: none */
	char **options_ignored; /* "key: why" */
	size_t options_ignored_n;
	char **notes;
	size_t notes_n;
};

/** ap_profile_overhead() - set the percentages of @q: what the hooks of a run of @cpu_ns took, above hooks that do nothing,
 * and what these took. Both are estimates of a ratio: above 1900 % they say no more than that. */
void ap_profile_overhead(struct ap_profile_quality *q, double cpu_ns, double hooks_ns,
			 double empty_ns);

/** A process of the profile: a program that a process ran. An exec begins another. */
struct ap_profile_process_row {
	char *exe;
	uint64_t spool_id, parent_spool_id;
	uint64_t start_unix_ns;
	uint64_t duration_ns;
	uint64_t cpu_ns;
	uint64_t calls;
	enum ap_calls_known calls_known; /* the worst of its functions */
	uint64_t threads;		 /* that recorded something */
	uint64_t attempted, folded, pending, dropped;
	uint64_t max_rss_bytes;
	uint64_t processes; /* 1; of rows that were summed, how many they were */
	uint32_t pid, ppid;
	int32_t parent; /* index of what made it, or of what it was before an exec; -1 unknown or none */
	enum ap_profile_end end;
	int signal;
	int exit_status; /* -1 unknown */
	bool elsewhere;	 /* its calls are not in this profile: it has a report of its own */
};

/* Processes and threads that a merged profile lists; the further ones are summed. */
#define AP_PROFILE_PROCESSES_MOST 1000u
#define AP_PROFILE_THREADS_MOST 1000u

struct ap_profile {
	struct ap_profile_process
		process; /* of a merged profile: the first one, with the figures of all */
	struct ap_profile_quality quality;
	struct ap_profile_function *functions; /* by function id; [0] unused */
	size_t functions_n;
	struct ap_profile_node *nodes;
	size_t nodes_n;
	struct ap_profile_module *modules;
	size_t modules_n;
	struct ap_profile_thread *threads;
	size_t threads_n;
	struct ap_profile_process_row *processes; /* parents are not always first */
	size_t processes_n;
	struct ap_profile_process_row
		more;	       /* processes that are not listed, summed; processes = 0: none */
	uint64_t threads_more; /* threads that are not listed */
	bool merged; /* of several processes: see profile/merge.h. Addresses are those in the modules' files */
};

/** What a caller knows about the process's end that the spool cannot know. Zeroed: nothing. */
struct ap_profile_known_end {
	bool known;
	int wait_status; /* as of waitpid() */
};

/** One line for the user; no newline. */
struct ap_profile_error {
	char text[256];
};

/**
 * ap_profile_open() - read a spool into a new model
 * @path: spool file; read in whole (holes cost nothing), never mapped: a file that shrinks cannot kill us
 * @known: end of the process as seen by its attendant, or NULL
 * @ret: set on success only; free with ap_profile_free()
 * @error: set on failure only
 *
 * Folds what was pending, closes open frames at the end time (announced end, else the last sign of life),
 * and derives every figure. The spool may be changing while it is read (a live process). What a copy beside it
 * (spool/names.h) has from before a reset is taken out: profile/since.h.
 *
 * Return: 0; -EBADMSG not a spool, truncated, corrupt or of another version or machine; -ENOMEM; or the
 * errno of opening and reading. */
int ap_profile_open(const char *path, const struct ap_profile_known_end *known,
		    struct ap_profile **ret, struct ap_profile_error *error);

/** ap_profile_parse() - the same from memory: @bytes are borrowed during the call. The fuzzed entry. */
int ap_profile_parse(const void *bytes, size_t size, const struct ap_profile_known_end *known,
		     struct ap_profile **ret, struct ap_profile_error *error);

/** ap_profile_free() - takes NULL. Return: NULL. */
struct ap_profile *ap_profile_free(struct ap_profile *profile);

/** Identity of a spool without its contents. */
struct ap_profile_head {
	uint32_t pid, ppid, uid;
	uint64_t proc_start;
	uint8_t boot_id[16];
	uint32_t life, report_state;
	uint64_t spool_id, start_unix_ns;
	char exe[256];
};
/** ap_profile_head() - read and check a spool's header only. Return: as ap_profile_open(). */
int ap_profile_head(const char *path, struct ap_profile_head *ret, struct ap_profile_error *error);

/** Where the program wanted its reports, at its start. */
struct ap_profile_wishes {
	char output[1024]; /* patterns, comma separated */
	char cwd[4096];
};
/** ap_profile_wishes() - the program can change them at any time: a reader that may do more than the
 * program reads them once, before the program gives its own rights up. What is not there, or too long,
 * is empty.
 * Return: as ap_profile_open(). */
int ap_profile_wishes(const char *path, struct ap_profile_wishes *ret,
		      struct ap_profile_error *error);
/** ap_profile_alive() - is the process that writes this spool still there (pid, start time, boot id)? */
bool ap_profile_alive(const struct ap_profile_head *head);

#endif
