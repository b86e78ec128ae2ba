/* SPDX-License-Identifier: MIT */
/* spool/layout.h - the shared-memory file that is the profile of one process.
 *
 * The runtime builds this file in place while the program runs; `autoprof` reads it, live or after the
 * death of the program. There is no "writing the profile at exit": every end is a crash end.
 *
 * Rules of the format:
 *  - everything is reached from the header by references, never by addresses of the program. A reference
 *    (ap_ref) is a file offset in units of 64 bytes; 0 means "none";
 *  - space is only handed out, never given back to the allocator; blocks that are reused are reused for
 *    the same purpose by their own lists;
 *  - tables of ids (functions, nodes, modules, threads) are append-only: an id means the same to every
 *    thread, shard and reader;
 *  - counters are u64 and only grow; times are in ticks of the clock named in the header;
 *  - a reader treats every field as hostile: check, copy, then use.
 *
 * docs/spool-format.md tells the same in prose. Change both, and AP_SPOOL_VERSION, together. */
#ifndef AP_SPOOL_LAYOUT_H
#define AP_SPOOL_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#define AP_SPOOL_MAGIC "APSPOOL" /* with its NUL: 8 bytes */
#define AP_SPOOL_VERSION 9u
#define AP_SPOOL_BYTE_ORDER 0x01020304u

/** A file offset in units of AP_REF_UNIT bytes; 0 is "none". */
typedef uint32_t ap_ref;
#define AP_REF_UNIT 64u

/* Ids are indexes into tables of blocks. Block sizes are part of the format. */
#define AP_MAX_NODES                                                                               \
	(1u << 17) /* node ids fit 17 bits: with a 47-bit address they make one 64-bit key */
#define AP_MAX_FUNCTIONS (1u << 16)
#define AP_MAX_MODULES (1u << 12)
#define AP_MAX_THREADS (1u << 17)
#define AP_MAX_SHARDS 128u
#define AP_MAX_FIBERS (1u << 20)

#define AP_NODES_PER_BLOCK 256u
#define AP_FUNCTIONS_PER_BLOCK 256u
#define AP_MODULES_PER_BLOCK 32u
#define AP_THREADS_PER_BLOCK 16u
#define AP_FIBERS_PER_BLOCK 256u
#define AP_STATS_PER_BLOCK 64u

#define AP_NODE_BLOCKS (AP_MAX_NODES / AP_NODES_PER_BLOCK)
#define AP_FUNCTION_BLOCKS (AP_MAX_FUNCTIONS / AP_FUNCTIONS_PER_BLOCK)
#define AP_MODULE_BLOCKS (AP_MAX_MODULES / AP_MODULES_PER_BLOCK)
#define AP_THREAD_BLOCKS (AP_MAX_THREADS / AP_THREADS_PER_BLOCK)
#define AP_FIBER_BLOCKS (AP_MAX_FIBERS / AP_FIBERS_PER_BLOCK)
#define AP_NODE_STAT_BLOCKS (AP_MAX_NODES / AP_STATS_PER_BLOCK)
#define AP_FUNCTION_STAT_BLOCKS (AP_MAX_FUNCTIONS / AP_STATS_PER_BLOCK)

/* Lookup tables grow by appending a table of twice the size; a key lives in the first table whose probe
 * window had room, so nothing ever moves. */
#define AP_LOOKUP_TABLES 10u
#define AP_LOOKUP_WINDOW 8u

/* Ids with a fixed meaning; they exist in every spool. Function ids and node ids agree for these. */
enum ap_fixed_id {
	AP_ID_NONE = 0,
	AP_ID_ROOT = 1,	  /* where every thread begins */
	AP_ID_DEEPER = 2, /* "(deeper)": paths beyond the depth or memory limit */
	AP_ID_OTHER = 3,  /* "(other)": functions that found no place in the function table */
	AP_ID_FORKED = 4, /* "(forked)": root of a child made by _Fork or raw clone */
	/* What filters keep out of the profile (spool/filter.h). Functions only: on a path they stand where the calls were. */
	AP_ID_OUTSIDE = 5,  /* "(outside)": what is called from there may be recorded */
	AP_ID_LEFT_OUT = 6, /* "(left out)": nothing below is */
	AP_ID_FIRST = 7,
};

/* Depth of a path in the call tree; deeper frames join AP_ID_DEEPER. Direct recursion adds no depth. */
#define AP_MAX_PATH_DEPTH 256u
/* Frames remembered per thread; deeper calls are counted, not timed. */
#define AP_MAX_FRAMES 65536u

enum ap_clock_kind {
	AP_CLOCK_MONOTONIC = 1, /* ticks are nanoseconds of CLOCK_MONOTONIC */
	AP_CLOCK_TSC = 2,
	AP_CLOCK_CNTVCT = 3,
};

/* Life of the process, a futex word. Only ever grows. */
enum ap_life {
	AP_LIFE_STARTING = 0,
	AP_LIFE_RUNNING = 1,
	AP_LIFE_EXITING = 2, /* the end was announced: recording is off, a report is wanted */
	AP_LIFE_ENDED = 3,   /* the process left without waiting for a report */
};

/* How the process said that it would end; AP_END_NONE after a kill. */
enum ap_end {
	AP_END_NONE = 0,
	AP_END_EXIT = 1,     /* exit() or return from main */
	AP_END_RAW_EXIT = 2, /* _exit, _Exit */
	AP_END_QUICK_EXIT = 3,
	AP_END_EXEC = 4,
};

/* Progress of the report, a futex word: written by `autoprof`, waited for by the ending process. */
enum ap_report_state {
	AP_REPORT_NONE = 0,
	AP_REPORT_WORKING = 1,
	AP_REPORT_DONE = 2,
	AP_REPORT_FAILED = 3,
};

/* Why an event was dropped: index into ap_spool_header.dropped and the name in the report. */
enum ap_drop {
	AP_DROP_NO_MEMORY = 0, /* no chunk could be had */
	AP_DROP_NESTED =
		1,	   /* a handler ran hooks inside a slow path that could not block signals */
	AP_DROP_EARLY = 2, /* before the spool existed */
	AP_DROP_REASONS = 8, /* room; "torn" is counted per thread */
};

/* What the runtime gave up to stay inside its memory, in this order (bits of ap_spool_header.degraded). */
enum ap_degraded {
	AP_DEGRADED_SMALL_CHUNKS = 1u << 0, /* chunks stay at 1 KiB */
	AP_DEGRADED_NO_SELF_HIST = 1u << 1, /* no histograms of self time */
	AP_DEGRADED_COARSE_HIST = 1u << 2,  /* new histogram rows have 8 buckets an octave */
	AP_DEGRADED_PATHS_JOINED = 1u << 3, /* new paths join "(deeper)" */
	AP_DEGRADED_NAMES_JOINED = 1u << 4, /* new functions join "(other)" */
	AP_DEGRADED_EVENTS_DROPPED = 1u << 5,
	AP_DEGRADED_HIST_LOST = 1u << 6, /* some values are in no histogram: no memory for a row */
};

/** Two readings of the same moment. */
struct ap_clock_pair {
	uint64_t ticks;
	uint64_t mono_ns; /* CLOCK_MONOTONIC */
};

/** One open-addressing table of u64 slots {tag:32, id:32}; 0 is empty. log2_slots 0: table absent. */
struct ap_lookup_table {
	ap_ref slots;
	uint32_t log2_slots;
};

/** A text of the program's life: bytes NUL-terminated, `bytes` without the NUL. */
struct ap_text {
	ap_ref ref;
	uint32_t bytes;
};

/** Figures of the whole process, refreshed by slow paths and by the attendant; ns and bytes. */
struct ap_usage {
	uint64_t at_ticks;
	uint64_t cpu_ns; /* user + system */
	uint64_t max_rss_bytes;
	uint64_t threads_now;
	uint64_t cpu_at_ticks; /* when cpu_ns was that; it may be long before at_ticks */
};

/** Limits seen at the start; 0 is "none or unknown". */
struct ap_limits {
	uint64_t
		memory_bytes; /* smallest of cgroup memory.max/high of all ancestors and RLIMIT_AS */
	uint64_t cpu_millicores; /* smallest of the affinity and all ancestors' quotas */
	uint64_t host_memory_bytes;
	uint32_t memory_from; /* enum ap_limit_source */
	uint32_t reserved;
};

enum ap_limit_source {
	AP_LIMIT_NONE = 0,
	AP_LIMIT_CGROUP = 1,
	AP_LIMIT_RLIMIT_AS = 2,
};

/** Records of ended threads that were used again: their sums live on here. */
struct ap_retired {
	uint64_t threads;
	uint64_t attempted;
	uint64_t folded;
	uint64_t torn;
	uint64_t specials;
	uint64_t unmatched_exits;
	uint64_t unclosed;
	uint64_t resyncs;
	uint64_t clamps;
	uint64_t beyond;
	uint64_t inherited;
};

/** Recording was off from `stop` until `start` (ticks; UINT64_MAX: until further notice). Rules: spool/pause.h. */
struct ap_pause {
	uint64_t stop;
	uint64_t start;
};
#define AP_PAUSES 32u

#define AP_FILTER_LISTS 3
#define AP_FILTER_PATTERNS 64u /* of a list: further ones are refused */

struct ap_spool_header {
	char magic[8];
	uint32_t version;
	uint32_t byte_order;
	uint32_t header_bytes; /* sizeof(struct ap_spool_header) */
	uint32_t clock_kind;   /* enum ap_clock_kind */
	uint64_t size_bytes;   /* of the file: what the memory cap can grow to */
	uint64_t map_address;  /* where the program maps the file; cursors are addresses */

	/* Allocator: bytes handed out and bytes known to be backed by memory. */
	uint64_t alloc_next;
	uint64_t alloc_ready;
	uint64_t alloc_failures;
	uint64_t degraded; /* enum ap_degraded */

	/* Identity. */
	uint32_t pid;
	uint32_t ppid;
	uint32_t uid;
	uint32_t flags;	     /* enum ap_spool_flags */
	uint64_t proc_start; /* field 22 of /proc/PID/stat; 0 unknown: pid reuse is told by it */
	uint64_t parent_spool_id; /* of a forked child: the parent's spool_id */
	uint64_t spool_id;	  /* random */
	uint8_t boot_id[16];
	uint64_t start_unix_ns;
	uint64_t
		cpu_start_ns; /* CPU time of the process when the profile began: usage.cpu_ns counts from before */

	/* Clock. ticks_per_s is the first estimate; readers refit from the two pairs when they are far apart. */
	uint64_t ticks_per_s;
	struct ap_clock_pair clock_first;
	struct ap_clock_pair clock_last;

	/* Life and end. */
	uint32_t life;	       /* futex; enum ap_life */
	uint32_t report_state; /* futex; enum ap_report_state */
	uint32_t end_kind;     /* enum ap_end */
	uint32_t end_status;   /* exit status where known */
	uint32_t attendant_pid;
	uint32_t inert_reason; /* 0, or errno of what stopped recording after the start */
	uint64_t end_ticks;    /* when the end was announced; 0 else */
	uint64_t deadline_ns;

	/* What the program's owner asked for. */
	struct ap_text exe;
	struct ap_text cwd;
	struct ap_text output;		/* comma-separated patterns */
	struct ap_text options_ignored; /* "key: why" records, one a line */
	struct ap_text notes;		/* one a line */
	uint32_t report_wanted;		/* 0: report=none */
	uint32_t hist_log2;		/* buckets an octave of new rows: 5, or 3 when degraded */
	uint64_t edge_ns[3];		/* lower edges of slow, very slow, critical */
	uint64_t edge_ticks[3];

	/* Figures. */
	struct ap_usage usage;
	struct ap_limits limits;
	uint64_t threads_created;
	uint64_t processes_created;
	uint64_t dropped[AP_DROP_REASONS];
	uint64_t folds;
	uint64_t fold_ns; /* CPU time spent in folds, and the events that they folded */
	uint64_t fold_events;
	uint64_t
		hook_ticks_x1000; /* cost of one enter+exit, in 1/1000 tick: hooks as calibrated at the start, above
				    * what hooks that do nothing would take, and the folds' own time a pair; 0 unknown */

	struct ap_retired retired[2]; /* [retiring & 1] is valid */
	uint64_t
		retiring; /* thread id + 1 of a record that is in the sums and not yet cleared : 63 | choice : 1 */

	/* Counts of ids handed out; ids below AP_ID_FIRST included for functions and nodes. */
	uint32_t functions;
	uint32_t nodes;
	uint32_t modules;
	uint32_t threads;
	uint32_t shards;
	uint32_t max_shards;
	uint32_t max_nodes;
	uint32_t max_functions;

	struct ap_lookup_table function_lookup[AP_LOOKUP_TABLES];
	struct ap_lookup_table node_lookup[AP_LOOKUP_TABLES];

	/* Directories: arrays of references to blocks; a 0 entry is a block not there yet. */
	ap_ref function_blocks; /* AP_FUNCTION_BLOCKS entries -> struct ap_function[AP_FUNCTIONS_PER_BLOCK] */
	ap_ref node_blocks;   /* AP_NODE_BLOCKS -> struct ap_node[AP_NODES_PER_BLOCK] */
	ap_ref module_blocks; /* AP_MODULE_BLOCKS -> struct ap_module[AP_MODULES_PER_BLOCK] */
	ap_ref thread_blocks; /* AP_THREAD_BLOCKS -> struct ap_thread[AP_THREADS_PER_BLOCK] */
	ap_ref shard_refs[AP_MAX_SHARDS]; /* -> struct ap_shard */

	uint32_t fibers;     /* ids handed out; 0 is no fiber: the thread's own stack */
	ap_ref fiber_blocks; /* AP_FIBER_BLOCKS -> struct ap_fiber[AP_FIBERS_PER_BLOCK]; 0: no fibers */
	uint64_t
		late_events; /* of code unloaded and replaced so often since that their names may be another's */
	uint64_t
		folds_resumed; /* that somebody had left in the middle: each may have counted a step twice */
	uint64_t cap_bytes; /* how much of the file may be used: grows with the threads that live */

	/* What the hooks of one call add to measured times, in 1/1000 tick; 0 unknown. */
	uint64_t hook_inside_x1000; /* to the call's own: between its two stamps */
	uint64_t
		hook_outside_x1000; /* to its caller's: before the first stamp and after the second */
	uint64_t
		hook_error_x1000; /* of the first: by so much it differs from one kind of code to another */
	uint64_t
		hook_gate_x1000; /* what hooks of a call take that only count it, above those that do nothing */
	uint64_t
		hook_empty_x1000; /* what hooks that do nothing would take: the price of the instrumentation */

	/* Filters; all zero: none. Names by enum ap_filter_list. */
	struct ap_text filter_names[AP_FILTER_LISTS]; /* comma-separated patterns */
	uint64_t filter_missed[AP_FILTER_LISTS]; /* bit i: nothing had a name of pattern i so far */
	uint32_t filter_depth;			 /* 0: any */
	uint32_t filters;			 /* enum ap_filter_kind */

	/* When nothing was recorded, in order. Written by the start of the process and, while it lives, by whoever controls
	 * it from outside: first the pause, then how many there are. */
	struct ap_pause pauses[AP_PAUSES];
	uint32_t pauses_n;
	uint32_t budget_pct; /* option overhead=; 0: none, everything is recorded */
	ap_ref gates; /* the newest table of gates, whoever has it; each knows the one before */
	uint32_t patch_wanted; /* option patch= */
	uint32_t patch_state;  /* enum ap_patch_state */

	/* Functions whose hooks were patched out, now and then: struct ap_patched. */
	ap_ref patched;
	uint32_t patched_n;
	uint32_t patch_functions, patch_sites; /* that could be: of their hooks all are known */
	uint32_t patch_unfit;		       /* functions that could not */
	uint32_t patch_unread;		       /* modules that could not be read */
	uint64_t asleep_ticks;		       /* in sleeps that are over */
	uint64_t sleeps;		       /* that are over */
	uint64_t asleep_since; /* ticks: since then they are patched out; 0: they are not, now */
	/* If that goes on until then, though the process has had that much CPU time: nothing is known of what it did. */
	uint64_t asleep_late, asleep_late_cpu_ns;
	/* hook_inside_x1000 and hook_outside_x1000 in windows, where hooks have more to look at. */
	uint64_t window_inside_x1000, window_outside_x1000;
};

/* The attendant lists sites for a program that wants them. */
enum ap_patch_state {
	AP_PATCH_OFF = 0,
	AP_PATCH_WANTED = 1, /* by the program: it has demoted functions */
	AP_PATCH_LISTED = 2, /* by the attendant */
	AP_PATCH_FAILED = 3, /* by either: there are none */
};

/* What the patterns of a list are names of. */
enum ap_filter_list {
	AP_FILTER_LIST_FILTER = 0,  /* functions that are recorded, with what they call */
	AP_FILTER_LIST_NOTRACE = 1, /* functions that are left out, with what they call */
	AP_FILTER_LIST_MODULES = 2, /* objects whose functions are recorded */
};

/** ap_retired_sums() - the valid ones. A copy of the header that is being written may have any choice: both are sums. */
static inline const struct ap_retired *ap_retired_sums(const struct ap_spool_header *header)
{
	return &header->retired[header->retiring & 1];
}

enum ap_spool_flags {
	AP_SPOOL_FORKED = 1u << 0,	 /* this process was forked by a profiled one */
	AP_SPOOL_SIGNALS_OPEN = 1u << 1, /* signals could not be blocked in slow paths (seccomp) */
	AP_SPOOL_FROZEN = 1u << 2, /* nothing grows any more (seccomp, or growth failed for good) */
};

/** A function. Written whole before its id is published in function_lookup. */
struct ap_function {
	uint64_t address; /* in the program; 0 for the fixed ids */
	uint32_t module;  /* module id + 1; 0 unknown */
	uint32_t level; /* check point of the governor: 0 timed; written by it, read by the fold */
	uint64_t first_ticks;
	uint64_t reserved;
};

/** A call path: a function called from a parent path. Immutable once published in node_lookup. */
struct ap_node {
	uint64_t address;  /* of the function */
	uint32_t parent;   /* node id */
	uint32_t function; /* function id */
	uint32_t flags;	   /* enum ap_node_flags */
	uint32_t depth;
	uint64_t reserved;
};

/* Part of the address of a node that a forked child took over with an open frame: calls of its own have nodes
 * of their own, and such a node makes nobody recursive. */
#define AP_NODE_INHERITED (1ull << 62)
/* The same function again, as one that runs while calls of others are only counted; below a node of that function: its own
 * time since then. */
#define AP_NODE_THIN (1ull << 61)
/* In windows: of which group of them, from 1. Such a node and all below it are a sample. */
#define AP_NODE_GROUP_SHIFT 58
#define AP_NODE_GROUP(group) ((uint64_t)(group) << AP_NODE_GROUP_SHIFT)
#define AP_NODE_GROUP_OF(address) ((uint32_t)((address) >> AP_NODE_GROUP_SHIFT) & 7u)
#define AP_WINDOW_GROUPS 7u
/* Together with AP_NODE_THIN: which set of demoted functions that was. */
#define AP_NODE_EPOCH_SHIFT 53
#define AP_NODE_EPOCH(epoch) ((uint64_t)(epoch) << AP_NODE_EPOCH_SHIFT)
#define AP_NODE_EPOCH_OF(address) ((uint32_t)((address) >> AP_NODE_EPOCH_SHIFT) & 31u)
#define AP_NODE_ADDRESS_MASK ((1ull << AP_NODE_EPOCH_SHIFT) - 1)

enum ap_node_flags {
	AP_NODE_RECURSIVE =
		1u << 0, /* the function is already on the path: adds nothing to its total */
};

/** A loaded object. `bias` is added to its file's addresses to get addresses in the program. */
struct ap_module {
	uint64_t start; /* [start, end): addresses in the program */
	uint64_t end;
	uint64_t bias;
	uint64_t load_ticks;   /* when first seen */
	uint64_t unload_ticks; /* 0: still loaded */
	uint64_t device;
	uint64_t inode;
	uint64_t file_bytes;
	struct ap_text path;	/* absolute */
	uint8_t build_id_bytes; /* 0: none found */
	uint8_t build_id[20];
	uint8_t filter_level; /* enum ap_filter_level of all of its functions */
	uint8_t reserved[2];
	uint64_t
		absent_from; /* it was unloaded then, and something else was at its addresses until absent_to: */
	uint64_t absent_to; /* the last time that it came back */
	ap_ref matches; /* u64[matches_n] in order: AP_FILTER_MATCH of functions that a pattern names */
	uint32_t matches_n;
	uint64_t reserved_too;
};

/** ap_module_until() - end of the life of a module that @ticks lies in; 0 when it was not there then. Its load time is
 * when it was first seen, which may be after the first calls of its functions: it says nothing here. */
static inline uint64_t ap_module_until(uint64_t unload, uint64_t absent_from, uint64_t absent_to,
				       uint64_t ticks)
{
	if (ticks < absent_from)
		return absent_from;
	if (ticks < absent_to)
		return 0;
	if (unload == 0)
		return UINT64_MAX;
	return ticks < unload ? unload : 0;
}

enum ap_thread_state {
	AP_THREAD_FREE = 0,
	AP_THREAD_LIVE = 1,
	AP_THREAD_ENDED = 2,
};

/** A thread that recorded something. Line 0 is the thread's own alone, the rest also of whoever folds what it left. */
struct ap_thread {
	uint64_t cursor;   /* address of the next free slot; beyond the chunk when it is full */
	uint64_t own_left; /* time at which it left its own stack for a fiber's, see own_depth */
	uint64_t gates;	   /* ap_ref of struct ap_gates; 0: the thread never had any */
	uint32_t
		window; /* of what was folded: AP_WINDOW_THIN, the group of the window, the epoch; 0: no gates */
	uint32_t reserved;
	uint64_t cursor_line[4];

	uint32_t state; /* enum ap_thread_state */
	uint32_t tid;
	ap_ref first_chunk; /* oldest chunk with events that are not folded */
	ap_ref last_chunk;  /* the one being filled */
	ap_ref frames;	    /* struct ap_frame[frames_max] */
	uint32_t frames_max;
	uint64_t fold; /* AP_FOLD_*: depth, choice of gap, position */
	uint64_t gap_ticks
		[2]; /* ticks spent in slow paths before the position: [AP_FOLD_GAP(fold)] is valid */
	uint64_t last_ticks; /* time of the last folded event, full width */

	uint64_t start_ticks;
	uint64_t end_ticks;
	uint64_t cpu_ns;    /* thread CPU time at the last slow path */
	uint64_t folded;    /* events folded, counted at each batch's end from the position */
	uint32_t torn;	    /* reserved, never stored */
	uint32_t inherited; /* frames taken over from the parent at a fork */
	uint32_t fiber
		[2]; /* on which stack the thread is: [AP_FOLD_GAP(fold)] is valid; 0 its own */
	uint64_t specials; /* folded events that are neither enter nor exit */
	uint64_t unmatched_exits;
	uint64_t unclosed; /* frames closed by something else than their exit */
	uint64_t resyncs;  /* of these, by the stack pointer alone */
	uint64_t clamps;   /* negative times set to 0 */
	uint64_t beyond;   /* enters beyond AP_MAX_FRAMES: counted, not timed */
	char name[16];
	ap_ref torn_chunks; /* runtime's own: chunks that the thread keeps until its end; readers ignore it */
	uint32_t alternate_start; /* struct ap_altstack of spool/event.h */
	uint32_t alternate_units;
	uint32_t own_depth;   /* of its own stack while it is on a fiber */
	uint64_t own_virtual; /* and the virtual time at which it left it */
};

/** The stack of a fiber: calls that are open on it, while no thread is there. The virtual time of its calls stands
 * still meanwhile. Written by the fold of the thread that is on it, but for the last line: the runtime's own. */
struct ap_fiber {
	ap_ref frames; /* struct ap_frame[frames_max] */
	uint32_t frames_max;
	uint32_t depth;		/* while no thread is on it; calls beyond frames_max among them */
	uint32_t thread;	/* thread id + 1 that is on it; 0 none */
	uint64_t virtual_ticks; /* when it was left; 0 never */

	uint64_t start, end; /* of the stack; with a key: the key and 0 */
	uint32_t next;	     /* fiber with the same hash */
	uint32_t state;	     /* enum ap_fiber_state */
	uint64_t
		left_ticks; /* time at which it was left, not virtual; a stop since then ended what is open there */
	uint32_t thin; /* it was left by a thread with gates: frames may be parts, or of windows */
	uint32_t reserved;
};

enum ap_fiber_state {
	AP_FIBER_FREE = 0, /* its stack is in use for something else */
	AP_FIBER_NEW = 1,  /* makecontext was here; nobody was on it since */
	AP_FIBER_USED = 2,
	AP_FIBER_KEYED = 3, /* named by the program */
};

#define AP_WINDOW_THIN 8u
#define AP_WINDOW_GROUP(window) ((window)&7u)
#define AP_WINDOW_EPOCH(window) ((window) >> 8 & 31u)
#define AP_WINDOW(epoch, group) ((epoch) << 8 | AP_WINDOW_THIN | (group))
#define AP_WINDOW_EPOCHS 32u

/* A thread that came to a fiber whose calls another thread has not folded yet: it knows none of them, and what it
 * calls is counted, not timed. */
#define AP_FIBER_LOST UINT32_MAX

/* ap_thread.fold: depth (open frames, also those beyond frames_max) : 32 | gap : 1 | position : 31.
 * `gap` chooses among the two values of gap_ticks and of fiber. The position is the low 31 bits of the sequence number of the next event to fold. One store moves all
 * three, so a fold that was cut short is resumed with at most one event in doubt. */
#define AP_FOLD_DEPTH(f) ((uint32_t)((f) >> 32))
#define AP_FOLD_GAP(f) ((uint32_t)((f) >> 31) & 1u)
#define AP_FOLD_POSITION(f) ((uint32_t)(f)&0x7fffffffu)
#define AP_FOLD(depth, gap, position)                                                              \
	(((uint64_t)(depth) << 32) | ((uint64_t)(gap) << 31) | ((uint64_t)(position)&0x7fffffffu))

/** An open call. Times are virtual: ticks less the gaps before them. */
struct ap_frame {
	uint64_t
		word; /* first word of the enter event (function, call site, stack pointer's top bits) */
	uint64_t start;	      /* virtual time of the enter */
	uint64_t child_ticks; /* time of finished children */
	uint32_t node;
	uint16_t stack; /* low bits of the stack pointer, as in the event */
	uint16_t flags; /* enum ap_frame_flags */
};

enum ap_frame_flags {
	AP_FRAME_INNER = 1u << 0, /* direct recursion: an outer frame of the same node is open */
	AP_FRAME_INHERITED =
		1u << 1, /* opened by the parent process before a fork: no call of ours */
	/* In a thread with gates: */
	AP_FRAME_THIN = 1u << 2,    /* its node, or one below, is of the time since then */
	AP_FRAME_PART = 1u << 3,    /* no call: more time of the one under it */
	AP_FRAME_SAMPLE = 1u << 4,  /* of a window */
	AP_FRAME_DEMOTED = 1u << 5, /* open since before its function was demoted */
};
/* Those that change what the end of a call means. */
#define AP_FRAME_RARE (AP_FRAME_INHERITED | AP_FRAME_PART | AP_FRAME_SAMPLE)
#define AP_FRAME_GROUP_SHIFT 8 /* of a frame of a window: which one */
#define AP_FRAME_GROUP(flags) ((uint32_t)(flags) >> AP_FRAME_GROUP_SHIFT & 7u)
#define AP_FRAME_GROUP_MASK (7u << AP_FRAME_GROUP_SHIFT)
#define AP_FRAME_EPOCH_SHIFT 11 /* of a frame that is THIN */
#define AP_FRAME_EPOCH(flags) ((uint32_t)(flags) >> AP_FRAME_EPOCH_SHIFT & 31u)

/** ap_frame_is_of() - does the frame's node, or one below, belong to this epoch of thin time? */
static inline bool ap_frame_is_of(uint32_t flags, uint32_t epoch)
{
	return flags & AP_FRAME_THIN && AP_FRAME_EPOCH(flags) == epoch;
}

/** ap_frame_is_stale() - does a frame that is the innermost end here: of another window or epoch, or one whose exit is hidden? */
static inline bool ap_frame_is_stale(uint32_t flags, uint32_t group, uint32_t epoch)
{
	if (flags & AP_FRAME_SAMPLE)
		return AP_FRAME_GROUP(flags) != group;
	if (flags & AP_FRAME_DEMOTED && group == 0)
		return true;
	return flags & AP_FRAME_PART && !ap_frame_is_of(flags, epoch);
}

/** ap_window_stretch() - the least time between two events of a window, in ticks, that is kept apart from the call it met:
 * 10 us. It may be an interruption, and one in a window would stand for many. */
static inline uint64_t ap_window_stretch(uint64_t ticks_per_s)
{
	return ticks_per_s / 100000;
}

/** A gate counts calls of a demoted function in one thread. */
struct ap_gate {
	uint64_t
		function; /* as hooks get it; 0 free. With AP_GATE_OPEN its calls are recorded again, with AP_GATE_KEEPS some */
	/* Calls that were not recorded: ap_gate_calls(). A hook adds one to `left`; a new random number changes both halves in one store. */
	union {
		uint64_t counts;
		struct {
			int32_t left; /* below 0: less the calls until it is time to look for a window */
			uint32_t base; /* calls modulo 2^32 when it is 0 */
		};
	};
	uint64_t known; /* calls, at the last change of both; it comes after that */
	uint32_t id;	/* of the function */
	uint32_t
		kept; /* which: stack pointer >> 4 of a call that is open for long: that one, and those above it; and flags */
};
#define AP_GATE_OPEN (1ull << 63)
#define AP_GATE_KEEPS (1ull << 62)
#define AP_GATE_MOVES                                                                              \
	(1u                                                                                        \
	 << 31) /* its exits come with another stack pointer than its enters: by a jump, or after alloca */
#define AP_GATE_PATCHED (1u << 30)  /* its hooks go and come back */
#define AP_GATE_SINKS (1u << 29)    /* some exits come with a lower one: after alloca */
#define AP_GATE_UNLOADED (1u << 28) /* it was closed until code was unloaded for the first time */
#define AP_GATE_ADDRESS(function) ((function) & ~(AP_GATE_OPEN | AP_GATE_KEEPS))
#define AP_GATES 4096u
#define AP_GATES_NEAR 8u

#define AP_PATCHED_MOST 512u
#define AP_PATCH_BATCH 8u /* so many phases with hooks, or more, tell of the sleeps between them */
#define AP_PATCH_UNSEEN                                                                            \
	4u /* one batch in so many does not see of a function what another one did */
enum ap_sleeper_state {
	AP_SLEEPER_NONE = 0,
	AP_SLEEPER_JOINED = 1, /* in this phase */
	AP_SLEEPER_COUNTS = 2, /* since the phase before */
};

/** A patched function in one table: what its gate counted, and how many calls it missed, by estimates of some sleeps at a time:
 * from a batch of phases with hooks between them. */
struct ap_sleeper {
	uint32_t state; /* enum ap_sleeper_state */
	uint32_t reserved;
	uint64_t cluster; /* calls in a phase that has any, as far as is known: squares by calls */
	uint64_t seen;	  /* calls that the gate had counted when the last phase was over */
	uint64_t now_calls;   /* in the phases of this batch */
	uint64_t awake_calls; /* in those of the batch before, which has told */
	uint64_t
		pending; /* calls of others in sleeps that are not estimated yet, besides the table's */
	uint64_t missed; /* the estimates, and the squares of their errors */
	uint64_t error[2];
	/* Of this batch, over its phases: squares of its calls, and its calls times those of others. 128 bits, low half first. */
	uint64_t squares[2], products[2];
};

/** Calls that a gate has counted until the last phase was over, and of these in the phases with hooks of this batch, and of the one
 * before. */
struct ap_gate_phases {
	uint64_t seen;
	uint32_t awake, before;
};

/** By number of the patched function; and by that of the gate, the runtime's own. */
struct ap_sleepers {
	struct ap_sleeper all[AP_PATCHED_MOST];
	struct ap_gate_phases gate[AP_GATES];
};

/** The gates of a thread, and later of another one: what was counted stays. A function's is at the first of AP_GATES_NEAR places from
 * ap_gate_place() on that was free. */
struct ap_gates {
	uint32_t
		weight_log2; /* one call in 2^this is in a window; while no thread has it: the runtime's own */
	ap_ref next;	 /* another table: all are in one list, from the header on */
	uint64_t others; /* calls of functions without a closed gate, but for those in windows */
	/* Calls of all that are not patched: in the batch of phases with hooks that told last; in this one; in sleeps that
	 * wait for it; and all that had been counted when the last phase was over. */
	uint64_t awake_others, now_others, sleep_others, others_seen;
	uint64_t now_squares[2]; /* over the phases of this batch, which are so many: */
	uint32_t now_phases;
	ap_ref sleepers;   /* struct ap_sleepers; 0: none */
	uint64_t awake_ns; /* CPU time of the process in these phases */
	uint32_t used_n, reserved;
	uint64_t reserved_more[5];
	struct ap_gate gate[AP_GATES];
	uint16_t used
		[AP_GATES]; /* those that are some function's, in the order in which they were made */
};

/** A function whose hooks are patched out (asleep) most of the time. What is called in between is not counted; how often it was
 * called while they were there (awake), as compared to functions that are always counted (others) in the same thread, tells how often
 * it was called in the sleep between: time would not do, for with hooks it takes longer. How much phases differ tells the error. All functions sleep and wake together; each joined at the beginning of a sleep. */
struct ap_patched {
	uint32_t function;  /* id */
	uint32_t uncounted; /* threads that call it may have no gate for it: there was no room */
	uint64_t address;
	uint64_t
		leaked; /* calls that were counted in sleep: before the last hook was out, and after the first was back */
	uint64_t sleeps; /* that are over */
};

/** ap_gate_hides() - is the call whose hook has this stack pointer, >> 4 and 19 bits of it, only counted? A rule that enter and
 * exit follow alike, whatever happens between them. */
static inline bool ap_gate_hides(const struct ap_gate *gate, uint32_t stack)
{
	if (gate->function & (AP_GATE_OPEN | AP_GATE_KEEPS))
		return !(gate->function & AP_GATE_OPEN) &&
		       ((stack - gate->kept) & 0x7ffffu) >= 0x40000u;
	return true;
}

/** ap_gate_exit_fits() - of a function that has, or had, a gate: may an exit be that of a recorded call, and not that of one that
 * was only counted? Those are deeper. An exit that comes by a jump has the stack pointer of the caller, one after alloca a lower
 * one: then the call site has to be the same, and for the latter the call the innermost one.
 * @up: by how many units the exit's stack pointer is above the enter's, modulo 2^19. */
static inline bool ap_gate_exit_fits(const struct ap_gate *gate, uint32_t up, bool same_site,
				     bool innermost)
{
	if (up == 0)
		return same_site || !(gate->kept & AP_GATE_MOVES);
	return up < 0x40000u || (same_site && innermost);
}

/** ap_gate_place() - the @k-th place where the gate of the function at @address may be. */
static inline uint32_t ap_gate_place(uint64_t address, uint32_t k)
{
	return ((uint32_t)(address >> 4) + k) & (AP_GATES - 1);
}

/** ap_gate_calls() - that were not recorded. Whatever is read of `known` while it changes, the lower half is right, and the upper
 * one follows: between two changes there are less than 2^31 calls. */
static inline uint64_t ap_gate_calls(const struct ap_gate *gate)
{
	const uint64_t counts = __atomic_load_n(&gate->counts, __ATOMIC_RELAXED);
	const uint64_t known = __atomic_load_n(&gate->known, __ATOMIC_RELAXED);
	const uint32_t calls = (uint32_t)counts + (uint32_t)(counts >> 32);
	return known + (uint64_t)(int64_t)(int32_t)(calls - (uint32_t)known);
}

/** ap_gate_find() - the gate of the function at @address, open or closed. Return: its place; AP_GATES: none. */
static inline uint32_t ap_gate_find(const struct ap_gate *gates, uint64_t address)
{
	for (uint32_t k = 0; k < AP_GATES_NEAR; k++) {
		const uint32_t i = ap_gate_place(address, k);
		if (AP_GATE_ADDRESS(gates[i].function) == address)
			return i;
		if (!gates[i].function)
			break;
	}
	return AP_GATES;
}

/** A ring segment: this header, then `slots` events. */
struct ap_chunk {
	ap_ref next; /* younger chunk of the same thread, or next in a free list */
	uint32_t slots;
	uint64_t lap_base; /* AP_CHUNK_*: sequence number of slot 0 : 62 | lap : 2 (1..3) */
	uint32_t thread;   /* thread id of the owner */
	uint32_t reserved[11];
};

#define AP_CHUNK_LAP(x) ((uint32_t)(x)&3u)
#define AP_CHUNK_BASE(x) ((x) >> 2)
#define AP_CHUNK_LAP_BASE(lap, base) (((uint64_t)(base) << 2) | (lap))
#define AP_CHUNK_MIN_SLOTS 16u /* where threads are very many; 64 (1 KiB) else */
#define AP_CHUNK_FIRST_SLOTS 64u
#define AP_CHUNK_MAX_SLOTS 4096u /* 64 KiB */

/** Counters of one node in one shard. Line 0: calls without calls of their own; line 1: all others. */
struct ap_node_stat {
	uint64_t
		leaf_calls; /* of a node of windows: stretches (ap_window_stretch()), which are no calls */
	uint64_t leaf_ticks;	  /* sum; self and total are the same */
	uint64_t leaf_squares[2]; /* u128, low word first; ticks^2 */
	uint64_t leaf_min;	  /* valid when leaf_calls > 0 */
	uint64_t leaf_max;
	ap_ref leaf_rows; /* struct ap_hist_dir: shared by all nodes of the function in this shard */
	ap_ref function_stat; /* struct ap_function_stat of the node's function in this shard */
	uint64_t cut;	      /* calls whose end was not recorded: neither timed nor in `calls` */

	uint64_t calls;	      /* frames closed; leaf calls not among them */
	uint64_t total_ticks; /* of all these calls */
	uint64_t
		outer_ticks; /* of those with no open frame of the same node below them (may wrap below 0 in one shard) */
	uint64_t self_ticks;
	uint64_t squares[2]; /* of the total */
	uint64_t min;
	uint64_t max;
};

/** Histograms and categories of one function in one shard. */
struct ap_function_stat {
	ap_ref leaf_rows;  /* leaf calls: total = self */
	ap_ref total_rows; /* other calls */
	ap_ref self_rows;
	uint32_t function;
	uint64_t slow; /* all calls with edge_ticks[0] <= total < edge_ticks[1] */
	uint64_t very_slow;
	uint64_t critical;
	uint64_t beyond; /* calls beyond AP_MAX_FRAMES */
	uint64_t inner;	 /* of all calls: made by a call of the same path */
	uint64_t reserved;
};

/* A histogram has 64 octave rows of 32 buckets (spool/histogram.h); rows are made at first use.
 * A row is 32 u64 counters; a coarse one (bit 31 of the directory's entry) is 8. */
#define AP_HIST_ROWS 64u
#define AP_HIST_ROW_BUCKETS 32u
#define AP_HIST_COARSE (1u << 31)
struct ap_hist_dir {
	ap_ref rows[AP_HIST_ROWS];
};

/** A set of counters that one thread at a time writes. */
struct ap_shard {
	uint32_t owner; /* thread id + 1 that folds into it; 0 free */
	uint32_t index;
	uint64_t folds;
	ap_ref node_stat_blocks; /* AP_NODE_STAT_BLOCKS refs -> struct ap_node_stat[AP_STATS_PER_BLOCK] */
	ap_ref function_stat_blocks; /* AP_FUNCTION_STAT_BLOCKS refs -> struct ap_function_stat[..] */
	ap_ref cache;		     /* runtime's own: recently used paths; readers ignore it */
	ap_ref stack;		     /* runtime's own: stack of the fold; readers ignore it */
	uint32_t thread;	     /* thread id + 1 whose events are being folded; 0 none */
	uint32_t cache_epoch;	     /* runtime's own: unloads that the cache knows of */
	uint64_t while_stopped;	     /* folded events that count for nothing: see spool/pause.h */
	uint64_t at_gates;	     /* folded exits of calls that were only counted */
	uint32_t reserved[2];
};

_Static_assert(sizeof(struct ap_spool_header) <= 4096, "the header is the first page");
_Static_assert(sizeof(struct ap_function) == 32, "format");
_Static_assert(sizeof(struct ap_node) == 32, "format");
_Static_assert(sizeof(struct ap_module) == 128, "format");
_Static_assert(sizeof(struct ap_thread) == 256, "format");
_Static_assert(sizeof(struct ap_fiber) == 64, "format");
_Static_assert(sizeof(struct ap_frame) == 32, "format");
_Static_assert(sizeof(struct ap_chunk) == 64, "format");
_Static_assert(sizeof(struct ap_node_stat) == 128, "format");
_Static_assert(sizeof(struct ap_function_stat) == 64, "format");
_Static_assert(sizeof(struct ap_hist_dir) == 256, "format");
_Static_assert(sizeof(struct ap_shard) == 64, "format");
_Static_assert(sizeof(struct ap_gate) == 32, "format");
_Static_assert(sizeof(struct ap_patched) == 32, "format");
_Static_assert(sizeof(struct ap_sleeper) == 104, "format");

#endif
