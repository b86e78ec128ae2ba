/* SPDX-License-Identifier: MIT */
/* runtime/runtime.h - what the parts of the runtime share: state, and the services they offer each other.
 *
 * Everything here runs inside a program that is not ours: no malloc, no stdio, no locks that wait, no
 * errno. "slow path" means: signals blocked, on a stack of ours, never on the way of a plain event. */
#ifndef AP_RUNTIME_RUNTIME_H
#define AP_RUNTIME_RUNTIME_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/arch/arch.h"
#include "spool/event.h"
#include "spool/histogram.h"
#include "spool/layout.h"

#define AP_LIKELY(x) __builtin_expect(!!(x), 1)
#define AP_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define AP_COLD __attribute__((cold, noinline))

enum ap_state {
	AP_STATE_NEW = 0, /* not started, or wiped by a fork */
	AP_STATE_STARTING = 1,
	AP_STATE_ON = 2,
	AP_STATE_OFF = 3, /* inert for ever */
};

/** What a hook needs of its thread. In memory that a fork wipes to zero: a child's hooks then find no
 * thread and take the slow path. One cache line. */
struct ap_ctl {
	struct ap_thread *thread; /* in the spool; NULL: no ring */
	uint64_t end;		  /* slots at or above this address are not ours; 0: frozen */
	uint64_t bytes;		  /* of the chunk's slots: they begin at end - bytes */
	uint64_t lap;		  /* lap of the chunk, shifted to its place in an event */
	uint64_t slow_sp;	  /* stack pointer inside a slow path of this thread; 0: none */
	uint32_t slow_tid;	  /* who is in there: a vfork child uses this control too */
	uint32_t id;		  /* of the thread in the spool */
	uint32_t tid;
	uint32_t tid_tells_end; /* when nobody has it any more, the ring is nobody's */
	uint32_t shard_hint;
	uint64_t last_full_ticks; /* when the chunk was last full: the rate decides its growth */
	uint64_t cpu_read_ticks;
	uint64_t cpu_start_ns;

	/* Of demoted functions, see gate.c: */
	struct ap_gate *gates; /* AP_GATES; NULL: none is closed, or a window is under way */
	int32_t skip;	       /* calls until a window is over */
	int32_t look_later;    /* recorded calls until one looks whether hooks go or come back */
	uint32_t window;       /* group of the one that is under way; 0: none */
	uint32_t joined_n;     /* patched functions whose gates are closed here */
	uint32_t join_later;   /* events until that of more is tried again */
	struct ap_gates *gates_all;   /* NULL: never had any */
	struct ap_governor *governor; /* NULL: not yet */
};

/**
 * ap_ctl_takes() - is @slot a slot of the chunk in use, and with which lap?
 *
 * A handler between the reservation and this may have filled the chunk and gone on in another: then the slot is
 * in neither, and ap_slow() finds where it is. The lap is read
 * first: if it is the new chunk's, so is the end. The size is read before the end: chunks only grow, so
 * an older size is a part of the newer chunk; a newer size before an older end would reach into what lies
 * below the chunk. */
static inline bool ap_ctl_takes(const struct ap_ctl *ctl, uint64_t slot, uint64_t *ret_lap)
{
	*ret_lap = __atomic_load_n(&ctl->lap, __ATOMIC_RELAXED);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	const uint64_t bytes = __atomic_load_n(&ctl->bytes, __ATOMIC_RELAXED);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	return __atomic_load_n(&ctl->end, __ATOMIC_RELAXED) - slot - 1 < bytes;
}

/** The calling thread's control; points to an empty one before its first event and after its end. */
extern __thread struct ap_ctl *ap_self __attribute__((tls_model("initial-exec")));
extern struct ap_ctl ap_no_ctl;
/** On which stack the calling thread is: a fiber's id, 0 for its own. */
extern __thread uint32_t ap_fiber_now __attribute__((tls_model("initial-exec")));
/** Set by a fork prepared through pthread_atfork: 1 + which copy of the thread's open frames is the child's. */
extern __thread uint32_t ap_fork_ready __attribute__((tls_model("initial-exec")));

#define AP_UNLOADS 8u
#define AP_FREE_LISTS 32 /* by power of two of the size in refs */

/** State of this process; wiped by a fork. */
struct ap_control {
	uint32_t state; /* enum ap_state */
	uint32_t pid;
	char *base; /* the spool */
	struct ap_spool_header *header;
	uint64_t cap;	      /* bytes that may be handed out */
	uint64_t file_bytes;  /* what the cap can grow to */
	uint32_t threads_now; /* that record */
	uint32_t threads_most;
	/* try-lock of the free lists: who finds it taken takes fresh memory */
	uint32_t registry_lock;
	uint64_t
		first_unload; /* ticks; gates of code that may be unloaded were closed until then; 0: none */
	uint32_t cache_epoch; /* counted up when modules went away */
	ap_ref free_chunks[AP_FREE_LISTS];
	ap_ref free_frames[AP_FREE_LISTS];
	ap_ref free_gates;
	uint32_t attendant; /* 0 none, 1 starting, 2 started, 3 cannot be */
	/* of the one that we started; it may not have come to say so in the spool */
	uint32_t attendant_pid;
	uint32_t ending;		    /* the end was announced */
	uint32_t search_ended, search_gone; /* thread ids where these searches go on */
	uint32_t modules_lock;		    /* try-lock */
	uint32_t unloads_n;
	uint64_t unloads[AP_UNLOADS]; /* when modules went away: the last times */
	uint32_t fiber_lock;	      /* of making records of fibers; looking them up needs none */
	ap_ref fiber_buckets;	      /* ids of the first fibers with a hash */
	uint64_t fiber_bytes_most;    /* of a fiber's stack */
	uint64_t starved_ticks;	      /* when a thread that began found no memory */
	uint64_t usage_ticks;
	uint64_t pair_ticks;
};

/** Options and facts of the library itself: survive a fork. */
struct ap_settings {
	bool parsed;
	bool disabled;
	bool report;
	bool monitor;
	bool monitor_now;
	bool children;
	uint32_t chunk_max; /* slots; for tests */
	/* tests: */
	uint32_t lose_every; /* events lost on purpose in the fold */
	uint32_t wrap_ms;    /* the events' time wraps so soon; 0: where it does */
	uint32_t drift_pct;  /* error of the first estimate of the clock's rate */
	uint32_t shards;     /* as many are made and used, whatever the machine has; 0: as ever */
	uint64_t age;	     /* events that each thread has behind it */
	uint32_t awake_us;   /* hooks that are patched come back for so long; 0: as ever */
	uint64_t memory;
	uint64_t deadline_ns;
	char dir[512];
	char output[1024];
	char ignored[2048];		    /* "key: why" lines */
	char filter[AP_FILTER_LISTS][1024]; /* by enum ap_filter_list: patterns, comma separated */
	uint32_t filter_depth;
	uint32_t overhead_pct;	 /* the budget; 0: none, everything is recorded */
	bool patch;		 /* hooks of demoted functions may be patched out */
	bool start_off;		 /* recording begins by command */
	uint64_t start_delay_ns; /* or after this time; 0: at once */
};

/** Ticks of one enter+exit without its share of the fold, times 1000: the mean of what was measured until now. */
struct ap_hook_cost {
	uint64_t pair;	/* of a function that does nothing */
	uint64_t empty; /* the same of hooks that do nothing */
	uint64_t inside,
		outside; /* between its two stamps, and before and after them: of functions that do something */
	uint64_t window_inside, window_outside; /* the same in windows */
	uint64_t gate;				/* of hooks that count only, above the empty ones */
	uint64_t error; /* of inside: by so much it differs from one kind of code to another */
};

/** How hooks go about an event. */
enum ap_way {
	AP_WAY_NONE = 0, /* nobody has asked for the start yet */
	AP_WAY_ASK = 1,	 /* first ask whether to record, and which clock */
	AP_WAY_PLAIN = 2,
	AP_WAY_GATED = 3, /* some thread has gates */
};

/** The runtime, in one place. */
struct ap_runtime {
	struct ap_control *control; /* wiped by a fork */
	struct ap_ctl *ctls;	    /* AP_MAX_THREADS; wiped by a fork */
	struct ap_settings settings;
	struct ap_hist_map hist_map;
	/* enum ap_clock_kind; AP_CLOCK_NONE until somebody has asked for the start */
	uint32_t clock_kind;
#define AP_CLOCK_NONE 0u
	uint32_t way; /* enum ap_way: what every hook looks at */
	uint64_t ticks_per_s;
	/* the kernel's own, without a system call; NULL: there is none, as under valgrind */
	int (*vdso_gettime)(int clock, struct timespec *ret);
	bool off;     /* inert, also after a fork: ap_switch_off() */
	bool stopped; /* recording pauses, as far as slow paths have seen */
	bool gated;   /* some thread has, or had, gates */
	uint64_t
		patch_due; /* ticks: when it is looked at whether hooks go, or come back; 0: nothing is patched */
	int64_t patch_left; /* looks of calls whose hooks are not patched, until they do */
	uint32_t
		patched_n; /* functions that are patched: each thread is to close its gates of them */
	uint64_t stopped_until; /* ticks */
	bool dir_checked;	/* the directory is ours alone: a log may be written there */
	uint32_t key;		/* pthread key + 1 of the thread-end destructor */
	uint32_t early_drops;
	struct ap_hook_cost hook_cost;
	/* of the spool of this process or, in a child that has not started, of its parent: */
	char *spool_base;
	uint64_t spool_bytes;
	uint32_t spool_pid;
	uint64_t spool_id;
	char spool_path[640];
	char exe[4096];	   /* path of the executable; empty: unknown */
	char program[512]; /* path of the autoprof program; empty: none found */
};
extern struct ap_runtime ap_runtime;

static inline void *ap_at(const struct ap_control *c, ap_ref ref)
{
	return c->base + (uint64_t)ref * AP_REF_UNIT;
}

static inline ap_ref ap_ref_of(const struct ap_control *c, const void *p)
{
	return (ap_ref)(((const char *)p - c->base) / AP_REF_UNIT);
}

/** ap_chunk_done() - slots of @chunk that the position has passed; may be more than it has. */
static inline uint32_t ap_chunk_done(const struct ap_thread *thread, const struct ap_chunk *chunk)
{
	return (AP_FOLD_POSITION(thread->fold) - (uint32_t)AP_CHUNK_BASE(chunk->lap_base)) &
	       0x7fffffffu;
}

/* clock.c */
/** ap_ticks() - the time of events. */
static inline uint64_t ap_ticks(void)
{
#if defined(__x86_64__)
	extern uint64_t ap_ticks_monotonic(void);
	return AP_LIKELY(ap_runtime.clock_kind != AP_CLOCK_MONOTONIC) ? ap_arch_ticks()
								      : ap_ticks_monotonic();
#else
	return ap_arch_ticks();
#endif
}
uint64_t ap_ticks_monotonic(void);
/** ap_clock_choose() - which clock, and what it shows now. Start only, as the next. */
void ap_clock_choose(struct ap_clock_pair *ret_first);
/** ap_clock_rate() - how fast it is, where need be by what has passed since @first. */
void ap_clock_rate(const struct ap_clock_pair *first);
uint64_t ap_clock_ns(int clock); /* CLOCK_*: by the vDSO where it can */
void ap_clock_pair(struct ap_clock_pair *pair);
uint64_t ap_ticks_of_ns(uint64_t ns);
uint64_t ap_ns_of_ticks(uint64_t ticks);

/* vdso.c */
/** ap_vdso_find() - a function that the kernel maps into every process. Return: NULL where it does not. */
void *ap_vdso_find(const char *name);

/* config.c */
void ap_settings_parse(char *const *environment);

/* text.c */
struct ap_line {
	char *text;
	size_t size, used;
};
void ap_line_str(struct ap_line *line, const char *s);
void ap_line_u64(struct ap_line *line, uint64_t value);
void ap_line_hex(struct ap_line *line, uint64_t value, int digits);
void ap_log(const char *what, long error);
void ap_append(const char *path, const struct ap_line *line, uint64_t most);
size_t ap_strlen(const char *s);
bool ap_streq(const char *a, const char *b);
bool ap_parse_u64(const char **at, uint64_t *ret);
/** ap_read_file() - whole small file, NUL-terminated. Return: bytes or -errno. */
long ap_read_file(const char *path, char *buffer, size_t size);

/* limits.c */
void ap_limits_read(struct ap_limits *limits);

/* space.c */
int ap_space_create(struct ap_control *c);
/** ap_space_alloc() - @bytes of zeroed spool, 64-byte aligned. Return: 0 when there is no more. */
ap_ref ap_space_alloc(struct ap_control *c, uint64_t bytes);
/** ap_space_grant_thread() - a thread begins to record: beyond AP_MANY_THREADS that live at one time the cap grows by
 * AP_THREAD_GRANT a thread, and rings begin small. ap_space_thread_over() - it records no more. */
void ap_space_grant_thread(struct ap_control *c);
void ap_space_thread_over(struct ap_control *c);
#define AP_MANY_THREADS 1024u
#define AP_THREAD_GRANT 1024u
/** ap_space_pressure() - share of the cap in use, 0..256. */
uint32_t ap_space_pressure(const struct ap_control *c);
void ap_space_degrade(struct ap_control *c, uint64_t what);
void ap_space_discard(void);
struct ap_text ap_space_text(struct ap_control *c, const char *text);
void ap_space_note(struct ap_control *c, const char *line);

/* tables.c */
bool ap_tables_init(struct ap_control *c);
struct ap_function *ap_function_at(const struct ap_control *c, uint32_t id);
struct ap_node *ap_node_at(const struct ap_control *c, uint32_t id);
/** ap_function_id() - the id of the function at @address, made when it is new. */
uint32_t ap_function_id(struct ap_control *c, uint64_t address, uint64_t ticks);
/** ap_node_child() - the node of the function at @address called from @parent, made when it is new. */
uint32_t ap_node_child(struct ap_control *c, uint32_t parent, uint64_t address, uint64_t ticks);

/* modules.c */
uint32_t ap_module_of(struct ap_control *c, uint64_t address, uint64_t ticks);
bool ap_module_recognizable(const struct ap_control *c, uint32_t module);
bool ap_module_unloaded(const struct ap_control *c, uint32_t module);
void ap_modules_before_unload(struct ap_control *c);
void ap_modules_after_unload(struct ap_control *c);
/** ap_module_stays() - is @address in the program, or in what was loaded with it? That is never unloaded. Of some of these it
 * says no. Signal-safe. */
bool ap_module_stays(uint64_t address);
/** ap_modules_next_unload() - the first unload after @ticks, of the last ones; 0: none. */
uint64_t ap_modules_next_unload(const struct ap_control *c, uint64_t ticks);
/** ap_modules_unloads_since() - how many, of the last ones. Of each module the last absence is known: what was called
 * up to AP_UNLOADS_TOLD of them ago is told by its time, whatever came and went. */
uint32_t ap_modules_unloads_since(const struct ap_control *c, uint64_t ticks);
#define AP_UNLOADS_TOLD 3u

/** ap_module_at() - @module: id + 1. Return: NULL for 0. */
const struct ap_module *ap_module_at(const struct ap_control *c, uint32_t module);

/* filter.c */
void ap_filter_start(struct ap_control *c);
/** ap_filter_module() - look through a new module for what the filters name; only who enters modules. */
void ap_filter_module(struct ap_control *c, struct ap_module *module, const char *path);
/** ap_filter_call() - is a call of the function at @address from @parent left out? Return: AP_ID_NONE, or as whose call it
 * counts. */
uint32_t ap_filter_call(struct ap_control *c, uint32_t parent, uint64_t address, uint64_t ticks);

/* pause.c */
/** ap_way_choose() - from the clock, the switch and the pauses, what hooks do. */
void ap_way_choose(void);
/** ap_pause_start() - begin with recording off where that is wanted. */
void ap_pause_start(struct ap_control *c);
/** ap_pause_look() - was recording stopped or started from outside? Slow paths. */
void ap_pause_look(const struct ap_control *c, uint64_t now);
/** ap_pause_holds() - is nothing to be recorded at @now? Hooks. */
bool ap_pause_holds(uint64_t now);

/* gate.c */
/** ap_gate_look() - a gate has counted a call, and its random number of calls is over. Return: is that call to be recorded, and was
 * not counted, as the first one of a window? Signal-safe. */
bool ap_gate_look(struct ap_ctl *ctl, struct ap_gate *gate) AP_COLD;
/** ap_gate_leave_window() - it is over. Signal-safe. */
void ap_gate_leave_window(struct ap_ctl *ctl) AP_COLD;
/** ap_gate_before_fold(), ap_gate_after_fold() - in the slow path of a thread: see which functions its events are of; when
 * all are folded, demote and promote by what the hooks cost. */
void ap_gate_before_fold(struct ap_control *c, struct ap_ctl *ctl);
void ap_gate_after_fold(struct ap_control *c, struct ap_shard *shard, struct ap_ctl *ctl);
/** ap_gate_of() - the gate of the function at @address, open or closed. @gates: or NULL. Return: NULL when it never had one. */
static inline const struct ap_gate *ap_gate_of(const struct ap_gates *gates, uint64_t address)
{
	const uint32_t i = gates ? ap_gate_find(gates->gate, address) : AP_GATES;
	return i < AP_GATES ? &gates->gate[i] : NULL;
}
/** ap_gate_free() - the place of a new gate for the function at @address. Return: NULL: no room. */
static inline struct ap_gate *ap_gate_free(struct ap_gate *gates, uint64_t address)
{
	for (uint32_t k = 0; k < AP_GATES_NEAR; k++) {
		struct ap_gate *gate = &gates[ap_gate_place(address, k)];
		if (!gate->function)
			return gate;
	}
	return NULL;
}
/** ap_gates_join() - close the calling thread's gates of functions that are patched. It is in no window; signal-safe. */
void ap_gates_join(struct ap_control *c, struct ap_ctl *ctl) AP_COLD;
/** ap_gates_unload() - opens gates of all threads whose functions may be unloaded: one was. No such gate is closed any more. */
void ap_gates_unload(struct ap_control *c);
/** ap_gates_off() - from now on hooks record all calls, whatever is demoted: the program ends. */
void ap_gates_off(void);
/** ap_gates_take() - a table for a thread: all its gates are open. Return: NULL: no memory. */
struct ap_gates *ap_gates_take(struct ap_control *c, struct ap_thread *thread);
/** ap_gates_give() - the thread is over and all of its events are folded: its table is for others. What it counted stays there. */
void ap_gates_give(struct ap_control *c, struct ap_thread *thread);

/** ap_gate_pass() - a call that is recorded looks whether hooks that are patched go or come back, as one in AP_LOOK_CALLS does, and any
 * where none has for long. */
void ap_gate_pass(struct ap_ctl *ctl);
#define AP_LOOK_CALLS 64u

/* patch.c */
/** ap_patch_look() - begin with it when there is a list of hooks; ask for one when there is none; make a turn that nobody made.
 * Slow path of a thread with closed gates. */
void ap_patch_look(struct ap_control *c, struct ap_ctl *ctl);
/** ap_patch_goes_on() - are hooks patched, or may they be yet? */
bool ap_patch_goes_on(void);
/** ap_patch_due() - has nobody looked for long at @time, of an event: 48 bits of it? Right within hours. */
static inline bool ap_patch_due(uint64_t time)
{
	const uint64_t due = __atomic_load_n(&ap_runtime.patch_due, __ATOMIC_RELAXED);
	return (int64_t)((time - due) << 16) >= 0;
}
/** ap_patch_pace_counts() - one of others' looks, at @ticks. Return: is it time for a turn? */
bool ap_patch_pace_counts(uint64_t ticks);
/** ap_patch_turn() - the next phase begins, if it is time. Any thread, @ctl: its own; signal-safe. */
void ap_patch_turn(struct ap_control *c, struct ap_ctl *ctl) AP_COLD;
bool ap_patch_asleep(void);
/** ap_patch_phase() - the how many-th one with hooks it is. */
uint32_t ap_patch_phase(void);
/** ap_patch_stop() - for good. Slow path. Return: false: not yet. */
bool ap_patch_stop(struct ap_control *c);
/** ap_patch_end() - the same, and waits until whoever is at it is done. */
void ap_patch_end(struct ap_control *c);
/** ap_patch_before_fork(), ap_patch_after_fork() - no turn is under way meanwhile: it holds a descriptor, which the child would
 * keep. ap_patch_child() - all hooks of a forked child come back, which has one thread. Return: were they out?
 * ap_patch_child_starts() - it has a spool, which is told what was missed. */
void ap_patch_before_fork(void);
void ap_patch_after_fork(void);
bool ap_patch_child(void);
void ap_patch_child_starts(struct ap_control *c, bool were_out);

/* pattern.c */
/** ap_patterns_match() - which patterns of a comma-separated list are @name? Return: bit i: the i-th of the first 64. */
uint64_t ap_patterns_match(const char *list, const char *name);
uint64_t ap_patterns_count(const char *list);
/** ap_pattern_qualified() - of a linkage name of C++, the qualified name without arguments, into @ret[@size]. Return: false
 * where it cannot be told. */
bool ap_pattern_qualified(const char *symbol, char *ret, size_t size);

/* elf.c */
/** A file in memory, and its names. */
struct ap_elf {
	const char *file;
	uint64_t file_bytes;
	const char *symbols, *names;
	uint64_t symbols_n, names_bytes;
};
/** ap_elf_symbols() - find the names in a file of whatever contents. Return: has it any? */
bool ap_elf_symbols(struct ap_elf *elf);
/** ap_elf_function() - symbol @i < symbols_n. Return: the function's name, in the file; NULL: it is none that is defined
 * there. */
const char *ap_elf_function(const struct ap_elf *elf, uint64_t i, uint64_t *ret_value);

/* shard.c */
struct ap_shard *ap_shard_acquire(struct ap_control *c, struct ap_ctl *ctl, bool lagging);
void ap_shard_release(struct ap_shard *shard);
bool ap_shard_first(struct ap_control *c);
#define AP_SHARD_STACK_BYTES 16384u
#define AP_CACHE_LOG2 12
struct ap_cache_entry {
	uint64_t key;
	uint32_t node;
	ap_ref stat;
};
/** ap_shard_node_stat() - counters of a node in a shard, made at first use; falls back to "(other)". */
struct ap_node_stat *ap_shard_node_stat(struct ap_control *c, struct ap_shard *shard,
					uint32_t node);
struct ap_function_stat *ap_shard_function_stat(struct ap_control *c, struct ap_shard *shard,
						uint32_t function);
/** ap_shard_count() - make the row for bucket @j of the directory at @dir and count @n. */
void ap_shard_count(struct ap_control *c, ap_ref *dir, uint32_t j, uint64_t n);
bool ap_shard_self_wanted(struct ap_control *c);

/* fold.c */
/** Which holes (slots reserved and not stored) a fold gives up and counts as torn; it stops at the others. */
enum ap_tear {
	AP_TEAR_NONE,
	AP_TEAR_OLD, /* those in chunks that are not the last */
	AP_TEAR_ALL,
};
/** ap_fold() - fold a thread's finished events into @shard. Slow path; wait-free. */
void ap_fold(struct ap_control *c, struct ap_shard *shard, struct ap_thread *thread,
	     enum ap_tear tear);
/** ap_fold_close_all() - close all open frames: the thread has ended. */
void ap_fold_close_all(struct ap_control *c, struct ap_shard *shard, struct ap_thread *thread,
		       uint64_t end_ticks);

/* ring.c */
/** ap_slow() - record an event that found no slot in the chunk in use. Any thread; signal-safe.
 * @word: without lap
 * @slot: what was reserved; 0: nothing, there is no ring */
void ap_slow(uint64_t word, uint64_t time, uint64_t slot) AP_COLD;
/** ap_record() - record an event: the hot path, for callers that are no hooks. */
void ap_record(uint64_t word, uint64_t time);
/** ap_record_special() - a special event, only where the thread already has a ring. */
void ap_record_special(enum ap_special subject, uint64_t value);
/** ap_record_gap() - what the calling thread did from @since (ticks) until now was our work. */
void ap_record_gap(uint64_t since);
/** ap_task_runs() - does that thread, or process, still run in some memory? One that is being ended does not, whatever its state. */
bool ap_task_runs(uint32_t tid);
/** ap_flush() - fold the calling thread's events now. @last: the thread ends: close its frames too.
 * Return: is there nothing left to fold? False when no shard was free. */
bool ap_flush(bool last);
/** ap_flush_patiently() - the same for a thread that goes on: threads that were preempted in a fold may hold all shards for a
 * moment, so it lets them run, a bounded number of times, and then takes a new one. */
void ap_flush_patiently(void);

/* thread.c */
bool ap_thread_register(struct ap_control *c, uint64_t time);
void ap_thread_release(struct ap_control *c, struct ap_ctl *ctl);
/** ap_thread_claim_gone() - find a thread that has ended without release: it called after its last destructor, or ended
 * by the bare system call. It is the caller's: to fold, to close, and to bury. Return: NULL when none was found.
 * ap_thread_bury() - all is folded and closed: its record and memory are for others. */
struct ap_ctl *ap_thread_claim_gone(struct ap_control *c, struct ap_thread **ret_thread);
void ap_thread_bury(struct ap_control *c, struct ap_thread *thread);
/** ap_thread_settled() - is every event folded? Only then are the open frames those of this moment. */
bool ap_thread_settled(const struct ap_control *c, const struct ap_thread *thread);
void ap_thread_key_init(void);
/** ap_block_pop(), ap_block_push() - a list of blocks that nobody uses; its links are their first words. Return: 0: none. */
ap_ref ap_block_pop(struct ap_control *c, ap_ref *list);
void ap_block_push(struct ap_control *c, ap_ref *list, ap_ref ref);
struct ap_thread *ap_thread_at(const struct ap_control *c, uint32_t id);
ap_ref ap_chunk_new(struct ap_control *c, uint32_t slots, uint32_t thread);
void ap_chunk_free(struct ap_control *c, ap_ref chunk);
/** ap_chunk_keep() - a hook may come back and store into this chunk: nobody else gets it before the thread ends.
 * ap_chunk_kept() - use one of those again. Return: 0 when there is none of @slots or more. */
void ap_chunk_keep(struct ap_control *c, struct ap_thread *thread, ap_ref chunk);
ap_ref ap_chunk_kept(struct ap_control *c, struct ap_thread *thread, uint32_t slots);
/** ap_frames_grow() - twice the room for open frames of a stack. Return: false at the limit or without memory. */
bool ap_frames_grow(struct ap_control *c, ap_ref *frames, uint32_t *most);
void ap_threads_freeze(struct ap_control *c);

/* inherit.c */
void ap_thread_inherit(struct ap_control *c, struct ap_thread *thread);
/** ap_fork_prepare(), ap_fork_parent(), ap_fork_child() - around a fork: what the child will inherit. */
void ap_fork_prepare(void);
void ap_fork_parent(void);
void ap_fork_child(void);

/* fiber.c: any thread; nothing here may be called by a hook */
struct ap_fiber *ap_fiber_at(const struct ap_control *c, uint32_t id);
/** ap_fiber_made() - a context was made that will run on this stack. */
void ap_fiber_made(uint64_t start, uint64_t bytes);
/** ap_fiber_of_stack() - the fiber on whose stack this is; 0: none that was made known. */
uint32_t ap_fiber_of_stack(uint64_t stack_pointer);
/** ap_fiber_first_time() - is this the first to go on to a context that was made? Says so once. */
bool ap_fiber_first_time(uint32_t id);
/** ap_fiber_switch() - the thread is about to go on on another stack; 0: its own. */
void ap_fiber_switch(uint32_t id);
/** ap_fiber_switch_to_key(), ap_fiber_end_key() - the same for fibers that the program names by a number. */
void ap_fiber_switch_to_key(uint64_t key);
void ap_fiber_end_key(uint64_t key);

/* start.c */
/** ap_start() - bring the runtime up in this process, once. Return: is it on?
 * @environment: the constructor's; NULL: an event is to be recorded, dropped if another thread is at the start */
bool ap_start(char *const *environment);
/** ap_start_possible() - are we relocated, and is libc ready? Before that an event is dropped, and counted. */
bool ap_start_possible(void);
void ap_inert(const char *why, long error);
/** ap_switch_off() - from now on hooks return at once, and read no clock; in children too.
 * ap_switch_on() - it did not come to what it was for. */
void ap_switch_off(void);
void ap_switch_on(void);
void ap_start_hide_parent(void);

/* instrument/calibrate.c */
/** ap_hooks_calibrate() - measure what a call's hooks cost, here and now: ap_runtime.hook_cost. Start only, signals blocked.
 * ap_hooks_calibrate_again() - once more; the mean of all goes into @c's spool. Slow path; for where another thread is at it.
 * ap_hooks_write() - into the spool. */
void ap_hooks_calibrate(void);
void ap_hooks_calibrate_again(struct ap_control *c);
void ap_hooks_write(struct ap_spool_header *h);

/* end.c */
/** ap_end() - the process announces its end: fold, freeze, have the report made, wait for it.
 * @wait: false when nobody waits (exec, abort). */
void ap_end(enum ap_end kind, int status, bool wait);
void ap_end_exec(bool begin);
void ap_end_abort(void);
/** ap_confine() - recording ends before system calls may become deadly; nothing of ours makes one after that.
 * @begin: false when it did not come to that: recording goes on. Return: was it this process that recorded? */
bool ap_confine(bool begin);
void ap_usage_update(struct ap_control *c);
/** ap_hook_ticks_x1000() - what a recorded call costs now. */
uint64_t ap_hook_ticks_x1000(const struct ap_spool_header *h);

/* attendant.c */
bool ap_attendant_start(struct ap_control *c);
/** ap_attendant_wake() - end.c: who watches us has something to look at. */
void ap_attendant_wake(struct ap_control *c);
void ap_attendant_find(void);
bool ap_recorded_anything(const struct ap_control *c);

/* signals.c */
uint64_t ap_signals_block(void);
void ap_signals_restore(uint64_t mask);
/** ap_altstack_value() - what an event says of the alternate stack @stack (a stack_t) of the calling thread. */
uint64_t ap_altstack_value(const stack_t *stack);
struct ap_altstack ap_altstack_now(void);
uint32_t ap_gettid(void);
uint32_t ap_getpid(void);

#endif
